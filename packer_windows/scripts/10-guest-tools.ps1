# Purpose: step 10 of an image: drivers and agent for QEMU, all of them, for a clone may have other virtio devices than this VM.
# Input: virtio-win-guest-tools.exe from the virtio-win medium, in C:\mayfly-build\files.
# Result: drivers in the driver store, the QEMU guest agent. Nothing on another hypervisor. Safe to repeat.

. C:\mayfly-build\lib.ps1

$maker = (Get-CimInstance Win32_ComputerSystem).Manufacturer
if ($maker -ne 'QEMU') {
    Say "leaves $maker as it is: Windows has drivers for it, and Mayfly needs no tools of its"
    return
}
Say 'installing virtio drivers and the guest agent'
Invoke-Program "$files\virtio-win-guest-tools.exe" @('/install', '/quiet', '/norestart', '/log', "$build\virtio.log")
