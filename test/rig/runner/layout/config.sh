#!/usr/bin/env bash
#
# Registers the runner with a token.

cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
exec bin/Runner.Listener configure "$@"
