#!/usr/bin/env bash
# shellcheck disable=SC2034,SC2154
# (disabled: variables of the script that reads this file)
# Purpose: what build.sh knows of variables: reads them as Packer does, and refuses what cannot be right. To be sourced, not run.
# Input: variables.pkr.hcl, variables files, PKR_VAR_… of the environment.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
# shellcheck source=../script/lib.sh
source "$here/../script/lib.sh"
declare -A value=() type=()
faults=() target=box builder=qemu

# The original's names, and what they are called now. See: ../docs/images.md, "If you come from the first version".
declare -Ar renamed=(
  [matlab_install_input]=matlab_installer_input
  [memory]=memory_mib
  [disk_size]='disk_gib, in GiB rather than MB'
  [vm_name]=name
  [autounattend]='system, server or client: the answer file goes with it'
  [virtio_win_iso]='nothing: media.lock.json names the drivers, with their digest'
  [vmx_version]='nothing: VMware is not built for any more'
  [winrm_timeout]='nothing: Packer comes by SSH'
)
# What build.sh sets itself.
readonly own=(build_password cd_folder output_folder target commit)

say() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Everything that is wrong is said at once.
fault() {
  faults+=("$*")
}

report_faults() {
  ((${#faults[@]} == 0)) && return
  printf -- '- %s\n' "${faults[@]}" >&2
  die "nothing was built: ${#faults[@]} fault(s), see above"
}

# --- variables ---

known_variables() {
  sed -n 's/^variable "\([a-z0-9_]*\)".*/\1/p' "$here/variables.pkr.hcl"
}

# Of which type each variable is, and what it is if nobody sets it. Those without a default stay away.
read_defaults() {
  local name='' line
  while IFS= read -r line; do
    if [[ $line =~ ^variable\ \"([a-z0-9_]+)\" ]]; then name=${BASH_REMATCH[1]}
    elif [[ $line =~ ^\ \ type\ *=\ *(.*)$ ]]; then type[$name]=${BASH_REMATCH[1]}
    elif [[ $line =~ ^\ \ default\ *=\ *(.*)$ ]]; then value[$name]=$(unquoted "${BASH_REMATCH[1]}")
    fi
  done <"$here/variables.pkr.hcl"
}

# NB: the environment comes before variables files, as with Packer.
read_environment() {
  local name
  for name in $(compgen -e | sed -n 's/^PKR_VAR_//p'); do
    set_variable "$name" "$(printenv "PKR_VAR_$name")" "the environment"
  done
}

# A variables file: one NAME = VALUE a line, as ours are. A comment may follow; within quotation marks none begins.
read_file() {
  local line lines number=0 blank='[[:space:]]*'
  local assignment="^$blank([A-Za-z0-9_]+)$blank=$blank(\"[^\"]*\"|[^\"#/[:space:]]+)$blank((#|//).*)?\$"
  [[ -f $1 && -r $1 ]] || die "there is no variables file $1"
  mapfile -t lines <"$1"
  for line in "${lines[@]}"; do
    number=$((number + 1))
    [[ $line =~ ^[[:space:]]*(#|//|$) ]] && continue
    # NB: not the line itself, which could hold a key.
    [[ $line =~ $assignment ]] || { fault "$1: line $number is not NAME = VALUE"; continue; }
    set_variable "${BASH_REMATCH[1]}" "$(unquoted "${BASH_REMATCH[2]}")" "$1"
  done
}

unquoted() {
  local text=$1
  if [[ $text == \"*\" ]]; then text=${text#\"}; text=${text%\"}; fi
  printf '%s' "$text"
}

# $3: where it was set.
set_variable() {
  if [[ -n ${renamed[$1]:-} ]]; then fault "$3 sets $1. It is now ${renamed[$1]}"; return; fi
  if [[ " ${own[*]} " == *" $1 "* ]]; then fault "$3 sets $1, which build.sh sets itself"; return; fi
  grep --quiet --line-regexp --fixed-strings "$1" < <(known_variables) || { fault "$3 sets $1, and there is no such variable"; return; }
  value[$1]=$2
}

# --- what they say ---

check_values() {
  local name missing=()
  for name in $(known_variables); do
    [[ -n ${value[$name]+set} || " ${own[*]} " == *" $name "* ]] || missing+=("$name")
  done
  ((${#missing[@]} == 0)) || fault_missing "${missing[@]}"
  ((${#faults[@]} == 0)) || return 0
  check_types
  check_windows
  check_matlab
  [[ ${value[vagrant_user]} != true || $target == box ]] || fault "vagrant_user is for boxes only: an image for a cloud gets no such account"
}

fault_missing() {
  [[ " ${arguments[*]} " == *" -var-file "* ]] || fault "no variables file was given, as with -var-file packer_windows/server2022.pkrvars.hcl. See --help"
  local name
  for name; do fault "the variable $name is not set"; done
}

# NB: Packer would say so, too, but only when all media are there.
check_types() {
  local name
  for name in $(known_variables); do
    [[ -n ${value[$name]+set} ]] || continue
    case ${type[$name]} in
      number) [[ ${value[$name]} =~ ^(0|[1-9][0-9]{0,8})$ ]] || fault "$name is a whole number, without a unit, not '${value[$name]}'" ;;
      bool) [[ ${value[$name]} == true || ${value[$name]} == false ]] || fault "$name is true or false, not '${value[$name]}'" ;;
    esac
  done
  for name in cpus memory_mib disk_gib; do
    [[ ${value[$name]} != 0 ]] || fault "$name is 0: a VM needs more"
  done
}

check_windows() {
  [[ ${value[name]} =~ ^[a-z0-9][a-z0-9-]{0,39}$ ]] || fault "name: small letters, digits and hyphens, at most 40, not '${value[name]}'"
  [[ ${value[system]} == server || ${value[system]} == client ]] || fault "system is server or client, not '${value[system]}'"
  [[ ${value[iso_checksum]} =~ ^sha256:[0-9a-f]{64}$ ]] \
    || fault "iso_checksum is written as sha256: and 64 small hexadecimal digits. An image of a medium that nobody has checked is not built"
  [[ ${value[image_index]} =~ ^[1-9][0-9]?$ ]] || fault "image_index is the number of an edition on the medium, from 1"
  [[ ${value[drivers]} =~ ^(2k|w)[0-9]{1,2}$ ]] || fault "drivers is a folder of the virtio-win medium, as 2k22 or w11, not '${value[drivers]}'"
  [[ ${value[evaluation_days]} =~ ^[0-9]{1,3}$ ]] || fault "evaluation_days is a number of days; 0 for licensed media"
  [[ -z ${value[product_key]} || ${value[product_key]} =~ ^([A-Z0-9]{5}-){4}[A-Z0-9]{5}$ ]] || fault "product_key is no product key"
  [[ ${value[evaluation_days]} != 0 || -n ${value[product_key]} ]] \
    || say "NB: no product_key for a licensed medium: Windows Setup takes the medium's own, if it has one"
  [[ -z ${value[kms_server]} || ${value[kms_server]} =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?$ ]] \
    || fault "kms_server is written as kms.example.org or kms.example.org:1688, not '${value[kms_server]}'"
  [[ -z ${value[kms_server]} || ${value[evaluation_days]} == 0 ]] || fault "kms_server is for licensed media, whose evaluation_days is 0"
  check_end_of_life
}

check_end_of_life() {
  [[ -n ${value[end_of_life]} ]] || return 0
  if ! is_day "${value[end_of_life]}"; then fault "end_of_life is a day, as 2025-10-14, not '${value[end_of_life]}'"; return; fi
  [[ ! ${value[end_of_life]} < $(date --utc +%F) ]] \
    || say "WARNING: support for ${value[name]} has ended on ${value[end_of_life]}. It gets no security updates: for tests of old programs only"
}

is_day() {
  [[ $(date --utc --date "$1" +%F 2>/dev/null) == "$1" ]]
}

check_matlab() {
  local name
  [[ -z ${value[matlab_release]} || ${value[matlab_release]} =~ ^R20[0-9]{2}[ab]$ ]] || fault "matlab_release is written as R2025b, not '${value[matlab_release]}'"
  [[ -z ${value[matlab_license_server]} || ${value[matlab_license_server]} =~ ^[0-9]+@[A-Za-z0-9.-]+(:[0-9]+@[A-Za-z0-9.-]+)*$ ]] \
    || fault "matlab_license_server is written as 27000@licence.example.org"
  [[ -z ${value[matlab_license_server]} || -z ${value[matlab_license_file]} ]] || fault "give matlab_license_server or matlab_license_file, not both"
  [[ -z ${value[mpm_sha256]} || ${value[mpm_sha256]} =~ ^[0-9a-f]{64}$ ]] || fault "mpm_sha256 is 64 small hexadecimal digits"
  for name in matlab_iso matlab_installer_input matlab_license_file matlab_license_server; do
    [[ -z ${value[$name]} || -n ${value[matlab_release]} ]] || fault "$name is set, and matlab_release is not: which MATLAB is it?"
  done
  for name in matlab_iso matlab_installer_input matlab_license_file; do
    [[ -z ${value[$name]} || -r ${value[$name]} ]] || fault "$name: there is no file ${value[$name]}"
  done
  [[ -z ${value[matlab_installer_input]} || -n ${value[matlab_iso]} ]] || fault "matlab_installer_input goes with matlab_iso; mpm needs none"
  [[ -n ${value[matlab_iso]} ]] || return 0
  [[ ${value[matlab_iso_checksum]} =~ ^sha256:[0-9a-f]{64}$ ]] || fault "matlab_iso needs matlab_iso_checksum, as sha256:…: compare it with what MathWorks tells"
  [[ -n ${value[matlab_installer_input]} ]] || { fault "matlab_iso needs matlab_installer_input, the installer's input file"; return; }
  [[ ! -r ${value[matlab_installer_input]} ]] || grep --quiet '^agreeToLicense=yes' "${value[matlab_installer_input]}" \
    || fault "${value[matlab_installer_input]} does not say agreeToLicense=yes: only you can agree to MathWorks' licence"
}
