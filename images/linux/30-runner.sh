#!/usr/bin/env bash
# Purpose: step 30 of an image: GitHub's runner, pinned by guest/runner.lock.json.
# Input: what guest/linux/install-runner.sh takes: MAYFLY_RUNNER_MIRROR, MAYFLY_RUNNER_LOCK. See: lib.sh.
# Result: the runner of the user `runner`, warmed up. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

check_machine
id runner >/dev/null 2>&1 || die "there is no user runner yet: 20-guest.sh makes it"
"$guest/linux/install-runner.sh"
