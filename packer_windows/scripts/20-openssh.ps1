# Purpose: step 20 of an image: SSH, by which Packer runs the other steps. 90-seal.ps1 closes it again.
# Input: OpenSSH's package, pinned by ../media.lock.json, in C:\mayfly-build\files. NB: Windows' own one is a feature that Windows Update brings.
# Result: the service sshd, and a hole in the firewall. Safe to repeat.

. C:\mayfly-build\lib.ps1

Get-WindowsCapability -Online -Name 'OpenSSH.Server*' | Where-Object State -eq 'Installed' | Remove-WindowsCapability -Online | Out-Null
Install-Package "$files\openssh.msi" @('ADDLOCAL=Server')
Set-Service sshd -StartupType Automatic
Start-Service sshd
if (-not (Get-NetFirewallRule -Name 'mayfly-build-ssh' -ErrorAction SilentlyContinue)) {
    $null = New-NetFirewallRule -Name 'mayfly-build-ssh' -DisplayName 'Mayfly: SSH while the image is built' `
        -Direction Inbound -Action Allow -Protocol TCP -LocalPort 22 -Profile Any
}
if ((Get-Service sshd).Status -ne 'Running') { throw 'sshd does not run' }
Say 'SSH is open'
