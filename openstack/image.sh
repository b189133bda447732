#!/usr/bin/env bash
# shellcheck disable=SC2154
# (disabled: variables of lib.sh)
# Purpose: one image on its way to be the candidate of its family. To be sourced after lib.sh, not run.
# Uses the options family and name. See: README.md, "Properties".

# Its id, or its name while it has none; what it says of itself, as a JSON object of texts; whether it is there to stay.
image='' facts='' is_candidate=''

check_facts() {
  local wrong key
  add_release
  wrong=$(jq -r 'to_entries[] | select((.key | test("^(mayfly|hw|os)_[a-z0-9_]+$") | not) or (.value | type != "string")
    or (.value | test("^[ -~]{1,255}$") | not)) | .key' <<<"$facts")
  [[ -z $wrong ]] || die "properties are named mayfly_…, hw_… or os_… and are plain text of at most 255 characters; these are not: ${wrong//$'\n'/, }"
  for key in mayfly_runner_version mayfly_built_at mayfly_os; do
    jq -e --arg key "$key" 'has($key)' <<<"$facts" >/dev/null \
      || die "$key is not known. Give --facts, or --property $key=…: without it nobody can say when this image is too old"
  done
  jq -e '.mayfly_built_at | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")' <<<"$facts" >/dev/null \
    || die "mayfly_built_at must be a time as 2026-11-27T03:00:00Z"
}

# When GitHub released its runner, for images that do not say so themselves, if the runner is the one that is pinned here.
add_release() {
  local released
  released=$(jq -r --argjson facts "$facts" 'select(.version == $facts.mayfly_runner_version) | .released // ""' "${MAYFLY_RUNNER_LOCK:-$project/guest/runner.lock.json}")
  [[ -z $released ]] || facts=$(jq -c --arg day "$released" '{mayfly_runner_released_at: $day} + .' <<<"$facts")
}

# Appends what is known as --property KEY=VALUE to the array whose name is given.
read_properties() {
  local -n list=$1
  local key value
  while IFS=$'\t' read -r key value; do
    list+=(--property "$key=$value")
  done < <(jq -r 'to_entries[] | [.key, .value] | join("\t")' <<<"$facts")
}

name_of_image() {
  local built
  built=$(jq -r .mayfly_built_at <<<"$facts")
  echo "${option[name]:-mayfly-${option[family]}-${built//[-:]/}}"
}

# There is one candidate of a family: an older one that nobody tested is put away.
become_candidate() {
  local other
  look_up candidate
  cloud image set --tag "$(tag_of candidate)" "$image"
  is_candidate=yes
  for other in "${tagged[@]}"; do
    [[ $other != "$image" ]] || continue
    say "image $other was the candidate before: it is put away as old"
    move_tag "$other" candidate old
  done
  say "image $image is the candidate of the family ${option[family]}"
}

# For the end of a script, whatever has ended it: no image stays that is not proven and named.
take_back_image() {
  [[ -n $image && -z $is_candidate ]] || return 0
  say "deleting image $image, which is of no use to anybody"
  remove image "$image" || say "image $image could not be deleted: do it by hand, with \`openstack image delete $image\`"
}
