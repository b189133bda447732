# Purpose: part of mayfly-guest.ps1: what only Windows can do. Tests put another file in its place, with the same names.

$data = Join-Path $env:ProgramData 'Mayfly'
$runFolder = Join-Path $data 'run'
$places = @{
    Arch        = 'x64'
    SeedFile    = Join-Path $data 'seed.json'
    VersionFile = Join-Path $data 'runner-version'
    GuestLog    = Join-Path $runFolder 'guest.log'
    RunnerLog   = Join-Path $runFolder 'runner.log'
    Mark        = Join-Path $data 'mark\job-started'
    Runner      = 'C:\actions-runner'
    Listener    = 'C:\actions-runner\bin\Runner.Listener.exe'
    Hook        = Join-Path $PSScriptRoot 'job-started.ps1'
}
if ($env:PROCESSOR_ARCHITECTURE -eq 'ARM64') { $places.Arch = 'arm64' }
$runnerUser = 'runner'
$runnerPassword = ''
$metadataAddress = '169.254.169.254', 'fe80::a9fe:a9fe'

Add-Type -Path (Join-Path $PSScriptRoot 'run-as.dll')

# NB: the folder's rights come from the one above, which install-guest.ps1 has closed to everybody but SYSTEM and administrators.
function Initialize-Run {
    [void] [IO.Directory]::CreateDirectory($runFolder)
}

# A mark of an earlier boot would be taken for this job's.
function Initialize-Mark {
    if (Test-Path -LiteralPath $places.Mark) { Remove-Item -LiteralPath $places.Mark -Recurse -Force }
}

# --- the seed ---

function Find-SeedDisk {
    $found = [Mayfly.SeedDisk]::Find()
    if ($null -ne $found) { return @{ Path = $found[0]; Text = $found[1] } }
}

function Clear-SeedDisk([string] $path) {
    [Mayfly.SeedDisk]::Wipe($path)
}

function Get-ConfigDrive {
    foreach ($drive in [IO.DriveInfo]::GetDrives()) {
        if ($drive.IsReady -and $drive.VolumeLabel -eq 'config-2') { $drive.RootDirectory.FullName }
    }
}

# Takes the drive out of the system, and closes the metadata service. Only an administrator could undo either.
# NB: without its letter a drive can still be read by its volume's name; without its device it cannot.
function Hide-ConfigDrive([string] $root) {
    foreach ($address in $metadataAddress) {
        & netsh.exe advfirewall firewall add rule name="Mayfly: no metadata" dir=out action=block remoteip=$address | Out-Null
        if ($LASTEXITCODE -ne 0) { Write-Said "the metadata service could not be closed: the job can read the user data there" }
    }
    $letter = $root.Substring(0, 2)
    $device = Get-CimInstance -ClassName Win32_CDROMDrive -Filter "Drive='$letter'"
    if ($null -eq $device) { throw 'it is no CD drive' }
    Disable-PnpDevice -InstanceId $device.PNPDeviceID -Confirm:$false
}

# --- the runner's user ---

# A password for this boot, which nobody knows.
function Set-RunnerPassword {
    $bytes = [byte[]]::new(24)
    $random = [Security.Cryptography.RandomNumberGenerator]::Create()
    $random.GetBytes($bytes)
    $random.Dispose()
    # NB: the beginning has what Windows demands of a password: small and large letters, a digit, and a sign.
    $script:runnerPassword = 'aA1!' + [Convert]::ToBase64String($bytes)
    [Mayfly.OtherUsersProcess]::SetPassword($runnerUser, $runnerPassword)
}

function Start-AsRunner([string] $file, [string] $arguments, [hashtable] $environment, [string] $log = $places.RunnerLog) {
    return [Mayfly.OtherUsersProcess]::Start($runnerUser, $runnerPassword, $file, $arguments, $places.Runner, $log, $environment)
}

# Adds the tail of the runner's own newest log to what it said.
# WARN: read as the runner's user: a job could have put a way to any file here, and SYSTEM would send it.
function Copy-RunnerLog {
    $newest = Get-ChildItem -Path (Join-Path $places.Runner '_diag\Runner_*.log') | Sort-Object -Property Name | Select-Object -Last 1
    if ($null -eq $newest -or $newest.Name -notmatch '^Runner_[\w-]+\.log$') { return }
    [IO.File]::AppendAllText($places.RunnerLog, "--- $($newest.Name)`n")
    $type = Start-AsRunner (Join-Path $env:SystemRoot 'System32\cmd.exe') "/d /c type _diag\$($newest.Name)" @{}
    [void] $type.WaitForExit(10000)
}

# --- the end ---

# On the serial port, whose output Nova keeps as the server's console.
function Write-Console([string] $line) {
    Write-Said $line
    try {
        $port = [IO.Ports.SerialPort]::new('COM1', 115200)
        $port.Open()
        $port.WriteLine($line)
        $port.Close()
    } catch {
        Write-Said "there is no console: $($_.Exception.Message)"
    }
}

# Powers off when the machine's life is over, whatever becomes of this program.
# NB: a task that sleeps, and none that is due at a time: Windows sets the clock of a fresh VM a while after it has started.
function Start-LifeLimit([int] $seconds) {
    [IO.File]::WriteAllText((Join-Path $runFolder 'life-seconds'), "$seconds")
    & schtasks.exe /run /tn 'Mayfly life limit' | Out-Null
    if ($LASTEXITCODE -ne 0) { throw 'the limit of the machine''s life could not be set' }
}

# NB: nothing on the VM's disks is kept, so no program needs to be asked.
function Stop-Machine {
    & shutdown.exe /p /f
}
