#!/usr/bin/env bash
#
# The runner calls this when a job starts, as the job's user. It leaves a mark for mayfly-guest, and can do nothing else.
# NB: it must not fail, or the job would: GitHub's runner fails a job whose hook fails.

printf 'started\n' 2>/dev/null >>"${MAYFLY_MARK:-/dev/null}" || true # the job goes on without the mark
