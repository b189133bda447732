# Purpose: makes a machine that Windows Setup has just finished reachable for Packer. Started by the answer file, at the only logon.
# Input: the second CD, on whatever drive: this script lies on it.
# Result: its content in C:\mayfly-build, virtio drivers, SSH. Safe to repeat.

$ErrorActionPreference = 'Stop'
$null = New-Item -ItemType Directory -Force 'C:\mayfly-build'
Start-Transcript -Path 'C:\mayfly-build\first-logon.log'
Copy-Item -Path "$PSScriptRoot\*" -Destination 'C:\mayfly-build' -Recurse -Force
$null = New-Item -ItemType Directory -Force 'C:\mayfly-build\out'
& 'C:\mayfly-build\10-guest-tools.ps1'
& 'C:\mayfly-build\20-openssh.ps1'
Stop-Transcript
