#!/usr/bin/env bash
# Purpose: a family's next image, without anybody: builds it on the cloud, tests it, makes it current, and deletes the oldest ones. For a timer.
# Input: the environment (rebuild.env.example says more):
#   MAYFLY_FAMILY, MAYFLY_BASE_IMAGE, MAYFLY_FLAVOR, MAYFLY_NETWORK   as build-on-cloud.sh takes them
#   MAYFLY_SECURITY_GROUP, MAYFLY_AVAILABILITY_ZONE                   the same, if the cloud needs them
#   MAYFLY_KEEP      how many old images are kept; usually 2
#   MAYFLY_PROMOTE   no: it stays the candidate, and the controller tries it on a share of the jobs (`cloudImage.canary` of mayfly.yml).
#                    Else test-image.sh makes it current
#   The steps' own variables. The cloud: OS_CLOUD and clouds.yaml, or OS_* variables.
# Result: the new image's id, alone on the standard output. Its runner is the one that guest/runner.lock.json of this folder names: GitHub
#   refuses it 30 days after the next one, however new the image is. Exit codes of test-image.sh: 1, the image could not be tried, and is the
#   candidate still; 2, it failed, and is put away as old. The oldest images are deleted all the same.
# Safe to repeat; two at once are not, of one user: the second one ends with 1. Its lock is in ~/.local/state/mayfly.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# NB: not in /tmp, of which the service has one of its own.
readonly here=$project/openstack state=${XDG_STATE_HOME:-$HOME/.local/state}/mayfly
readonly old_days=20
family='' place=()

main() {
  read_options "" "$@"
  need_variables MAYFLY_FAMILY MAYFLY_BASE_IMAGE MAYFLY_FLAVOR MAYFLY_NETWORK
  need_tools jq
  [[ ${MAYFLY_PROMOTE:=yes} =~ ^(yes|no)$ ]] || die "MAYFLY_PROMOTE is yes or no, not '$MAYFLY_PROMOTE'"
  family=$MAYFLY_FAMILY
  mkdir -p "$state" || die "has no place for its lock. The user's home folder must be there, and be the user's: see README.md, \"A timer\". Or set XDG_STATE_HOME"
  exec 9>"$state/rebuild.lock"
  flock --nonblock 9 || die "another rebuild is under way"
  place=(--flavor "$MAYFLY_FLAVOR" --network "$MAYFLY_NETWORK")
  [[ -z ${MAYFLY_SECURITY_GROUP:-} ]] || place+=(--security-group "$MAYFLY_SECURITY_GROUP")
  [[ -z ${MAYFLY_AVAILABILITY_ZONE:-} ]] || place+=(--availability-zone "$MAYFLY_AVAILABILITY_ZONE")
  rebuild
}

need_variables() {
  local name
  for name in "$@"; do
    [[ -n ${!name:-} ]] || die "$name is not set. See --help"
  done
}

# NB: what is left of the oldest images goes last, and never for the price of the new one. It goes whatever the test has said: where no
# image can be tried, or none is well, there would be one more each week.
rebuild() {
  local image code=0
  warn_of_runner
  image=$("$here/build-on-cloud.sh" --family "$family" --image "$MAYFLY_BASE_IMAGE" "${place[@]}")
  if [[ $MAYFLY_PROMOTE == yes ]]; then "$here/test-image.sh" --family "$family" "${place[@]}" >/dev/null || code=$?; fi
  ((code < 128)) || exit "$code" # it was interrupted
  "$here/prune-images.sh" --family "$family" --keep "${MAYFLY_KEEP:-2}" || say "not all old images are gone; the next rebuild tries again"
  ((code == 0)) || exit "$code"
  echo "$image"
}

# A new image with an old runner helps nobody.
warn_of_runner() {
  local released days
  released=$(jq -r '.released // empty' "${MAYFLY_RUNNER_LOCK:-$project/guest/runner.lock.json}")
  [[ -n $released ]] || return 0
  days=$((($(date +%s) - $(date --utc --date "$released" +%s)) / 86400))
  ((days < old_days)) || say "the runner that images get was released $days days ago. If there is a newer one, run script/update-runner, or update this folder"
}

main "$@"
