#!/usr/bin/env bash
# shellcheck disable=SC2034
# (disabled: variables of the scripts that read this file)
# Purpose: what the steps of an image share. To be sourced, not run.
# Input: MAYFLY_IMAGE_BUILD=yes. WARN: the steps turn the machine they run on into an image: accounts, keys and logs are removed. So
#   they refuse every machine of which nobody has said that it is one.

steps=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
guest=$(cd "$steps/../../guest" && pwd)
readonly steps guest
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

say() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
  say "$*"
  exit 1
}

check_machine() {
  ((EUID == 0)) || die "must be run as root"
  [[ ${MAYFLY_IMAGE_BUILD:-} == yes ]] || die "makes this machine an image, and removes accounts and keys. If it is meant to, set MAYFLY_IMAGE_BUILD=yes"
  command -v apt-get >/dev/null || die "knows Debian and Ubuntu only: there is no apt-get here"
}

# Installs those of the packages that are missing.
# NB: a stock image installs updates by itself in its first minutes, and holds dpkg's lock meanwhile.
install_packages() {
  local package missing=()
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  say "installing ${missing[*]}"
  apt_get update
  apt_get install --yes --no-install-recommends "${missing[@]}"
}

apt_get() {
  apt-get --quiet=2 -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold -o APT::Update::Error-Mode=any "$@" </dev/null >&2
}

is_installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

has_systemd() {
  command -v systemctl >/dev/null
}

# In a chroot there is no systemd to talk to; enabling and masking only make links.
is_running() {
  [[ -d /run/systemd/system ]]
}

# Enables a unit of this folder.
install_unit() {
  install --mode=0644 "$steps/units/$1" /etc/systemd/system/
  systemctl --quiet enable "$1"
}

# NB: masking what is not there is allowed, with a word about it, and keeps it away if a package brings it later.
mask() {
  local said
  said=$(systemctl --quiet mask "$@" 2>&1) || die "cannot mask: $said"
}

# Overwrites files, and all files in folders, and removes them. What is not there is gone already.
# NB: a file that is only removed can be read from the image's free space by whoever has the image.
shred_files() {
  local path file
  for path in "$@"; do
    [[ -e $path ]] || continue
    find "$path" -type f -print0 | while IFS= read -r -d '' file; do shred_file "$file"; done
  done
}

# WARN: one that has another name as well is not overwritten: by that name it may be the very file of whoever handed it in.
shred_file() {
  if (($(stat --format=%h "$1") == 1)); then
    shred --iterations=0 --zero --remove=unlink "$1"
  else
    say "$1 has another name, too: it is removed, and not overwritten"
    rm "$1"
  fi
}

# Overwrites what is free in the file system of a folder.
# NB: ext4 keeps up to 16 MiB from everybody, until it is told not to; and a large write fails where smaller ones find room. Both are tried.
overwrite_free_space() {
  local device reserve size
  device=$(findmnt --noheadings --output SOURCE --target "$1")
  reserve=/sys/fs/ext4/${device##*/}/reserved_clusters
  [[ ! -w $reserve ]] || echo 0 >"$reserve"
  for size in 4M 4K 1K; do
    dd if=/dev/zero of="$1/mayfly-zeros-$size" bs="$size" status=none 2>/dev/null || true # ends when the disk is full
    sync
  done
  rm -f "$1"/mayfly-zeros-*
}
