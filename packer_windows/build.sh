#!/usr/bin/env bash
# Purpose: makes an image of Windows with the guest program, GitHub's runner and, if wanted, MATLAB: a box for Vagrant, or an image for
#   OpenStack. Looks at everything first, for a mistake that shows after two hours is a dear one. See: ../docs/images.md.
# Input: build.sh -var-file FILE [options]
#   -var-file FILE         server2022.pkrvars.hcl, or another one here, or your own; may be repeated
#   -var NAME=VALUE        one variable; may be repeated, and comes last. variables.pkr.hcl has them all
#   --target box|cloud     usually box
#   --builder qemu|virtualbox   usually qemu; a cloud takes qemu only
#   --output FOLDER        usually .cache/windows/<name> of this project; must not exist
#   --check                looks at everything, and builds nothing. All media are fetched and compared, too
#   PKR_VAR_NAME           variables that are secret, as PKR_VAR_product_key
# Result: a box: <folder>/<name>-<provider>.box; a cloud: <folder>/<name>.qcow2, with its properties in <name>.qcow2.json beside it, as
#   openstack/upload-image.sh takes them. The path alone on the standard output, and expiry.json in the folder. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
output='' is_check='' work='' arguments=()
# shellcheck source=media.sh
source "$here/media.sh"
# shellcheck source=pack.sh
source "$here/pack.sh"

main() {
  read_defaults
  read_environment
  read_arguments "$@"
  check_values
  check_tools
  check_output
  report_faults
  check_media
  work=$(mktemp --directory --tmpdir="${TMPDIR:-/var/tmp}" mayfly-windows.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT TERM HUP
  lay_out_cd "$work/cd"
  if [[ -n $is_check ]]; then say "all is there: ${value[name]} can be built"; return; fi
  build
  pack
}

read_arguments() {
  while (($#)); do
    case $1 in
      --help) sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$0"; exit ;;
      --check) is_check=yes; shift; continue ;;
      -var-file | --var-file | -var | --var | --target | --builder | --output) (($# > 1)) || die "$1 needs a value. See --help" ;;
      *) die "does not know $1. See --help" ;;
    esac
    case $1 in
      -var-file | --var-file) read_file "$2"; arguments+=(-var-file "$2") ;;
      -var | --var) [[ $2 == *=* ]] || die "-var is written as NAME=VALUE"; set_variable "${2%%=*}" "${2#*=}" "-var"; arguments+=(-var "$2") ;;
      --target) target=$2 ;;
      --builder) builder=$2 ;;
      --output) output=$2 ;;
    esac
    shift 2
  done
  [[ $target == box || $target == cloud ]] || fault "--target is box or cloud, not '$target'"
  [[ $builder == qemu || $builder == virtualbox ]] || fault "--builder is qemu or virtualbox, not '$builder'"
  [[ $builder == qemu || ${value[vagrant_user]} == true ]] \
    || say "NB: on VirtualBox Mayfly hands a machine its seed by SSH, which needs -var vagrant_user=true"
  [[ $target != cloud || $builder == qemu ]] || fault "a cloud takes what qemu builds"
}

# --- is all there ---

check_tools() {
  local tool
  export CHECKPOINT_DISABLE=1 # Packer's own look for a newer one
  for tool in packer jq curl xorriso qemu-img; do
    command -v "$tool" >/dev/null || fault "$tool is not installed$(package_of "$tool")"
  done
  ! command -v packer >/dev/null || check_packer
  case $builder in
    qemu) check_qemu ;;
    virtualbox) command -v VBoxManage >/dev/null || fault "VirtualBox is not installed: its VBoxManage is not on the PATH" ;;
  esac
}

package_of() {
  case $1 in
    packer) echo ". See developer.hashicorp.com/packer/install; Debian's is too old" ;;
    qemu-img) echo ". On Debian and Ubuntu: apt install qemu-utils" ;;
    *) echo ". On Debian and Ubuntu: apt install $1" ;;
  esac
}

# NB: plug-ins came with 1.7, what our template uses of them later.
check_packer() {
  local version
  version=$(packer version | sed -n '1s/^Packer v//p')
  [[ $(printf '%s\n' 1.9.0 "$version" | sort --version-sort | head -n 1) == 1.9.0 ]] \
    || fault "Packer $version is too old: 1.9.0 or newer is needed. See developer.hashicorp.com/packer/install"
}

check_qemu() {
  local file
  command -v qemu-system-x86_64 >/dev/null || fault "QEMU is not installed. On Debian and Ubuntu: apt install qemu-system-x86"
  for file in "${value[firmware_code]:-}" "${value[firmware_vars]:-}"; do
    [[ -r $file ]] || fault "there is no UEFI at ${file:-(nowhere)}. On Debian and Ubuntu: apt install ovmf, or set firmware_code and firmware_vars"
  done
  [[ ${value[tpm]:-} != true ]] || command -v swtpm >/dev/null || fault "tpm = true needs swtpm. On Debian and Ubuntu: apt install swtpm"
  # shellcheck disable=SC2119 # (disabled: for who calls this, who is not root)
  [[ ${value[accelerator]:-} != kvm ]] || has_kvm \
    || fault "KVM cannot be used here: /dev/kvm is not there, not yours, or runs no VM. Join the group kvm, or build on another machine"
}

check_output() {
  # NB: absolute, for each program takes another folder for its own.
  output=$(realpath --canonicalize-missing "${output:-$project/.cache/windows/${value[name]:-none}}")
  [[ ! -e $output ]] || fault "$output is there already. Remove it, or give another --output"
}

# NB: Packer would fetch Windows' medium itself, but it takes a digest for granted that the file it has kept once had.
check_media() {
  value[iso_url]=$(fetch "${value[iso_url]}" "${value[iso_checksum]#sha256:}")
  [[ -n ${value[matlab_iso]} ]] || return 0
  value[matlab_iso]=$(realpath "${value[matlab_iso]}")
  compare "${value[matlab_iso]}" "${value[matlab_iso_checksum]#sha256:}"
}

# --- the build ---

build() {
  local only=qemu.windows commit
  [[ $builder == qemu ]] || only=virtualbox-iso.windows
  commit=$(git -C "$project" rev-parse HEAD 2>/dev/null || true)
  mkdir -p "${output%/*}"
  PKR_VAR_build_password=$(new_password)
  export PKR_VAR_build_password
  say "installing Windows; this takes hours, and most of them are updates"
  packer init "$here" >&2
  packer build -color=false -only="$only" "${arguments[@]}" -var "iso_url=${value[iso_url]}" \
    -var "matlab_iso=${value[matlab_iso]}" -var "target=$target" \
    -var "cd_folder=$work/cd" -var "output_folder=$output" -var "commit=$commit" "$here" >&2
  mv "$output-facts"/*.json "$output/"
  rmdir "$output-facts"
}

# NB: Windows wants several kinds of characters; none of these means something in XML, in a shell or to Packer.
new_password() {
  printf 'Mf7-%s' "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
}

main "$@"
