#!/usr/bin/env bash
# Purpose: makes an image of the machine it runs on: all numbered steps beside it, in their order.
# Input: MAYFLY_IMAGE_BUILD=yes, and the variables that the steps name in their headers; MAYFLY_SKIP, names of steps that are left out,
#   separated by blanks. The folder guest/ of this repository, two folders up.
# Result: a machine that can be powered off and copied. Stops at the first step that fails.
# Safe to repeat, until 90-clean.sh has run: after that the network may be gone.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  local step name
  check_machine
  for step in "$steps"/[0-9][0-9]-*.sh; do
    name=${step##*/}
    if [[ " ${MAYFLY_SKIP:-} " == *" $name "* ]]; then say "leaves out $name"; continue; fi
    say "$name"
    "$step"
  done
  say "done"
}

main
