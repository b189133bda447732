@echo off
rem What a clone does at its first boot, as SYSTEM, after forget-builder.ps1: takes the name that its cloud gives it. In a box, which has no Cloudbase-Init, nothing.
rem Put beside the guest program by scripts\90-seal.ps1, and called by unattend.xml, in which a command may have 259 characters at most.
set "cloudbase=C:\Program Files\Cloudbase Solutions\Cloudbase-Init"
if not exist "%cloudbase%\Python\Scripts\cloudbase-init.exe" exit /b 0
"%cloudbase%\Python\Scripts\cloudbase-init.exe" --config-file "%cloudbase%\conf\cloudbase-init-unattend.conf"
