# Purpose: step 30 of an image: no updates by themselves, no sleep, no scan of what jobs build, a clock in UTC, disks that can be used.
# Input: none. Result: settings of the machine. Safe to repeat.

. C:\mayfly-build\lib.ps1

# Updates come with the next image. NB: the service itself stays until 80-optimize.ps1, since Packer runs it once.
$windowsUpdate = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate'
Set-Registry "$windowsUpdate\AU" 'NoAutoUpdate' 1
Set-Registry "$windowsUpdate" 'ExcludeWUDriversInQualityUpdate' 1
# NB: apps of the store that are updated for one user only keep sysprep from working. See: 90-seal.ps1.
Set-Registry 'HKLM:\SOFTWARE\Policies\Microsoft\WindowsStore' 'AutoDownload' 2
Set-Registry 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\CloudContent' 'DisableWindowsConsumerFeatures' 1

# The original switched Defender off. It stays on, and leaves alone what is written and read most.
foreach ($folder in $runnerFolder, 'C:\MATLAB', "$env:ProgramFiles\Git") { Add-MpPreference -ExclusionPath $folder }
foreach ($program in 'MATLAB.exe', 'Runner.Listener.exe', 'Runner.Worker.exe', 'git.exe') { Add-MpPreference -ExclusionProcess $program }

powercfg.exe /setactive SCHEME_MIN
powercfg.exe /hibernate off
powercfg.exe /change monitor-timeout-ac 0
powercfg.exe /change standby-timeout-ac 0

# NB: a Server leaves a disk that it has not seen before offline, and not to be written to, if its bus could be shared, as SCSI and virtio
# can; such is the disk of a seed. A CD is no disk to this setting.
Set-StorageSetting -NewDiskPolicy OnlineAll

Set-TimeZone -Id UTC
Set-Service w32time -StartupType Automatic
# Paths as long as builds make them, and no question about the kind of a network.
Set-Registry 'HKLM:\SYSTEM\CurrentControlSet\Control\FileSystem' 'LongPathsEnabled' 1
$null = New-Item -Path 'HKLM:\SYSTEM\CurrentControlSet\Control\Network\NewNetworkWindowOff' -Force

Say 'done'
exit 0
