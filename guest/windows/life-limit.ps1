# Purpose: the task 'Mayfly life limit': powers the VM off after as many seconds as mayfly-guest.ps1 wrote down.
$left = [int] [IO.File]::ReadAllText((Join-Path $env:ProgramData 'Mayfly\run\life-seconds'))
# NB: Start-Sleep takes no more than 24 days at a time.
for (; $left -gt 0; $left -= 86400) { Start-Sleep -Seconds ([Math]::Min($left, 86400)) }
& shutdown.exe /p /f
