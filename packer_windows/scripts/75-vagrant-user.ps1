# Purpose: step 75 of an image for Vagrant, if somebody asked for it: the account that Vagrant signs in with.
# Input: MAYFLY_VAGRANT_USER=true and MAYFLY_TARGET=box; else nothing is done.
# WARN: everybody knows its password, so a job can become administrator. Mayfly's machines ask for work themselves, and need no account.
# Result: an administrator `vagrant`. Safe to repeat.

. C:\mayfly-build\lib.ps1

if ((Get-Setting 'MAYFLY_VAGRANT_USER') -ne 'true') {
    Say 'is not wanted'
    exit 0
}
if ((Get-Setting 'MAYFLY_TARGET') -ne 'box') { throw 'an image for a cloud gets no account with a password that everybody knows' }
if (-not (Get-LocalUser vagrant -ErrorAction SilentlyContinue)) {
    $password = ConvertTo-SecureString 'vagrant' -AsPlainText -Force
    $null = New-LocalUser -Name vagrant -Password $password -PasswordNeverExpires -Description 'For Vagrant'
    Add-LocalGroupMember -SID S-1-5-32-544 -Member vagrant
}
Say 'the account is there, with the password that everybody knows'
exit 0
