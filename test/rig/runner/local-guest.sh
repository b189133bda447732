#!/usr/bin/env bash
#
# The guest program as an ordinary process, with the stand-in runner: what the driver `fake` runs in place of a VM.
# Input: MAYFLY_SEED, the path of the seed. Result: exits when a VM would power off. Everything it writes is beside the seed.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly guest=$here/../../../guest
readonly root=${MAYFLY_SEED%/*}/vm

main() {
  mkdir -p "$root/home/runner" "$root/etc/mayfly"
  cp -r "$here/layout" "$root/home/runner/actions-runner"
  cp "$here/layout/bin/version.txt" "$root/etc/mayfly/runner-version"
  write_power_off >"$root/power-off"
  chmod +x "$root/power-off"
  export MAYFLY_SYSTEM=$guest/linux MAYFLY_ROOT=$root MAYFLY_POWEROFF=$root/power-off MAYFLY_USER RUNNER_ALLOW_RUNASROOT=1
  MAYFLY_USER=$(id -un)
  exec "$guest/unix/mayfly-guest"
}

# As when the plug is pulled: the whole process group, if we lead one. (The driver starts each VM in a group of its own.)
write_power_off() {
  cat <<SCRIPT
#!/bin/bash
kill -KILL -- -$$ 2>/dev/null || kill -KILL $$
SCRIPT
}

main "$@"
