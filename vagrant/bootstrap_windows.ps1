# Purpose: makes a VM of any Windows box Mayfly's: installs the guest program and GitHub's runner where the box has them not, puts the seed in its place,
# and starts the guest program.
# Input: C:\tmp\mayfly with seed.json, runner.lock.json and the folder windows\ of the repository's guest\; MAYFLY_RUNNER_MIRROR if the runner
# is not to come from GitHub. Run by Vagrant as an administrator. Result: the guest program runs; the last line says so, and
# src/drivers/vagrant-build.ts looks for it. Safe to repeat until then.
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$from = 'C:\tmp\mayfly'
$seed = Join-Path $env:ProgramData 'Mayfly\seed.json'
$task = 'Mayfly guest'
$stopSeconds = 60

function Start-Bootstrap {
    try {
        Stop-Guest
        & "$from\windows\install-guest.ps1"
        & "$from\windows\install-runner.ps1"
        Move-Seed
        Start-ScheduledTask -TaskName $task
    } finally {
        Remove-Item -LiteralPath $from -Recurse -Force
    }
    Write-Output 'mayfly: the guest program was started'
}

# In a box that holds the guest program it was started at boot, and is at its end, or still looks for a seed.
# NB: a task that was told to stop runs on for a moment, and while it does its run-as.dll cannot be replaced.
function Stop-Guest {
    if ($null -eq (Get-ScheduledTask -TaskName $task -ErrorAction SilentlyContinue)) { return }
    Stop-ScheduledTask -TaskName $task
    $asked = [Diagnostics.Stopwatch]::StartNew()
    while ((Get-ScheduledTask -TaskName $task).State -eq 'Running') {
        if ($asked.Elapsed.TotalSeconds -ge $stopSeconds) { throw "the box's own guest program has not ended within $stopSeconds seconds" }
        Start-Sleep -Milliseconds 200
    }
}

function Move-Seed {
    # NB: copied, for a file that is moved keeps the rights of the folder that it comes from.
    Copy-Item -LiteralPath "$from\seed.json" -Destination $seed -Force
    [IO.File]::WriteAllBytes("$from\seed.json", [byte[]]::new([int] (Get-Item -LiteralPath "$from\seed.json").Length))
}

Start-Bootstrap
