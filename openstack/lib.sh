#!/usr/bin/env bash
# shellcheck disable=SC2034
# (disabled: variables and arguments that the script uses which reads this file)
# Purpose: what the scripts of this folder share: options, calls to the cloud, the tags of images. To be sourced, not run.
# Input: a cloud that the command `openstack` finds: OS_CLOUD with clouds.yaml, or OS_* variables; MAYFLY_POLL_SECONDS, the pause
#   between two looks at something that is waited for. For tests: MAYFLY_MINUTE_SECONDS, how long a minute is.

# NB: without it `set -e` ends at each $(…), and a list that the cloud did not give is an empty one.
shopt -s inherit_errexit

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly project
readonly poll_seconds=${MAYFLY_POLL_SECONDS:-5} minute_seconds=${MAYFLY_MINUTE_SECONDS:-60}
# How long one call may take; an upload sets its own limit.
call_seconds=120
# How the command says it: "No Image found for …", "Error while executing command: No SecurityGroup found for …", "No server with a name …".
readonly not_there='(^|: )no [a-z ]+ (found for|with a name or id of) |could not be found'
declare -A option=()
rest=() tagged=() owner=''

say() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
  say "$*"
  exit 1
}

# The header of a script is its help.
help() {
  sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$0"
}

# Reads the arguments into `option` and `rest`. $1: the known options; one that ends in ! has no value, one that ends in + may be repeated.
read_options() {
  local known=" $1 " name
  shift
  while (($#)); do
    name=${1#--}
    case $1 in
      --help) help; exit ;;
      --*)
        if [[ $known == *" $name! "* ]]; then option[$name]=yes; shift; continue; fi
        (($# > 1)) || die "$1 needs a value, or is not known. See --help"
        if [[ $known == *" $name+ "* ]]; then option[$name]+=$2$'\n'
        elif [[ $known == *" $name "* ]]; then option[$name]=$2
        else die "does not know $1. See --help"
        fi
        shift 2 ;;
      *) rest+=("$1"); shift ;;
    esac
  done
}

need() {
  local name
  for name in "$@"; do
    [[ -n ${option[$name]:-} ]] || die "needs --$name. See --help"
  done
}

# A family is part of tags and names.
need_family() {
  need family
  [[ ${option[family]} =~ ^[a-z0-9][a-z0-9-]{0,39}$ ]] \
    || die "'${option[family]}' is no name of a family: small letters, digits and hyphens, at most 40"
}

need_whole_number() {
  [[ ${option[$1]} =~ ^[1-9][0-9]{0,5}$ ]] || die "--$1 must be a whole number from 1, not '${option[$1]}'"
}

need_tools() {
  local tool
  for tool in openstack "$@"; do
    command -v "$tool" >/dev/null || die "$tool is not installed. On Debian and Ubuntu: apt install python3-openstackclient jq qemu-utils"
  done
}

# --- the cloud ---

# NB: each call takes three seconds, nearly all of it the start of Python. In the foreground, or Ctrl-C would wait for its end.
cloud() {
  timeout --foreground --kill-after=10 "$call_seconds" openstack "$@" </dev/null
}

# Sets `owner`: the project that the credentials are for.
find_owner() {
  owner=$(cloud token issue -f json | jq -er .project_id) || die "the cloud does not say which project these credentials are for"
}

# Deletes what is named, and answers whether it is gone: `remove "security group" ID`.
# NB: the command ends with 1 for what is not there, and for what it may not delete. So it is looked at afterwards.
remove() {
  local kind
  read -ra kind <<<"$1"
  cloud "${kind[@]}" delete "$2" >/dev/null 2>&1 || true
  is_gone "$@"
}

# Gone only if the cloud says so: one that does not answer has said nothing.
is_gone() {
  local kind said
  read -ra kind <<<"$1"
  ! said=$(cloud "${kind[@]}" show "$2" -f json 2>&1) && grep --quiet --ignore-case --extended-regexp "$not_there" <<<"$said"
}

# --- images by their tags ---

tag_of() {
  printf 'mayfly:%s:%s' "${option[family]}" "$1"
}

# Our own active images with a tag of the family, newest first, as a JSON list of {id, tags}. After find_owner.
# NB: names say nothing, as Glance allows twins; and others may share an image with any tag with us, so the owner is compared.
images_with() {
  cloud image list --tag "$(tag_of "$1")" --sort created_at:desc --long -f json \
    | jq --arg owner "$owner" '[.[] | select(.Project == $owner and .Status == "active") | {id: .ID, tags: .Tags}]'
}

ids_with() {
  images_with "$1" | jq -r '.[].id'
}

# Sets `tagged`: the ids of the images with a tag, in an array.
look_up() {
  local said
  said=$(ids_with "$1")
  mapfile -t tagged <<<"$said"
  [[ -n $said ]] || tagged=()
}

# Replaces tag $2 of image $1 by tag $3; first the new one, so that the image never lacks both.
move_tag() {
  cloud image set --tag "$(tag_of "$3")" "$1"
  take_tag "$1" "$2"
}

# Takes tag $2 from image $1.
# NB: the command ends with 1 for a tag that is gone already, and says the same of every other trouble. So it is looked at afterwards.
take_tag() {
  local tags
  if cloud image unset --tag "$(tag_of "$2")" "$1" 2>/dev/null; then return; fi
  tags=$(image_field "$1" '.tags[]') || die "the cloud does not tell the tags of image $1"
  ! grep --quiet --line-regexp --fixed-strings "$(tag_of "$2")" <<<"$tags" || die "the cloud did not take the tag $(tag_of "$2") from image $1"
}

image_field() {
  cloud image show "$1" -f json | jq -r "$2"
}
