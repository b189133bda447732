# Purpose: the guest of a Mayfly machine with Windows: asks the controller for work, runs GitHub's runner once, says how it ended, powers the VM off.
# Input: the seed. Result: a VM that is off. Not to be repeated: the seed is put away when it is read.
# What it keeps to: ../contract.md. Runs in Windows PowerShell 5.1 and PowerShell 7, as SYSTEM.
# NB: this file and its parts are ASCII: 5.1 takes a file without a mark for one in the system's old code page.
#
# For tests, which run it as an ordinary process:
#   MAYFLY_SYSTEM           the folder of system.ps1, if it is another
#   MAYFLY_REFUSED_SECONDS  how long to ask again after a 401
#   MAYFLY_SEED_SECONDS     how long to look for the seed
#   MAYFLY_TESTED_SECONDS   how long to stay after the self-test
[CmdletBinding()]
param([switch] $Version)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$guestVersion = '1'
$guest = @{ Machine = ''; Url = ''; Token = ''; LifeSeconds = 0; Authority = $null; Secrets = @(); HasTold = $false; ExitCode = 0 }
$systemFolder = $PSScriptRoot
if ($env:MAYFLY_SYSTEM) { $systemFolder = $env:MAYFLY_SYSTEM }
$testedSeconds = 120
if ($env:MAYFLY_TESTED_SECONDS) { $testedSeconds = [int] $env:MAYFLY_TESTED_SECONDS }
. (Join-Path $systemFolder 'system.ps1')
. (Join-Path $PSScriptRoot 'https.ps1')
. (Join-Path $PSScriptRoot 'calls.ps1')
. (Join-Path $PSScriptRoot 'seed.ps1')
. (Join-Path $PSScriptRoot 'runner.ps1')

# NB: whatever happens ends in a power-off, but that nobody left a seed: then this VM is not ours, whatever else is wrong with it.
function Invoke-Guest {
    $isOurs = $true
    try {
        try {
            Initialize-Run
        } finally {
            $seed = Find-Seed
            $isOurs = $null -ne $seed
        }
        if (-not $isOurs) {
            Write-Said 'no seed: Mayfly did not start this VM, it is left alone'
            return
        }
        if ($seed.Text.StartsWith($testLine)) { Test-Image; return }
        Read-Seed $seed
        Start-LifeLimit $guest.LifeSeconds
        if (-not (Test-Path -LiteralPath $places.Listener)) { throw "there is no runner in $($places.Runner)" }
        $registration = Request-Work
        if ($null -ne $registration) { Invoke-Runner $registration }
    } catch {
        $guest.ExitCode = 1
        Write-Said $_.Exception.Message
        if ($guest.Token -and -not $guest.HasTold) { Send-Failure $_.Exception.Message }
    } finally {
        if ($isOurs) {
            Write-Said 'powering off'
            Stop-Machine
        }
    }
}

# The image tries itself; what it says is read on the console. See: ../contract.md, "The self-test".
# NB: Nova gives no console of a server that is off, so there is time to read it.
function Test-Image {
    Write-Said 'trying this image'
    foreach ($line in & (Join-Path $PSScriptRoot 'self-test.ps1')) { Write-Console $line }
    Start-Sleep -Seconds $testedSeconds
}

# NB: never throws: it is called on the way to the power-off, and a log that cannot be written is no reason to stay.
function Write-Said([string] $text) {
    [Console]::Error.WriteLine("mayfly: $text")
    $now = [DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ssZ')
    try { [IO.File]::AppendAllText($places.GuestLog, "$now $text`n") } catch { [Console]::Error.WriteLine('mayfly: the log cannot be written') }
}

# Asks for work until there is some, or there is none for this machine.
function Request-Work {
    $claim = @{ machine = $guest.Machine; os = 'windows'; arch = $places.Arch; guestVersion = $guestVersion; runnerVersion = (Get-RunnerVersion) }
    $body = ConvertTo-Json $claim -Compress
    $refusedSeconds = 300
    if ($env:MAYFLY_REFUSED_SECONDS) { $refusedSeconds = [int] $env:MAYFLY_REFUSED_SECONDS }
    $pauses = 100, 200, 500, 1000, 2000, 5000
    $tries = 0
    $refused = $null
    Write-Said "asking for work at $($guest.Url)"
    while ($true) {
        $answer = Invoke-Call 'claim' $body 'application/json' 40
        switch ($answer.Status) {
            200 { return ConvertTo-Registration $answer.Body }
            410 { Write-Said 'there is no work for this machine'; return }
        }
        if ($answer.Status -eq 401) {
            if ($null -eq $refused) { $refused = [Diagnostics.Stopwatch]::StartNew() }
            if ($refused.Elapsed.TotalSeconds -ge $refusedSeconds) { Write-Said 'the controller does not know this machine'; return }
        } else {
            $refused = $null
        }
        if ($answer.Status -eq 204) { $tries = 0; continue }
        Start-Sleep -Milliseconds $pauses[[Math]::Min($tries, 5)]
        $tries++
    }
}

# NB: the runner itself takes seconds to tell its version, so its installation writes it down.
function Get-RunnerVersion {
    if (-not (Test-Path -LiteralPath $places.VersionFile)) { return 'unknown' }
    $told = [IO.File]::ReadAllText($places.VersionFile).Trim()
    if ($told -match '^[A-Za-z0-9.-]{1,40}$') { return $told }
    return 'unknown'
}

function ConvertTo-Registration([string] $body) {
    $registration = ConvertFrom-Json $body
    foreach ($kind in 'jit', 'token') {
        if ($body -match ('"registration" *: *"' + $kind + '"') -and $registration.PSObject.Properties[$kind]) {
            $guest.Secrets += $registration.$kind
            return $registration
        }
    }
    throw "the controller's answer holds no registration"
}

if ($Version) {
    $guestVersion
} else {
    Invoke-Guest
    exit $guest.ExitCode
}
