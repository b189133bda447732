# Purpose: installs the guest program and its tasks on this machine: in an image while it is built, or over WinRM or SSH in a VM of another.
# Input: the files beside this script. Result: C:\Program Files\Mayfly, C:\ProgramData\Mayfly, the user `runner`, and the task 'Mayfly guest',
# which starts with the next boot. Safe to repeat. Needs an administrator. Runs in Windows PowerShell 5.1 and PowerShell 7.
[CmdletBinding()]
param()

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

$target = Join-Path $env:ProgramFiles 'Mayfly'
$data = Join-Path $env:ProgramData 'Mayfly'
$programs = 'mayfly-guest.ps1', 'system.ps1', 'https.ps1', 'calls.ps1', 'seed.ps1', 'runner.ps1', 'job-started.ps1', 'life-limit.ps1', 'self-test.ps1', 'run-as.cs'
$windowsPowerShell = Join-Path $env:SystemRoot 'System32\WindowsPowerShell\v1.0\powershell.exe'
$system = 'S-1-5-18'
$administrators = 'S-1-5-32-544'
$users = 'S-1-5-32-545'

function Install-Guest {
    Install-User
    Install-Program
    Install-Folder
    Install-Task 'Mayfly guest' 'mayfly-guest.ps1' (New-ScheduledTaskTrigger -AtStartup)
    Install-Task 'Mayfly life limit' 'life-limit.ps1' $null
    Set-Policy
    Test-Installed
    Write-Output 'install-guest: the guest program is installed'
}

# NB: not by New-LocalUser, which PowerShell 7 does not always have; nor by net.exe, which would show the password to everybody.
# The password is forgotten here: each boot sets another.
function Install-User {
    $computer = [ADSI] "WinNT://$env:COMPUTERNAME,computer"
    $names = $computer.Children | Where-Object { $_.SchemaClassName -eq 'User' } | ForEach-Object { [string] $_.Name }
    if ($names -contains 'runner') { return }
    $bytes = [byte[]]::new(24)
    [Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
    $user = $computer.Create('User', 'runner')
    $user.SetPassword('aA1!' + [Convert]::ToBase64String($bytes))
    $user.SetInfo()
    # NB: a group has its name in the system's language. Who is in this one may log on, and is no administrator.
    $group = [Security.Principal.SecurityIdentifier]::new($users).Translate([Security.Principal.NTAccount]).Value.Split('\')[-1]
    ([ADSI] "WinNT://$env:COMPUTERNAME/$group,group").Add("WinNT://$env:COMPUTERNAME/runner,user")
}

# NB: compiled once, by Windows PowerShell: what PowerShell 7 compiles does not load in 5.1, and to compile at each boot takes a second or more.
function Install-Program {
    [void] [IO.Directory]::CreateDirectory($target)
    foreach ($program in $programs) { Copy-Item -LiteralPath (Join-Path $PSScriptRoot $program) -Destination $target -Force }
    $assembly = Join-Path $target 'run-as.dll'
    if (Test-Path -LiteralPath $assembly) { Remove-Item -LiteralPath $assembly -Force }
    & $windowsPowerShell -NoProfile -NonInteractive -Command "Add-Type -Path '$target\run-as.cs' -OutputAssembly '$assembly'"
    if (-not (Test-Path -LiteralPath $assembly)) { throw 'run-as.cs could not be compiled' }
}

# Only SYSTEM and administrators see the seed and the logs; the runner may leave a mark.
function Install-Folder {
    [void] [IO.Directory]::CreateDirectory($data)
    Invoke-Icacls $data '/inheritance:r' '/grant:r' "*${system}:(OI)(CI)F" "*${administrators}:(OI)(CI)F"
    [void] [IO.Directory]::CreateDirectory("$data\mark")
    Invoke-Icacls "$data\mark" '/grant:r' 'runner:(OI)(CI)M'
}

function Invoke-Icacls {
    & icacls.exe @args /q | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "icacls $args failed" }
}

# NB: a task is ended after 72 hours, and has less of the processor and the disk than other programs, if it is not told otherwise; its
# children too, so a job.
function Install-Task([string] $name, [string] $program, $trigger) {
    $arguments = '-NoProfile -NonInteractive -ExecutionPolicy Bypass -File "{0}"' -f (Join-Path $target $program)
    $task = @{
        TaskName  = $name
        Action    = New-ScheduledTaskAction -Execute $windowsPowerShell -Argument $arguments
        Principal = New-ScheduledTaskPrincipal -UserId $system -LogonType ServiceAccount -RunLevel Highest
        Settings  = New-ScheduledTaskSettingsSet -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit ([TimeSpan]::Zero) -Priority 4
    }
    if ($null -ne $trigger) { $task.Trigger = $trigger }
    Register-ScheduledTask @task -Force | Out-Null
}

# NB: Windows 10 and 11 run no scripts at all at first, and so neither the hook nor any step of a job with `shell: powershell`.
function Set-Policy {
    & $windowsPowerShell -NoProfile -NonInteractive -Command 'Set-ExecutionPolicy -ExecutionPolicy RemoteSigned -Scope LocalMachine -Force'
}

function Test-Installed {
    $told = & $windowsPowerShell -NoProfile -NonInteractive -ExecutionPolicy Bypass -File (Join-Path $target 'mayfly-guest.ps1') -Version
    if ($LASTEXITCODE -ne 0 -or $told -notmatch '^\d+$') { throw 'the program does not run' }
    foreach ($name in 'Mayfly guest', 'Mayfly life limit') { Get-ScheduledTask -TaskName $name | Out-Null }
}

Install-Guest
