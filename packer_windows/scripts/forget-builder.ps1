# Purpose: what a clone does at its first boot, before anything can sign in: closes the account that built the image, and the
#   Administrator's, whose password it shared, and removes the builder's. Called by answer_files/clone/unattend.xml, as SYSTEM.
# Input: none. Result: neither can sign in, and nothing of the builder's is left. Safe to repeat.

$ErrorActionPreference = 'Stop'
$builder = 'mayfly-build'

# Both are closed before anything is removed, for what cannot be removed ends this script.
# The Administrator by its number, for its name depends on the language.
Get-LocalUser | Where-Object { $_.Name -eq $builder -or $_.SID.Value -like 'S-1-5-21-*-500' } | Disable-LocalUser
Get-LocalUser $builder -ErrorAction SilentlyContinue | Remove-LocalUser
# NB: after the account, so that nobody can make it again by signing in; and of any name, for Windows may have added the machine's to it.
Get-CimInstance Win32_UserProfile | Where-Object LocalPath -like "C:\Users\$builder*" | Remove-CimInstance
# Last, for a clone that has not come so far must be able to do it again.
Remove-Item -Path $PSCommandPath -Force
exit 0
