# Purpose: stands in for guest/windows/system.ps1 where the guest program runs as an ordinary process, in PowerShell 7 on Linux: the same
# functions, on a folder in place of the disks. What is asked of Windows is written down in watch/log, as the commands of other systems are.
# Input: MAYFLY_ROOT, the folder; MAYFLY_POWEROFF, the command that powers off; MAYFLY_USER, who runs the runner.

$root = $env:MAYFLY_ROOT
$data = Join-Path $root 'ProgramData/Mayfly'
$runFolder = Join-Path $data 'run'
$places = @{
    Arch        = 'x64'
    SeedFile    = Join-Path $data 'seed.json'
    VersionFile = Join-Path $data 'runner-version'
    GuestLog    = Join-Path $runFolder 'guest.log'
    RunnerLog   = Join-Path $runFolder 'runner.log'
    Mark        = Join-Path $data 'mark/job-started'
    Runner      = Join-Path $root 'actions-runner'
    Listener    = Join-Path $root 'actions-runner/bin/Runner.Listener'
    Hook        = Join-Path $root 'hook/job-started.sh'
}
if ($env:MAYFLY_RUNNER) {
    $places.Runner = $env:MAYFLY_RUNNER
    $places.Listener = Join-Path $env:MAYFLY_RUNNER 'bin/Runner.Listener'
}

function Write-Watched([string] $line) {
    [IO.File]::AppendAllText((Join-Path $root 'watch/log'), "$line`n")
}

function Initialize-Run {
    [void] [IO.Directory]::CreateDirectory($runFolder)
    & chmod 700 $data
}

function Initialize-Mark {
    $folder = Split-Path -Parent $places.Mark
    [void] [IO.Directory]::CreateDirectory($folder)
    & chmod 711 $data
    & chmod 777 $folder
    if (Test-Path -LiteralPath $places.Mark) { Remove-Item -LiteralPath $places.Mark -Recurse -Force }
}

function Find-SeedDisk {
    Write-Watched 'Find-SeedDisk'
    $path = Join-Path $root 'disk'
    if (-not (Test-Path -LiteralPath $path)) { return }
    return @{ Path = $path; Text = [IO.File]::ReadAllText($path).Split([char] 0)[0] }
}

function Clear-SeedDisk([string] $path) {
    [IO.File]::WriteAllBytes($path, [byte[]]::new((Get-Item -LiteralPath $path).Length))
}

function Get-ConfigDrive {
    $path = Join-Path $root 'config-2'
    if (Test-Path -LiteralPath $path) { $path }
}

function Hide-ConfigDrive([string] $drive) {
    Write-Watched "Hide-ConfigDrive $drive"
}

function Set-RunnerPassword {
    Write-Watched 'Set-RunnerPassword'
}

# NB: the shell takes the arguments apart as Windows' programs do, as long as they hold no quotation marks of their own.
function Start-AsRunner([string] $file, [string] $arguments, [hashtable] $environment, [string] $log = $places.RunnerLog) {
    Write-Watched "Start-AsRunner $file $arguments"
    $user = ''
    if ((& id -u) -eq '0') { $user = "setpriv --reuid $env:MAYFLY_USER --regid $(& id -g $env:MAYFLY_USER) --init-groups --" }
    $start = [Diagnostics.ProcessStartInfo]::new('/bin/sh')
    $start.ArgumentList.Add('-c')
    $start.ArgumentList.Add("exec $user '$file' $arguments </dev/null >>'$log' 2>&1")
    $start.WorkingDirectory = $places.Runner
    $start.Environment.Clear()
    $start.Environment['PATH'] = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'
    $start.Environment['HOME'] = $root
    $start.Environment['RUNNER_ALLOW_RUNASROOT'] = '1'
    foreach ($name in $environment.Keys) { $start.Environment[$name] = $environment[$name] }
    return [Diagnostics.Process]::Start($start)
}

function Copy-RunnerLog {
    $newest = Get-ChildItem -Path (Join-Path $places.Runner '_diag/Runner_*.log') -ErrorAction SilentlyContinue | Sort-Object -Property Name | Select-Object -Last 1
    if ($null -eq $newest) { return }
    (Start-AsRunner '/usr/bin/tail' "-c 24000 '_diag/$($newest.Name)'" @{}).WaitForExit()
}

function Write-Console([string] $line) {
    Write-Said $line
}

function Start-LifeLimit([int] $seconds) {
    Start-Process -FilePath '/usr/bin/setsid' -ArgumentList "/bin/sh -c `"sleep $seconds; $env:MAYFLY_POWEROFF`""
}

function Stop-Machine {
    & $env:MAYFLY_POWEROFF
}
