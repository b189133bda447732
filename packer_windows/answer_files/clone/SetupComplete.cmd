@echo off
rem What a clone does at the end of its first boot, as SYSTEM: only now may the guest program look for its seed, for Windows restarts in
rem between, and what had begun would be cut off. Put in its place by scripts\90-seal.ps1.
rem See: learn.microsoft.com, "Add a custom script to Windows Setup". NB: not run where Windows has an OEM's product key and is no Server or Enterprise.
sc.exe query cloudbase-init >nul 2>&1 && sc.exe config cloudbase-init start= auto && sc.exe start cloudbase-init
schtasks.exe /change /tn "Mayfly guest" /enable
schtasks.exe /run /tn "Mayfly guest"
rem Last: Vagrant may be waiting for it, and comes to find the rest done.
net.exe user vagrant >nul 2>&1 && sc.exe config sshd start= auto && sc.exe start sshd
