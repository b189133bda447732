# Purpose: says whether the image that this VM was made of is as it must be. mayfly-guest.ps1 calls it for user data that begin with MAYFLYSELFTEST1.
# Input: none. Result: one line, which the guest brings to the console:
#     MAYFLY-SELFTEST ok runner=2.337.0 guest=1 os=windows ...      or      MAYFLY-SELFTEST failed: what is wrong; what else is wrong
# Safe to repeat. Needs an administrator. See: ../contract.md, "The self-test".
# NB: nothing is asked of the cloud's metadata: here the guest closes them, when it puts a seed away, and not the image.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$runner = 'C:\actions-runner'
$leastFreeMiB = 512
$matlabSeconds = 600
$administrators = 'S-1-5-32-544'
$faults = @()
$told = @()

function Test-Image {
    $runnerVersion = Get-ToldVersion
    $noted = Get-NotedVersion
    if (-not $runnerVersion) { $script:faults += 'the runner does not start' }
    if ($runnerVersion -ne $noted) { $script:faults += "the runner is version $runnerVersion, and was noted as $noted" }
    Test-Right
    Test-Clock
    Test-Disk
    Test-Matlab (Get-Fact 'mayfly_matlab_release')
    if ($faults.Count -gt 0) { return "MAYFLY-SELFTEST failed: $($faults -join '; ')" }
    $guestVersion = & (Join-Path $PSScriptRoot 'mayfly-guest.ps1') -Version
    return (@('MAYFLY-SELFTEST ok', "runner=$runnerVersion", "guest=$guestVersion", 'os=windows') + $told) -join ' '
}

# A text of the image's own description, or nothing.
function Get-Fact([string] $name) {
    $file = Join-Path $env:ProgramData 'Mayfly\image.json'
    if (-not (Test-Path -LiteralPath $file)) { return }
    $facts = ConvertFrom-Json ([IO.File]::ReadAllText($file))
    if ($facts.PSObject.Properties[$name]) { return $facts.$name }
}

# NB: asked of the runner itself: what was noted when it was installed could be of another one.
function Get-ToldVersion {
    if (-not (Test-Path -LiteralPath "$runner\bin\Runner.Listener.exe")) { return '' }
    $told = & "$runner\bin\Runner.Listener.exe" --version
    # NB: the guest takes a log that is left here for the trace of a job.
    if (Test-Path -LiteralPath "$runner\_diag") { Remove-Item -LiteralPath "$runner\_diag" -Recurse -Force }
    return [string] $told
}

function Get-NotedVersion {
    $file = Join-Path $env:ProgramData 'Mayfly\runner-version'
    if (-not (Test-Path -LiteralPath $file)) { return 'unknown' }
    return [IO.File]::ReadAllText($file).Trim()
}

function Test-Right {
    $members = Get-LocalGroupMember -SID $administrators | ForEach-Object { $_.Name.Split('\')[-1] }
    if ($members -contains 'runner') { $script:faults += 'the user runner is an administrator' }
}

# A clock that is behind the time when the image was built is wrong; how far it is ahead nobody here knows.
# NB: PowerShell 7 takes a text that is a time for one, 5.1 leaves it a text.
function Test-Clock {
    $built = Get-Fact 'mayfly_built_at'
    if ($null -eq $built) { return }
    $now = [DateTime]::UtcNow
    if ($now -lt ([DateTime] $built).ToUniversalTime()) { $script:faults += "the clock is wrong: it says $($now.ToString('s'))Z" }
}

function Test-Disk {
    $free = [Math]::Floor([IO.DriveInfo]::new($env:SystemDrive).AvailableFreeSpace / 1048576)
    if ($free -lt $leastFreeMiB) { $script:faults += "the disk has $free MiB left" }
}

# Started only where the image has a licence to start it with.
# NB: as SYSTEM, for only the guest can become the runner's user.
function Test-Matlab([string] $release) {
    if (-not $release) { return }
    $script:told += "matlab=$release"
    $folder = "C:\MATLAB\$release"
    if (-not (Test-Path -LiteralPath "$folder\bin\matlab.exe")) { $script:faults += 'there is no MATLAB'; return }
    $server = Get-LicenseServer
    if (-not $server -and -not (Test-Path -Path "$folder\licenses\*.lic")) { $script:told += 'matlab-started=no'; return }
    if ($server) { $env:MLM_LICENSE_FILE = $server }
    $log = Join-Path ([IO.Path]::GetTempPath()) 'mayfly-matlab.log'
    if (Test-Path -LiteralPath $log) { Remove-Item -LiteralPath $log -Force }
    # NB: with a word before the release, which is in the paths that an error tells, too.
    $arguments = '-wait', '-logfile', "`"$log`"", '-batch', "`"disp(['MAYFLY' version('-release')])`""
    $matlab = Start-Process -FilePath "$folder\bin\matlab.exe" -ArgumentList $arguments -PassThru
    $hasEnded = $matlab.WaitForExit($matlabSeconds * 1000)
    if ($hasEnded -and (Test-Path -LiteralPath $log) -and [IO.File]::ReadAllText($log).Contains("MAYFLY$($release.Substring(1))")) { return }
    $script:faults += "MATLAB $release does not start"
}

# As jobs get it. See: packer_windows/scripts/60-runner.ps1.
function Get-LicenseServer {
    if (-not (Test-Path -LiteralPath "$runner\.env")) { return }
    if ([IO.File]::ReadAllText("$runner\.env") -match '(?m)^MLM_LICENSE_FILE=(\S+)') { return $Matches[1] }
}

try { Test-Image } catch { "MAYFLY-SELFTEST failed: $($_.Exception.Message)" }
