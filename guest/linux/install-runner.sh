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
readonly folder=$home/actions-runner
readonly version_file=${MAYFLY_ROOT:-}/etc/mayfly/runner-version
version='' file='' sha256='' archive=''

main() {
  ((EUID == 0)) || die "must be run as root"
  read_lock
  if is_installed; then say "version $version is installed already"; return; fi
  archive=$(mktemp)
  trap 'rm -f "$archive"' EXIT
  download
  unpack
  install_dependencies
  warm_up
  prove
}

read_lock() {
  local fields system
  system=linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  fields=$(jq -r --arg system "$system" '.version as $version | .archives[$system] // {} | map_values(tostring)
    | @sh "version=\($version) file=\(.file // "") sha256=\(.sha256 // "")"' "$lock")
  eval "$fields"
  [[ $sha256 =~ ^[0-9a-f]{64}$ && $file =~ ^[A-Za-z0-9._-]+$ ]] || die "$lock has no file with a SHA-256 for $system"
}

is_installed() {
  [[ -x $folder/bin/Runner.Listener && -r $version_file && $(<"$version_file") == "$version" ]]
}

# See: github.com/actions/runner/releases, whose notes hold the digests.
download() {
  local from=${MAYFLY_RUNNER_MIRROR:-https://github.com/actions/runner/releases/download/v$version}/$file
  say "downloading $from"
  curl --fail --silent --show-error --location --retry 3 --output "$archive" "$from" || die "cannot download $from"
  printf '%s  %s\n' "$sha256" "$archive" | sha256sum --check --status \
    || die "$from does not have the SHA-256 $sha256: it is not what the lock file names, and was not installed"
}

unpack() {
  rm -rf "$folder.new"
  install --directory "$folder.new"
  tar --extract --gzip --no-same-owner --file "$archive" --directory "$folder.new"
  [[ -x $folder.new/bin/Runner.Listener ]] || die "the archive holds no bin/Runner.Listener"
  rm -rf "$folder"
  mv "$folder.new" "$folder"
  chown --recursive "$user:" "$folder"
}

# The runner brings the script that knows what it needs of each system.
install_dependencies() {
  DEBIAN_FRONTEND=noninteractive "$folder/bin/installdependencies.sh" </dev/null >&2 || die "the runner's dependencies could not be installed"
}

# NB: the first start of .NET's programs is the slowest. See: actions/runner, `warmup`.
warm_up() {
  as_runner ./bin/Runner.Listener warmup >&2 || die "the runner does not start"
}

prove() {
  local told
  told=$(as_runner ./bin/Runner.Listener --version) || die "the runner does not start"
  [[ $told == "$version" ]] || die "the runner says that it is version $told, not $version"
  rm -rf "$folder/_diag" # NB: the guest takes a log that is left here for the trace of a job
  install --directory "${version_file%/*}"
  printf '%s\n' "$version" >"$version_file"
  say "version $version is installed"
}

as_runner() (
  cd "$folder"
  exec env --ignore-environment HOME="$home" USER="$user" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
    setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups -- "$@"
)

say() {
  printf 'install-runner: %s\n' "$1" >&2
}

die() {
  say "$1"
  exit 1
}

main
