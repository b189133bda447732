#!/usr/bin/env bash
#
# Registers the runner with a token.

((EUID != 0)) || [[ -n ${RUNNER_ALLOW_RUNASROOT:-} ]] || { echo "Must not run with sudo" >&2; exit 1; }
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
exec bin/Runner.Listener configure "$@"
