#!/usr/bin/env bash
# Purpose: what the other scripts share. To be sourced, not run.
# Safe to repeat: each function looks first, and does nothing when nothing is missing.

# The project's folder, whatever folder the caller is in.
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly project

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

as_root() {
  if ((EUID == 0)); then
    "$@"
    return
  fi
  command -v sudo >/dev/null || die "'$*' needs root. Run this as root, or install sudo"
  sudo "$@"
}

# Installs those of the packages that are missing, after saying so.
apt_install() {
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "needs the packages ${missing[*]}, and knows only Debian's and Ubuntu's apt-get to install them"

  echo "installing by apt: ${missing[*]}"
  quietly as_root apt-get update --quiet=2
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "${missing[@]}"
  for package in "${missing[@]}"; do
    is_installed "$package" || die "apt did not install $package"
  done
}

# Runs a command, and shows what it said only if it fails.
quietly() {
  local said
  said=$("$@" 2>&1) || {
    printf '%s\n' "$said" >&2
    die "failed: $*"
  }
}

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Whether VMs can run by KVM for who calls it; `has_kvm as_root`: for root.
# NB: /dev/kvm may be there and no guest can run all the same. A QEMU that is still there after a second can.
has_kvm() {
  local code=0
  { "$@" timeout 1 qemu-system-x86_64 -accel kvm -cpu host -machine pc -nodefaults -display none || code=$?; } >/dev/null 2>&1
  ((code == 124))
}

# Node 24 and all Node packages of this project, as package-lock.json says. Puts them on the PATH.
set_up_node() {
  local lock=$project/package-lock.json done_for=$project/node_modules/.mayfly-lock
  if ! cmp --silent "$lock" "$done_for"; then
    install_node_packages
    cp "$lock" "$done_for"
  fi
  export PATH=$project/node_modules/.bin:$PATH
  [[ $(node --version) == v24.* ]] || die "node_modules/.bin/node is not Node 24, but $(node --version)"
}

# NB: npm leaves out optional packages (compiled parts of others) that do not fit the Node it runs on itself, as Debian's Node 18.
# So Node 24 comes first, by an npm package, and npm runs on that.
install_node_packages() {
  local node_folder=$project/.cache/node version
  if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    apt_install nodejs npm ca-certificates
  fi
  version=$(node --print 'require(process.argv[1]).devDependencies.node' "$project/package.json")
  echo "installing Node $version and the Node packages"
  mkdir -p "$node_folder"
  npm install --prefix "$node_folder" --no-save --no-package-lock --no-audit --no-fund --loglevel=error "node@$version"
  (
    cd "$project" || exit
    export PATH=$node_folder/node_modules/node/bin:$PATH NODE_NO_WARNINGS=1
    # NB: no package's own scripts but one: "node" fetches its binary. Besides, npm 9 (Debian 12) would compile better-sqlite3,
    # which brings its binaries along ("gypfile": false in its package.json is lost on npm 9 when there is a lock file).
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    npm rebuild --loglevel=error node
  )
}
