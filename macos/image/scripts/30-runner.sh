#!/bin/bash
# Purpose: installs GitHub's runner, by version and digest of guest/runner.lock.json. Input: /tmp/mayfly/guest.
# Result: what guest/macos/install-runner.sh says. Safe to repeat. Needs root.
set -euo pipefail

/bin/bash /tmp/mayfly/guest/macos/install-runner.sh
