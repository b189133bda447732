# shellcheck shell=bash disable=SC2154
# (disabled: variables that come from the program that reads this file)
#
# Part of install-runner.sh of each system: puts GitHub's runner in place, as pinned by version and SHA-256 in runner.lock.json.
# Needs `lock`, `user`, `home`, `version_file`, `system` (GitHub's word for it), and the functions `lock_field`, `digest_of`,
#   `install_dependencies` and `as_runner`. NB: macOS has bash 3.2, and BSD's tools.

readonly folder=$home/actions-runner
version='' file='' sha256='' archive=''

install_runner() {
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
  version=$(lock_field version)
  file=$(lock_field "archives.$system.file")
  sha256=$(lock_field "archives.$system.sha256")
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
  [[ $(digest_of "$archive") == "$sha256" ]] \
    || die "$from does not have the SHA-256 $sha256: it is not what the lock file names, and was not installed"
}

unpack() {
  rm -rf "$folder.new"
  install -d -m 0755 "$folder.new"
  tar --extract --gzip --no-same-owner --file "$archive" --directory "$folder.new"
  [[ -x $folder.new/bin/Runner.Listener ]] || die "the archive holds no bin/Runner.Listener"
  rm -rf "$folder"
  mv "$folder.new" "$folder"
  chown -R "$user:" "$folder"
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
  install -d -m 0755 "${version_file%/*}"
  printf '%s\n' "$version" >"$version_file"
  say "version $version is installed"
}

say() {
  printf 'install-runner: %s\n' "$1" >&2
}

die() {
  say "$1"
  exit 1
}
