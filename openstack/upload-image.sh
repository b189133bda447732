#!/usr/bin/env bash
# Purpose: uploads a disk image as the candidate of its family, and proves that the cloud holds what was sent.
# Input: upload-image.sh --family NAME [options] FILE
#   --family NAME         what mayfly.yml calls it: `cloudImage.family`, or the image's own name
#   --facts FILE          what the image says of itself, /etc/mayfly/image.json of it; FILE.json beside the image is found by itself
#   --property KEY=VALUE  one more property, or another value of one; may be repeated
#   --name NAME           usually mayfly-<family>-<time it was built>
#   --convert raw         from qcow2: where Glance lies on Ceph, only a raw image can be cloned rather than copied for each VM
#   --min-disk GB         flavours with a smaller disk are refused
#   The cloud: OS_CLOUD and clouds.yaml, or OS_* variables.
# Result: the image's id, alone on the standard output. An image that came to harm on its way is deleted again.
# Safe to repeat: the same content is not uploaded twice, and a name never.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=image.sh
source "$(dirname "${BASH_SOURCE[0]}")/image.sh"

readonly upload_seconds=${MAYFLY_UPLOAD_SECONDS:-7200}
file='' format='' work=''

main() {
  read_options "family facts property+ name convert min-disk" "$@"
  need_family
  need_tools jq qemu-img
  file=${rest[0]:-}
  ((${#rest[@]} == 1)) || die "needs one image's file. See --help"
  [[ -s $file ]] || die "there is no image at $file"
  collect_facts
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  find_format
  find_owner
  refuse_twins
  upload
  compare
  become_candidate
  take_tag "$image" uploading
  echo "$image"
}

clean_up() {
  [[ -z $work ]] || rm -rf "$work"
  take_back_image
}

# --- what is known of the image ---

collect_facts() {
  local from=${option[facts]:-} known='{}' line
  [[ -n $from || ! -f $file.json ]] || from=$file.json
  if [[ -n $from ]]; then known=$(jq -e 'select(type == "object")' "$from") || die "$from is no JSON object"; fi
  facts=$known
  while IFS= read -r line; do
    [[ -z $line ]] || facts=$(jq -c --arg key "${line%%=*}" --arg value "${line#*=}" '.[$key] = $value' <<<"$facts")
  done <<<"${option[property]:-}"
  check_facts
}

# Sets `format`, and `file` if it was converted.
find_format() {
  format=$(qemu-img info --output=json "$file" | jq -r .format)
  [[ $format == raw || $format == qcow2 ]] || die "$file is $format: only raw and qcow2 are uploaded"
  [[ ${option[convert]:-$format} == raw || ${option[convert]:-$format} == "$format" ]] || die "can convert to raw only"
  [[ -n ${option[convert]:-} && $format != raw ]] || return 0
  work=$(mktemp -d --tmpdir="${TMPDIR:-/var/tmp}" mayfly-upload.XXXXXX)
  say "converting $file to raw"
  qemu-img convert -O raw "$file" "$work/image"
  file=$work/image
  format=raw
}

# --- twins ---

# NB: Glance takes any number of images of one name. Whoever then asks for the name gets one, or none.
refuse_twins() {
  local all twin name
  name=$(name_of_image)
  all=$(cloud image list --long -f json | jq -c --arg owner "$owner" '[.[] | select(.Project == $owner)]')
  twin=$(jq -r --arg sum "$(md5sum <"$file" | cut -d ' ' -f 1)" 'map(select(.Checksum == $sum and .Status == "active"))[0] // empty' <<<"$all")
  if [[ -n $twin ]]; then found_before "$twin"; fi
  twin=$(jq -r --arg name "$name" 'map(select(.Name == $name))[0].ID // empty' <<<"$all")
  [[ -z $twin ]] || die "there is an image named $name already, with other content: $twin. Choose another --name"
}

# The same content: either it is where it would be put, or somebody put it away.
found_before() {
  local twin
  twin=$(jq -r .ID <<<"$1")
  if jq -e --arg a "$(tag_of candidate)" --arg b "$(tag_of current)" '.Tags | index($a) or index($b)' <<<"$1" >/dev/null; then
    say "the same content is in the cloud already: image $twin"
    echo "$twin"
    exit 0
  fi
  die "the same content is in the cloud already, and is no candidate of ${option[family]}: image $twin. Delete it, if you do want it again"
}

# --- on its way ---

# The id is chosen here, so that an upload that is cut short can be taken back.
upload() {
  local arguments=()
  read_properties arguments
  [[ -z ${option[min-disk]:-} ]] || { need_whole_number min-disk; arguments+=(--min-disk "${option[min-disk]}"); }
  image=$(</proc/sys/kernel/random/uuid)
  say "uploading $file ($format, $(stat --dereference --format=%s "$file") bytes) as $(name_of_image)"
  local call_seconds=$upload_seconds
  cloud image create --id "$image" --private --disk-format "$format" --container-format bare \
    --file "$file" --tag "$(tag_of uploading)" "${arguments[@]}" -f json -- "$(name_of_image)" >/dev/null
}

# NB: the digest is Glance's own, of what it has stored. What the command itself notes is of what it has read.
compare() {
  local said status algorithm theirs ours
  said=$(cloud image show "$image" -f json)
  IFS=$'\t' read -r status algorithm theirs < <(
    jq -r '[.status, .properties.os_hash_algo // "none", .properties.os_hash_value // "none"] | @tsv' <<<"$said")
  [[ $status == active ]] || die "the cloud has the image as '$status', not as active"
  [[ $algorithm =~ ^(md5|sha(1|224|256|384|512))$ ]] || die "the cloud tells no digest that can be compared here ($algorithm)"
  ours=$("${algorithm}sum" <"$file" | cut -d ' ' -f 1)
  [[ $theirs == "$ours" ]] || die "the cloud's image has another digest ($algorithm $theirs) than $file ($ours)"
}

main "$@"
