#!/usr/bin/env bash
# Purpose: boots the candidate of a family, hears what it says of itself, and makes it the current image if all is well with it.
# Input: test-image.sh --family NAME --flavor NAME --network NAME [options]
#   --family NAME              whose candidate
#   --flavor, --network        what the server is made with, names or ids
#   --security-group NAME      may be repeated
#   --availability-zone NAME
#   --minutes N                how long to wait for the server, and then for the test's answer; usually 15
#   The cloud: OS_CLOUD and clouds.yaml, or OS_* variables.
# Result: the id of the current image, alone on the standard output. The one before has the tag `old`; at no moment is there none.
#   Exit code 1: it could not be tried, and is the candidate still. 2: it failed, and is put away as old. 3: there is no candidate.
#   The server is deleted, whatever ends this script. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=server.sh
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

image='' said=''

main() {
  read_options "family flavor network security-group+ availability-zone minutes" "$@"
  need_family
  need flavor network
  option[minutes]=${option[minutes]:-15}
  need_whole_number minutes
  need_tools jq
  find_owner
  find_candidate
  clean_up_at_exit true
  boot
  wait_for_answer
  judge
}

find_candidate() {
  look_up candidate
  if ((${#tagged[@]} == 0)); then say "the family ${option[family]} has no candidate"; exit 3; fi
  ((${#tagged[@]} == 1)) || die "the family ${option[family]} has ${#tagged[@]} candidates: ${tagged[*]}. Take the tag from all but one"
  image=${tagged[0]}
}

boot() {
  say "booting image $image"
  printf 'MAYFLYSELFTEST1\n' >"$work/user-data"
  create_server "mayfly-test-${option[family]}" "$image" "$work/user-data" || die "could not be tried: the cloud made no server"
}

# Sets `said`. An image is silent only if its server was up and its console could be read: all else is the cloud's fault, not the image's.
# A console without any text was not read: every kernel says something, and some clouds answer so when they cannot.
# NB: the image powers itself off when it has spoken, so a server that is off has no more to say; its console may be gone by then.
wait_for_answer() {
  local end=$((SECONDS + option[minutes] * minute_seconds)) status console is_up='' is_read=''
  while ((SECONDS < end)); do
    status=$(server_status) || status=unknown # the cloud may not answer just now
    [[ $status != ERROR ]] || die "could not be tried, the server is broken: $(server_fault)"
    if [[ -z $is_up && $status == ACTIVE ]]; then is_up=yes end=$((SECONDS + option[minutes] * minute_seconds)); fi
    if console=$(cloud console log show "$server" 2>/dev/null) && [[ $console == *[![:space:]]* ]]; then
      said=$(grep --only-matching --max-count=1 'MAYFLY-SELFTEST .*' <<<"$console") && return
      [[ $status != ACTIVE && $status != SHUTOFF ]] || is_read=yes
    elif [[ $status == ACTIVE ]]; then is_read=''
    fi
    if [[ $status == SHUTOFF ]]; then silent "it powered off and said nothing"; return; fi
    sleep "$poll_seconds"
  done
  [[ -n $is_up ]] || die "could not be tried: the server did not start within ${option[minutes]} minutes, or the cloud did not say so"
  silent "it said nothing within ${option[minutes]} minutes"
}

silent() {
  [[ -n $is_read ]] || die "could not be tried: the cloud did not show the server's console, or there was no text on it"
  said="MAYFLY-SELFTEST failed: $1"
}

# NB: what is called in a condition goes on after a command that fails. So the cloud is asked before.
judge() {
  local version
  said=$(tr --complement --delete '[:print:]' <<<"${said#MAYFLY-SELFTEST }" | cut -c 1-250)
  say "the image says: $said"
  version=$(image_field "$image" '.properties.mayfly_runner_version // ""') || die "could not be tried: the cloud does not tell the image's properties"
  if [[ $said != ok\ * ]]; then
    turn_back "$said"
  elif [[ " $said " != *" runner=$version "* ]]; then
    turn_back "failed: its runner is not the one that its properties tell"
  else
    promote
  fi
}

turn_back() {
  say "the candidate $1"
  cloud image set --property "mayfly_test=$1" "$image"
  move_tag "$image" candidate old
  say "image $image is put away as old"
  server_console | tail -n 40 >&2
  exit 2
}

# Killed at any point, this can be done again: no image is without a tag, and one at least is current.
# NB: the new image gets the tag before the older one loses it. In between there are two, of which the new one says in the property
# mayfly_replaces which it takes the place of: with the tag, in one call. See: src/drivers/openstack/image-tags.ts.
promote() {
  local before others=()
  look_up current
  for before in "${tagged[@]}"; do
    [[ $before != "$image" ]] || continue
    others+=("$before")
    # NB: the other way round, this may be the image whose place that one has taken.
    cloud image set --tag "$(tag_of old)" --property mayfly_replaces= "$before"
  done
  cloud image set --tag "$(tag_of current)" --property "mayfly_replaces=${others[0]:-}" --property "mayfly_test=$said" "$image"
  for before in "${others[@]}"; do
    take_tag "$before" current
    say "image $before was the current one: it is put away as old"
  done
  take_tag "$image" candidate
  [[ -z ${others[0]:-} ]] || cloud image set --property mayfly_replaces= "$image"
  say "image $image is the current one of the family ${option[family]}"
  echo "$image"
}

main "$@"
