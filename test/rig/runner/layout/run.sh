#!/usr/bin/env bash
#
# NB: as the real one, this says little: it turns the exit codes 0, 1 and 5 into 0 and passes 7 on. Mayfly's guest does not use it.

((EUID != 0)) || [[ -n ${RUNNER_ALLOW_RUNASROOT:-} ]] || { echo "Must not run interactively with sudo" >&2; exit 1; }
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
bin/Runner.Listener run "$@"
code=$?
[[ $code != 7 ]] || exit 7
[[ $code != 2 ]] || exit 2
exit 0
