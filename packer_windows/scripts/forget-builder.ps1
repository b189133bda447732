# Purpose: what a clone does at its first boot, before anything can sign in: removes the account that built the image, and closes the
#   Administrator's, whose password it shared. Called by answer_files/clone/unattend.xml, as SYSTEM.
# Input: none. Result: neither can sign in. Safe to repeat.

$ErrorActionPreference = 'Stop'
Get-LocalUser mayfly-build -ErrorAction SilentlyContinue | Remove-LocalUser
Get-CimInstance Win32_UserProfile | Where-Object LocalPath -eq 'C:\Users\mayfly-build' | Remove-CimInstance
# By its number, for its name depends on the language.
Get-LocalUser | Where-Object { $_.SID.Value -like 'S-1-5-21-*-500' } | Disable-LocalUser
Remove-Item -Path $PSCommandPath -Force
exit 0
