#!/usr/bin/env bash
#
# Installs GitHub's runner, as pinned by version and SHA-256 in runner.lock.json, for the user `runner`.
# Input: MAYFLY_RUNNER_MIRROR, an address to download from in place of GitHub's (https, http or file; the file's name is added to it);
#   MAYFLY_RUNNER_LOCK, another lock file. For tests: MAYFLY_ROOT, put before every path; MAYFLY_USER, in place of `runner`.
# Result: /Users/runner/actions-runner, warmed up, and its version in /etc/mayfly/runner-version. Safe to repeat. Needs root.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly lock=${MAYFLY_RUNNER_LOCK:-$here/../runner.lock.json}
readonly user=${MAYFLY_USER:-runner}
readonly home=${MAYFLY_ROOT:-}/Users/runner
readonly version_file=${MAYFLY_ROOT:-}/etc/mayfly/runner-version
system=osx-$(uname -m | sed 's/x86_64/x64/')
readonly system

# shellcheck source-path=SCRIPTDIR source=../unix/install-runner.sh
source "$here/../unix/install-runner.sh"

# A field by its path, such as archives.osx-arm64.file; nothing if there is none.
lock_field() {
  plutil -extract "$1" raw -o - "$lock" 2>/dev/null || true
}

digest_of() {
  local digest
  read -r digest _ < <(shasum -a 256 "$1")
  echo "$digest"
}

# What the runner needs is part of macOS. See: actions/runner, docs/start/envosx.md.
install_dependencies() {
  :
}

as_runner() (
  cd "$folder"
  exec sudo -n -u "$user" -- env -i HOME="$home" USER="$user" PATH=/usr/local/bin:/usr/bin:/bin LANG=en_US.UTF-8 "$@"
)

install_runner
