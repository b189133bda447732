#!/usr/bin/env bash
# Purpose: step 60 of an image: writes down what it is, for the cloud's list of images, and for the log of each job.
# Input: MAYFLY_COMMIT, the commit of the scripts; MAYFLY_SOURCE_SHA256, the digest of what it was built on; MAYFLY_EXPIRES_AT, when it may
#   no longer be used (as 2026-12-18T00:00:00Z), for images in which something ends; MAYFLY_RUNNER_LOCK, as 30-runner.sh takes it. Each may
#   be left out. See: lib.sh.
# Result: /etc/mayfly/image.json, one JSON object of texts; .setup_info beside the runner. Safe to repeat: the time is the last one's.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly lock=${MAYFLY_RUNNER_LOCK:-$guest/runner.lock.json}
readonly facts=/etc/mayfly/image.json runner=/home/runner/actions-runner

main() {
  check_machine
  [[ -r /etc/mayfly/runner-version ]] || die "there is no runner yet: 30-runner.sh installs it"
  local ID='' VERSION_ID=''
  # shellcheck source=/dev/null
  source /etc/os-release
  write_facts "$ID-${VERSION_ID:-rolling}"
  write_setup_info
  say "$(<"$facts")"
}

# The names are those of the cloud's properties. See: ../../openstack/README.md, "Properties".
write_facts() {
  jq --null-input --compact-output \
    --arg mayfly_runner_version "$(</etc/mayfly/runner-version)" \
    --arg mayfly_runner_released_at "$(runner_released "$(</etc/mayfly/runner-version)")" \
    --arg mayfly_built_at "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" \
    --arg mayfly_os "$1" \
    --arg mayfly_commit "${MAYFLY_COMMIT:-}" \
    --arg mayfly_source_sha256 "${MAYFLY_SOURCE_SHA256:-}" \
    --arg mayfly_expires_at "${MAYFLY_EXPIRES_AT:-}" \
    --arg mayfly_matlab_release "$(matlab_release)" \
    '$ARGS.named | with_entries(select(.value != ""))' >"$facts"
}

# As the lock has it, if that is still the lock of this runner.
runner_released() {
  jq -r --arg version "$1" 'select(.version == $version) | .released // ""' "$lock"
}

matlab_release() {
  sed --quiet 's/^release=//p' /etc/mayfly/matlab 2>/dev/null || true
}

# See: actions/runner, `.setup_info`: a list of groups, shown at the head of each job's log.
write_setup_info() {
  jq '[{group: "Mayfly image", detail: (to_entries | map((.key | sub("^mayfly_"; "")) + ": " + .value) | join("\n"))}]' "$facts" >"$runner/.setup_info"
  chown runner: "$runner/.setup_info"
}

main
