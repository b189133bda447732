# Purpose: the runner calls this when a job starts, as the job's user. It leaves a mark for mayfly-guest.ps1, and can do nothing else.
# NB: it must not fail, or the job would: GitHub's runner fails a job whose hook fails.
try { [IO.File]::WriteAllText($env:MAYFLY_MARK, 'started') } catch { exit 0 }
