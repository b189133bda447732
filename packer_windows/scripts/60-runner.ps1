# Purpose: step 60 of an image: the guest program with its user and its start at boot, and GitHub's runner, pinned by guest/runner.lock.json.
# Input: guest\ and the runner's archive in C:\mayfly-build\files, whose digest install-runner.ps1 compares.
# Result: as guest/windows/install-guest.ps1 and install-runner.ps1 say. Safe to repeat.

. C:\mayfly-build\lib.ps1

$env:MAYFLY_RUNNER_MIRROR = ([Uri]$files).AbsoluteUri
$env:MAYFLY_RUNNER_LOCK = "$build\guest\runner.lock.json"
& "$build\guest\windows\install-guest.ps1"
& "$build\guest\windows\install-runner.ps1"

if (-not (Test-Path "$runnerFolder\bin\Runner.Listener.exe")) { throw "there is no runner in $runnerFolder" }
# Jobs get the licence server by the runner's environment. See: guest/contract.md, "How the runner is run".
$server = Get-Setting 'MATLAB_LICENSE_SERVER'
if ($server) { Add-Content -Path "$runnerFolder\.env" -Value "MLM_LICENSE_FILE=$server" -Encoding ascii }
Say 'done'
exit 0
