#!/usr/bin/env bash
#
# Installs GitHub's runner, as pinned by version and SHA-256 in runner.lock.json, for the user `runner`.
# Input: MAYFLY_RUNNER_MIRROR, an address to download from in place of GitHub's (https, http or file; the file's name is added to it);
#   MAYFLY_RUNNER_LOCK, another lock file. For tests: MAYFLY_ROOT, put before every path; MAYFLY_USER, in place of `runner`.
# Result: /home/runner/actions-runner, warmed up, and its version in /etc/mayfly/runner-version. Safe to repeat. Needs root, curl, jq.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly lock=${MAYFLY_RUNNER_LOCK:-$here/../runner.lock.json}
readonly user=${MAYFLY_USER:-runner}
readonly home=${MAYFLY_ROOT:-}/home/runner
readonly version_file=${MAYFLY_ROOT:-}/etc/mayfly/runner-version
system=linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
readonly system

# shellcheck source-path=SCRIPTDIR source=../unix/install-runner.sh
source "$here/../unix/install-runner.sh"

# A field by its path, such as archives.linux-x64.file; nothing if there is none.
lock_field() {
  jq -r --arg path "$1" 'getpath($path / ".") // ""' "$lock"
}

digest_of() {
  local digest
  read -r digest _ < <(sha256sum "$1")
  echo "$digest"
}

# The runner brings the script that knows what it needs of each system.
install_dependencies() {
  DEBIAN_FRONTEND=noninteractive "$folder/bin/installdependencies.sh" </dev/null >&2 || die "the runner's dependencies could not be installed"
}

as_runner() (
  cd "$folder"
  exec env --ignore-environment HOME="$home" USER="$user" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
    setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
)

install_runner
