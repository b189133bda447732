#!/usr/bin/env bash
# Purpose: step 20 of an image: the user `runner`, the guest program, its service and its self-test.
# Input: none. See: lib.sh. Result: as guest/linux/install-guest.sh says. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

check_machine
"$guest/linux/install-guest.sh"
