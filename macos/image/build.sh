#!/bin/bash
#
# Purpose: makes an image of macOS for Mayfly's VMs on this Mac, by Packer and tart.
# Input: the base, a VM's name for the new image, and what else macos.pkr.hcl takes as -var; the passwords in PKR_VAR_base_password and
#   PKR_VAR_password. Result: a VM of that name on this Mac, which is not started; tart push brings it to a registry.
# Safe to repeat: under another name. NB: macOS has bash 3.2, and BSD's tools.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

main() {
  local tool images base=${1:-} name=${2:-}
  [[ $base != --help ]] || { help; exit; }
  (($# >= 2)) || die "wants the base and a name for the new image, such as: build.sh macos-base mayfly-macos"
  [[ $(uname -sm) == "Darwin arm64" ]] || die "needs a Mac with Apple silicon"
  # See: docs/macos.md. NB: neither is in brew's own list under its name.
  for tool in hashicorp/tap/packer openai/tools/tart; do
    command -v "${tool##*/}" >/dev/null || die "needs ${tool##*/}. Install it: brew install $tool"
  done
  # NB: what stands in a command can be read by everybody on this Mac.
  [[ -n ${PKR_VAR_base_password:-} && -n ${PKR_VAR_password:-} ]] \
    || die "needs the base's password and the new one in PKR_VAR_base_password and PKR_VAR_password"
  images=$(tart list --source local --quiet) || die "tart cannot list its VMs. Try it: tart list"
  ! grep -qxF -e "$name" <<<"$images" || die "there is a VM $name already. Choose another name, or: tart delete $name"
  shift 2
  export CHECKPOINT_DISABLE=1
  packer init "$here"
  packer build -var "base=$base" -var "vm_name=$name" "$@" "$here"
}

# The header of a script is its help.
help() {
  sed -n '3,/^[^#]/ s/^# \{0,1\}//p' "$0"
}

die() {
  printf 'build.sh: %s\n' "$1" >&2
  exit 1
}

main "$@"
