# Purpose: step 90 of an image, the last: what makes this machine itself, and what the build left behind, is removed; then sysprep.
# Input: MAYFLY_VAGRANT_USER, MAYFLY_KMS_SERVER; what is in answer_files\clone of C:\mayfly-build.
# Result: a machine that is generalized and still runs, for Packer to shut it down. Throws if sysprep fails or takes too long, with what it
#   noted. Not to be repeated: each sysprep takes one of the few rearms that a trial has.

. C:\mayfly-build\lib.ps1

$sysprepMinutes = 30
$sysprep = "$env:SystemRoot\System32\Sysprep"
$panther = "$sysprep\Panther"
$state = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State'

function Main {
    Close-Doors
    Remove-AppsOfOneUser
    Remove-Traces
    Set-FirstBoot
    # Drivers, installers, and perhaps a key and a licence.
    Remove-Item $build -Recurse -Force
    Invoke-Sysprep
}

# NB: what starts at boot would start in the middle of a clone's first one, which Windows cuts short by a restart. So it waits for the end.
function Set-FirstBoot {
    Copy-Item "$build\answer_files\clone\unattend.xml" "$sysprep\mayfly-unattend.xml" -Force
    Copy-Item "$build\forget-builder.ps1", "$build\answer_files\clone\cloud-name.cmd" $mayfly -Force
    $scripts = "$env:SystemRoot\Setup\Scripts"
    $null = New-Item -ItemType Directory -Force $scripts
    Copy-Item "$build\answer_files\clone\SetupComplete.cmd" "$scripts\SetupComplete.cmd" -Force
    # Where SetupComplete.cmd looks for it.
    $server = Get-Setting 'MAYFLY_KMS_SERVER'
    if ($server) { Write-Text "$mayfly\kms-server" "$server`r`n" }
    $null = Disable-ScheduledTask -TaskName 'Mayfly guest'
    if (Get-Service cloudbase-init -ErrorAction SilentlyContinue) { Set-Service cloudbase-init -StartupType Disabled }
}

# NB: the session that this runs in goes on; the doors are closed for the clones.
function Close-Doors {
    $winlogon = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
    foreach ($name in 'AutoAdminLogon', 'DefaultUserName', 'DefaultPassword', 'AutoLogonCount') {
        Remove-ItemProperty -Path $winlogon -Name $name -ErrorAction SilentlyContinue
    }
    Get-Service WinRM | Set-Service -StartupType Disabled
    # For Vagrant's account SetupComplete.cmd opens it again.
    Set-Service sshd -StartupType Disabled
    if ((Get-Setting 'MAYFLY_VAGRANT_USER') -ne 'true') { Remove-NetFirewallRule -Name 'mayfly-build-ssh' }
}

# NB: an app that one user has, and the machine has not, stops sysprep with 0x80073cf2. See: actions/runner-images 14499.
function Remove-AppsOfOneUser {
    $provisioned = @(Get-AppxProvisionedPackage -Online | ForEach-Object DisplayName)
    Get-AppxPackage -AllUsers | Where-Object { -not $_.NonRemovable -and -not $_.IsFramework -and $provisioned -notcontains $_.Name } |
        ForEach-Object { Remove-AppxPackage -Package $_.PackageFullName -AllUsers -ErrorAction SilentlyContinue }
}

function Remove-Traces {
    Remove-Item "$env:ProgramData\ssh\ssh_host_*", "$panther\*" -Recurse -Force -ErrorAction SilentlyContinue
    # The answer file that Setup has put aside holds the builder's password.
    Remove-Item "$env:SystemRoot\Panther\unattend.xml", "$env:SystemRoot\Panther\autounattend.xml" -Force -ErrorAction SilentlyContinue
    Remove-Item "$runnerFolder\_diag" -Recurse -Force -ErrorAction SilentlyContinue
    foreach ($log in 'Application', 'System', 'Security', 'Setup') { wevtutil.exe clear-log $log }
}

# NB: sysprep can hang for ever, with nothing on its screen; and its exit code is 0 for most failures.
function Invoke-Sysprep {
    Say 'sealing'
    # NB: this service is known to make it hang.
    Stop-Service iphlpsvc -Force -ErrorAction SilentlyContinue
    $arguments = '/generalize', '/oobe', '/quit', '/quiet', "/unattend:$sysprep\mayfly-unattend.xml"
    $process = Start-Process -FilePath "$sysprep\sysprep.exe" -ArgumentList $arguments -PassThru
    $hasEnded = $process.WaitForExit($sysprepMinutes * 60000)
    $found = (Get-ItemProperty $state).ImageState
    if ($hasEnded -and $found -eq 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE') {
        Say 'is sealed'
        return
    }
    foreach ($log in "$panther\setuperr.log", "$panther\setupact.log") { Show-Tail $log }
    if (-not $hasEnded) { throw "sysprep has not ended within $sysprepMinutes minutes: what it noted is above" }
    throw "sysprep left the machine in the state ${found}: what it noted is above"
}

Main
exit 0
