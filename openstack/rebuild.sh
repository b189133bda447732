#!/usr/bin/env bash
# Purpose: a family's next image, without anybody: builds it on the cloud, tests it if asked to, and deletes the oldest ones. For a timer.
# Input: the environment (rebuild.env.example says more):
#   MAYFLY_FAMILY, MAYFLY_BASE_IMAGE, MAYFLY_FLAVOR, MAYFLY_NETWORK   as build-on-cloud.sh takes them
#   MAYFLY_SECURITY_GROUP, MAYFLY_AVAILABILITY_ZONE                   the same, if the cloud needs them
#   MAYFLY_KEEP      how many old images are kept; usually 2
#   MAYFLY_PROMOTE   test: test-image.sh makes it current. Else it stays the candidate, and the controller tries it on a share of the jobs
#   MAYFLY_DAYS      how many days it is good, as its property mayfly_expires_at says; usually 28, for GitHub refuses older runners
#   The steps' own variables. The cloud: OS_CLOUD and clouds.yaml, or OS_* variables.
# Result: the new image's id, alone on the standard output. Safe to repeat; two at once are not: the second one ends with 1.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly here=$project/openstack lock=${TMPDIR:-/tmp}/mayfly-rebuild-$EUID.lock
family='' place=()

main() {
  read_options "" "$@"
  need_variables MAYFLY_FAMILY MAYFLY_BASE_IMAGE MAYFLY_FLAVOR MAYFLY_NETWORK
  family=$MAYFLY_FAMILY
  exec 9>"$lock"
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

# NB: what is left of the oldest images goes last, and never for the price of the new one.
rebuild() {
  local image
  MAYFLY_EXPIRES_AT=$(date --utc --date "+${MAYFLY_DAYS:-28} days" +%Y-%m-%dT%H:%M:%SZ)
  export MAYFLY_EXPIRES_AT
  image=$("$here/build-on-cloud.sh" --family "$family" --image "$MAYFLY_BASE_IMAGE" "${place[@]}")
  if [[ ${MAYFLY_PROMOTE:-} == test ]]; then "$here/test-image.sh" --family "$family" "${place[@]}" >/dev/null; fi
  "$here/prune-images.sh" --family "$family" --keep "${MAYFLY_KEEP:-2}" || say "not all old images are gone; the next rebuild tries again"
  echo "$image"
}

main "$@"
