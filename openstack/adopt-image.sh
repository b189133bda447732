#!/usr/bin/env bash
# Purpose: makes an image that is in the cloud already, made by Packer or by hand, the candidate of its family.
# Input: adopt-image.sh --family NAME --facts FILE ID
#   --family NAME   what mayfly.yml calls it: `cloudImage.family`, or the image's own name
#   --facts FILE    what the image says of itself, /etc/mayfly/image.json of it
#   The cloud: OS_CLOUD and clouds.yaml, or OS_* variables.
# Result: the image's id, alone on the standard output. Nothing of it is changed but properties and tags. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=image.sh
source "$(dirname "${BASH_SOURCE[0]}")/image.sh"

main() {
  local said arguments=()
  read_options "family facts" "$@"
  need_family
  need facts
  need_tools jq
  ((${#rest[@]} == 1)) || die "needs one image's id. See --help"
  facts=$(jq -e 'select(type == "object")' "${option[facts]}") || die "${option[facts]} is no JSON object"
  check_facts
  find_owner
  said=$(cloud image show "${rest[0]}" -f json)
  image=$(jq -r .id <<<"$said")
  jq -e --arg owner "$owner" '.owner == $owner and .status == "active"' <<<"$said" >/dev/null \
    || die "image $image is not active, or belongs to another project: it cannot be used"
  read_properties arguments
  cloud image set "${arguments[@]}" "$image"
  become_candidate
  take_tag "$image" uploading
  echo "$image"
}

main "$@"
