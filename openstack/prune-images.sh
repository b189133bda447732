#!/usr/bin/env bash
# Purpose: deletes old images of a family, and what uploads left behind that were cut short.
# Input: prune-images.sh --family NAME [options]
#   --family NAME   whose images
#   --keep N        how many old images are kept, the newest; usually 2
#   --dry-run       says what would be deleted, and deletes nothing
#   The cloud: OS_CLOUD and clouds.yaml, or OS_* variables.
# Result: what was deleted, in words. Never the current image or the candidate, and none that a server of this project runs from.
#   Exit code 1 if the cloud refused one.
# Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

used='' refused=0

main() {
  read_options "family keep dry-run!" "$@"
  need_family
  option[keep]=${option[keep]:-2}
  need_whole_number keep
  need_tools jq
  find_owner
  used=$(images_in_use)
  prune_old
  prune_unfinished
  ((refused == 0))
}

# NB: a server that boots from a volume has a copy of its image, or the cloud refuses to delete that.
images_in_use() {
  cloud server list --limit -1 --no-name-lookup --long -f json | jq -r '.[]["Image ID"] // empty'
}

# NB: tags may have changed meanwhile (a candidate that was turned back, and tried again), so each image is asked once more.
prune_old() {
  local images image id kept=0
  images=$(images_with old | jq -c '.[]')
  while IFS= read -r image; do
    [[ -n $image ]] || continue
    id=$(jq -r .id <<<"$image")
    if is_wanted "$image"; then continue; fi
    if ((kept < option[keep])); then kept=$((kept + 1)); continue; fi
    if grep --quiet --line-regexp --fixed-strings -- "$id" <<<"$used"; then
      say "image $id is kept: a server runs from it"
      continue
    fi
    delete_image "$id"
  done <<<"$images"
}

is_wanted() {
  jq -e --arg a "$(tag_of candidate)" --arg b "$(tag_of current)" '.tags | index($a) or index($b)' <<<"$1" >/dev/null
}

# Uploads take two hours at most; what is a day old is nobody's.
prune_unfinished() {
  local ids id created
  ids=$(cloud image list --tag "$(tag_of uploading)" --long -f json | jq -r --arg owner "$owner" '.[] | select(.Project == $owner) | .ID')
  while IFS= read -r id; do
    [[ -n $id ]] || continue
    created=$(image_field "$id" .created_at) || continue # gone meanwhile, or looked at the next time
    created=$(date --date "$created" +%s)
    (($(date +%s) - created < 86400)) || delete_image "$id"
  done <<<"$ids"
}

delete_image() {
  local now
  if [[ -n ${option[dry-run]:-} ]]; then say "would delete image $1"; return; fi
  if ! now=$(cloud image show "$1" -f json); then say "image $1 is kept: the cloud does not tell its tags"; refused=1; return; fi
  if is_wanted "$now"; then say "image $1 is kept: it is wanted again"; return; fi
  if remove image "$1"; then say "deleted image $1"; return; fi
  say "the cloud keeps image $1: it is protected, or something is made of it"
  refused=1
}

main "$@"
