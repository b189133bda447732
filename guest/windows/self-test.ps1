# Purpose: says whether the image that this VM was made of is as it must be. mayfly-guest.ps1 calls it for user data that begin with MAYFLYSELFTEST1.
# Input: none. Result: one line, which the guest brings to the console:
#     MAYFLY-SELFTEST ok runner=2.337.0 guest=1 os=windows      or      MAYFLY-SELFTEST failed: what is wrong; what else is wrong
# Safe to repeat. Needs an administrator. See: ../contract.md, "The self-test".
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$runner = 'C:\actions-runner'
$leastFreeMiB = 512
$administrators = 'S-1-5-32-544'
$faults = @()

function Test-Image {
    $runnerVersion = Get-ToldVersion
    $noted = Get-NotedVersion
    if (-not $runnerVersion) { $script:faults += 'the runner does not start' }
    if ($runnerVersion -ne $noted) { $script:faults += "the runner is version $runnerVersion, and was noted as $noted" }
    Test-Right
    Test-Disk
    if ($faults.Count -gt 0) { return "MAYFLY-SELFTEST failed: $($faults -join '; ')" }
    return "MAYFLY-SELFTEST ok runner=$runnerVersion guest=$(& (Join-Path $PSScriptRoot 'mayfly-guest.ps1') -Version) os=windows"
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

function Test-Disk {
    $free = [Math]::Floor([IO.DriveInfo]::new($env:SystemDrive).AvailableFreeSpace / 1048576)
    if ($free -lt $leastFreeMiB) { $script:faults += "the disk has $free MiB left" }
}

try { Test-Image } catch { "MAYFLY-SELFTEST failed: $($_.Exception.Message)" }
