# Purpose: step 70 of an image for a cloud: Cloudbase-Init, which gives a clone the cloud's name and the whole of its disk.
# Input: its package, pinned by ../media.lock.json, in C:\mayfly-build\files; cloudbase-init\*.conf.
# Result: the service, with our two configurations. Nothing in a box. Safe to repeat. NB: the seed is none of its business, for the guest
#   reads the config drive itself; so its plug-ins for user data, accounts and keys are left out.

. C:\mayfly-build\lib.ps1

if ((Get-Setting 'MAYFLY_TARGET') -ne 'cloud') {
    Say 'a box needs none'
    exit 0
}
$folder = "$env:ProgramFiles\Cloudbase Solutions\Cloudbase-Init"
Install-Package "$files\cloudbase-init.msi" @('RUN_SERVICE_AS_LOCAL_SYSTEM=1')
if (-not (Test-Path "$folder\Python\Scripts\cloudbase-init.exe")) { throw "there is no Cloudbase-Init in $folder" }

foreach ($name in 'cloudbase-init', 'cloudbase-init-unattend') {
    Write-Text "$folder\conf\$name.conf" (Get-Content -Raw "$build\cloudbase-init\$name.conf")
}
Say 'is installed'
exit 0
