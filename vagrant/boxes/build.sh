#!/usr/bin/env bash
# Purpose: makes a Linux box by Packer, for libvirt or for VirtualBox: a base image or an installer's medium, by digest, and the same steps
#   as the cloud image's (images/linux). vagrant/boxes/debian.sh makes one for libvirt without all that.
# Input: build.sh --for libvirt|virtualbox --output FILE [options]
#   --for libvirt        from a cloud image of Debian or Ubuntu; needs QEMU, with KVM if it is not to take hours
#   --for virtualbox     from Debian's installer; needs VirtualBox, and Vagrant for its public key. WARN: with the account that Vagrant signs in with
#   --output FILE        the box
#   --base NAME          of images/downloads.lock.json, for libvirt: debian-12 (usual) or ubuntu-24.04
#   --set NAME=VALUE     a variable of linux.pkr.hcl, as disk_gib=40. May be repeated
#   The variables of the steps, from the environment: MAYFLY_PACKAGES, MATLAB_RELEASE and so on. MATLAB_INPUT_FILE, MATLAB_LICENSE_FILE and
#   MAYFLY_RUNNER_LOCK are files here; MATLAB_ISO has to be an address.
# Result: the box. What is secret is in a folder of root's or yours, and in the VM while it is built, not on command lines. Safe to repeat.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../.." && pwd)
readonly here project files=(MATLAB_INPUT_FILE MATLAB_LICENSE_FILE MAYFLY_RUNNER_LOCK MAYFLY_VAGRANT_KEY)
provider='' output='' base=debian-12 settings=() work=''

main() {
  read_options "$@"
  check
  work=$(mktemp --directory --tmpdir mayfly-packer.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  make_seed
  stage_steps
  run_packer
}

read_options() {
  while (($# > 0)); do
    [[ $1 != --help ]] || { help; exit; }
    (($# > 1)) || die "$1 needs a value"
    case $1 in
      --for) provider=$2 ;;
      --output) output=$2 ;;
      --base) base=$2 ;;
      --set) settings+=(-var "$2") ;;
      *) die "knows no $1. See --help" ;;
    esac
    shift 2
  done
}

check() {
  local tool tools=(packer ssh-keygen jq)
  [[ $provider =~ ^(libvirt|virtualbox)$ ]] || die "--for is libvirt or virtualbox"
  [[ -n $output ]] || die "--output is missing: the file of the box"
  output=$(realpath "$output")
  [[ $base =~ ^(debian|ubuntu)-[0-9.]+$ ]] || die "--base is debian-12 or ubuntu-24.04"
  jq --exit-status --arg base "$base" 'has($base)' "$project/images/downloads.lock.json" >/dev/null || die "images/downloads.lock.json has no $base"
  if [[ $provider == libvirt ]]; then tools+=(qemu-system-x86_64 qemu-img xorriso); else tools+=(VBoxManage); fi
  for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || die "$tool is missing. Install it first"
  done
}

# What a new VM is told: whose key opens it, for as long as it is built.
make_seed() {
  local key file
  ssh-keygen -q -t ed25519 -N '' -C mayfly-build -f "$work/key"
  key=$(<"$work/key.pub")
  mkdir "$work/seed"
  for file in user-data preseed.cfg; do
    sed "s|@key@|$key|" "$here/seed/$file" >"$work/seed/$file"
  done
  echo 'instance-id: mayfly-build' >"$work/seed/meta-data"
}

stage_steps() {
  local name
  mkdir --parents "$work/mayfly/files" "$work/mayfly/vagrant/boxes"
  cp -r "$project/images" "$project/guest" "$work/mayfly/"
  cp "$here/vagrant-user.sh" "$work/mayfly/vagrant/boxes/"
  if [[ $provider == virtualbox ]]; then keep_vagrant_user; fi
  export MAYFLY_IMAGE_BUILD=yes MAYFLY_COMMIT=${MAYFLY_COMMIT:-$(git -C "$project" rev-parse HEAD 2>/dev/null || true)}
  export MAYFLY_SOURCE_SHA256=${MAYFLY_SOURCE_SHA256:-$(source_digest)}
  for name in "${files[@]}"; do
    [[ -n ${!name:-} ]] || continue
    cp "${!name}" "$work/mayfly/files/$name"
    export "$name=/tmp/mayfly/files/$name"
  done
  for name in $(compgen -e | grep -E '^(MAYFLY|MATLAB|MPM)_'); do
    printf 'export %s=%q\n' "$name" "${!name}"
  done >"$work/mayfly/variables"
}

# Nothing where the makers of the image give another digest.
source_digest() {
  local source=$base
  [[ $provider == libvirt ]] || source=debian-12-installer
  jq --raw-output --arg source "$source" '.[$source].digest | select(startswith("sha256:")) | ltrimstr("sha256:")' "$project/images/downloads.lock.json"
}

# There a VM gets its seed by SSH. See: ../README.md, "The seed".
keep_vagrant_user() {
  export MAYFLY_SSH=keep MAYFLY_KEEP_USERS=vagrant MAYFLY_VAGRANT_KEY
  MAYFLY_VAGRANT_KEY=$({ dpkg -L vagrant 2>/dev/null || find /opt/vagrant -name vagrant.pub; } | grep 'keys/vagrant\.pub$' | head -n 1) || true
  [[ -s $MAYFLY_VAGRANT_KEY ]] || die "Vagrant's own keys/vagrant.pub is not found. Install Vagrant first"
}

# NB: Packer before 1.7 has its plug-ins built in, and does not know how to name them.
run_packer() {
  local recipe=$here builder=qemu
  export CHECKPOINT_DISABLE=1 PACKER_LOG=
  if packer init -help >/dev/null 2>&1; then packer init "$here"; else recipe=$here/linux.pkr.hcl; fi
  [[ $provider == libvirt ]] || builder=virtualbox-iso
  packer build -force -only="$builder.linux" -var "work=$work" -var "output=$output" -var "base=$base" "${settings[@]}" "$recipe"
}

# The header of a script is its help.
help() {
  sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$0"
}

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

main "$@"
