# Purpose: part of mayfly-guest.ps1: runs GitHub's runner once, as its user, and tells how it ended.
# See: ../contract.md, "How the runner is run" and "Outcomes".

$startedSeconds = 5

function Invoke-Runner($registration) {
    Initialize-Mark
    Set-RunnerPassword
    $environment = @{
        ACTIONS_RUNNER_RETURN_JOB_RESULT_FOR_HOSTED         = '1'
        ACTIONS_RUNNER_RETURN_VERSION_DEPRECATED_EXIT_CODE = '1'
        ACTIONS_RUNNER_HOOK_JOB_STARTED                    = $places.Hook
        MAYFLY_MARK                                        = $places.Mark
    }
    if ($registration.registration -eq 'jit') {
        $environment.ACTIONS_RUNNER_INPUT_JITCONFIG = $registration.jit
    } else {
        $code = Register-Runner $registration
        if ($code -ne 0) { Send-End 1; return }
    }
    $runner = Start-AsRunner $places.Listener 'run' $environment
    $registration = $null
    $environment.Clear()
    Watch-Runner $runner
    Send-End $runner.ExitCode
}

# The registration's second way. NB: no text of the contract's holds a quotation mark or a backslash, so quoting is this simple.
function Register-Runner($registration) {
    $options = '--unattended --ephemeral --disableupdate --no-default-labels --work _work'
    $named = '--url "{0}" --name "{1}" --labels "{2}"' -f $registration.url, $registration.name, ($registration.labels -join ',')
    $runner = Start-AsRunner $places.Listener "configure $options $named" @{ ACTIONS_RUNNER_INPUT_TOKEN = $registration.token }
    while (-not $runner.WaitForExit(500)) { continue }
    return $runner.ExitCode
}

# Tells what becomes of it until it ends. Only that there is a mark counts: whoever left it is not trusted.
function Watch-Runner($runner) {
    $started = [Diagnostics.Stopwatch]::StartNew()
    $told = ''
    while (-not $runner.WaitForExit(300)) {
        if ($told -eq 'working') { continue }
        if (Test-Path -LiteralPath $places.Mark) {
            $told = 'working'
        } elseif ($told -eq '' -and $started.Elapsed.TotalSeconds -ge $startedSeconds) {
            $told = 'runner-started'
        } else {
            continue
        }
        Send-Report @{ stage = $told }
    }
}

function Send-End([int] $code) {
    $isResult = $code -ge 100 -and $code -le 105
    $ranJob = $isResult -or (Test-JobTrace)
    $text = Get-Outcome $code
    Write-Said "$text (exit code $code, a job had started: $ranJob)"
    if (-not $isResult) {
        Copy-RunnerLog
        Send-Log
    }
    Send-Report @{ stage = 'ended'; exitCode = $code; ranJob = $ranJob; text = $text }
    $guest.HasTold = $true
}

function Test-JobTrace {
    if (Test-Path -LiteralPath $places.Mark) { return $true }
    return (Test-Path -Path (Join-Path $places.Runner '_diag/Worker_*.log'))
}

# See: ../contract.md, "Outcomes".
function Get-Outcome([int] $code) {
    switch ($code) {
        100 { return 'the job succeeded' }
        101 { return 'the job succeeded with issues' }
        102 { return 'the job failed' }
        103 { return 'the job was cancelled' }
        104 { return 'the job was skipped' }
        105 { return 'the job was abandoned' }
        0 { return 'the runner ended' }
        1 { return 'the runner ended with an error: its configuration was refused' }
        2 { return 'the runner ended with an error that may pass' }
        { $_ -in 3, 4 } { return "the runner wanted to update itself: the image's runner is too old" }
        5 { return 'another runner holds this registration' }
        7 { return "GitHub refuses this version of the runner: the image's runner is too old" }
    }
    if ($code -gt 128 -and $code -le 192) { return "the runner was killed by signal $($code - 128)" }
    return 'the runner ended with an exit code that is not known'
}
