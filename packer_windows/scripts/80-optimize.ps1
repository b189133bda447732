# Purpose: step 80 of an image: less to store and to copy, and nothing that wakes up while a job runs.
# Input: none. Result: a smaller disk, services and tasks off. Safe to repeat.

. C:\mayfly-build\lib.ps1

Set-Service wuauserv -StartupType Disabled
foreach ($task in '\Microsoft\Windows\Defrag\', '\Microsoft\Windows\WindowsUpdate\', '\Microsoft\Windows\Windows Error Reporting\') {
    Get-ScheduledTask -TaskPath $task -ErrorAction SilentlyContinue | Disable-ScheduledTask -ErrorAction SilentlyContinue | Out-Null
}

Say 'removing what updates have replaced'
Invoke-Program 'dism.exe' @('/Online', '/Cleanup-Image', '/StartComponentCleanup', '/ResetBase', '/Quiet') 90

$temporary = "$env:SystemRoot\Temp\*", "$env:TEMP\*", "$env:SystemRoot\SoftwareDistribution\Download\*"
Remove-Item -Path $temporary -Recurse -Force -ErrorAction SilentlyContinue -Exclude 'script-*', 'packer-*'
Optimize-Volume -DriveLetter C -ReTrim
Say 'done'
exit 0
