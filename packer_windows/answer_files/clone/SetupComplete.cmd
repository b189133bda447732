@echo off
rem What a clone does at the end of its first boot, as SYSTEM: only now may the guest program look for its seed, for Windows restarts in
rem between, and what had begun would be cut off. Put in its place by scripts\90-seal.ps1.
rem See: learn.microsoft.com, "Add a custom script to Windows Setup". NB: not run where Windows has an OEM's product key and is no Server or Enterprise.
sc.exe query cloudbase-init >nul 2>&1 && sc.exe config cloudbase-init start= auto && sc.exe start cloudbase-init
schtasks.exe /change /tn "Mayfly guest" /enable
schtasks.exe /run /tn "Mayfly guest"
rem Vagrant may be waiting for it, and comes to find the guest program started.
net.exe user vagrant >nul 2>&1 && sc.exe config sshd start= auto && sc.exe start sshd
rem Last, for a server that does not answer holds this up: the licence of the site, by the KMS that 90-seal.ps1 has written down.
rem See: learn.microsoft.com, "Slmgr.vbs options for obtaining volume activation information".
set "slmgr=cscript.exe //nologo //b %SystemRoot%\System32\slmgr.vbs"
set "kms=C:\ProgramData\Mayfly\kms-server"
if exist %kms% for /f %%s in (%kms%) do %slmgr% /skms %%s && %slmgr% /ato
