#!/usr/bin/env bash
# Purpose: makes the candidate of a family on the cloud itself, without Packer: boots a stock image, lets it run all steps of
#   images/linux/, and takes a snapshot of it when it has powered itself off.
# Input: build-on-cloud.sh --family NAME --image NAME --flavor NAME --network NAME [options]
#   --family NAME              whose candidate it becomes
#   --image NAME               a stock cloud image of Debian or Ubuntu, with cloud-init: a name or an id
#   --flavor, --network        what the server is made with. WARN: the flavour's disk is the least that any VM of the image can have
#   --security-group NAME      in place of one that lets everything out and nothing in; may be repeated
#   --availability-zone NAME
#   --name NAME                of the image; usually mayfly-<family>-<time it was built>
#   --minutes N                how long the steps may take; usually 90
#   The variables of the steps, from the environment: MAYFLY_PACKAGES, MATLAB_RELEASE and so on. MATLAB_INPUT_FILE, MATLAB_LICENSE_FILE and
#   MAYFLY_RUNNER_LOCK are files here. WARN: they travel in the server's user data, which this project's members can read until it is deleted.
#   The cloud: OS_CLOUD and clouds.yaml, or OS_* variables.
# Result: the image's id, alone on the standard output. Server and security group are deleted, whatever ends this script, and so is an image
#   that is not whole. Safe to repeat: each time is another image.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=image.sh
source "$(dirname "${BASH_SOURCE[0]}")/image.sh"
# shellcheck source=server.sh
source "$(dirname "${BASH_SOURCE[0]}")/server.sh"

# The folder in the server. See: build-in-vm.sh.
readonly in_vm=/run/mayfly-build
readonly snapshot_seconds=${MAYFLY_UPLOAD_SECONDS:-7200} user_data_bytes=49151
readonly variables='^(MAYFLY_(PACKAGES|UPGRADE|NTP|RUNNER_MIRROR|COMMIT|SOURCE_SHA256|EXPIRES_AT|NETWORK|CLOUD_INIT|ASK_METADATA|SSH|ALLOW_SUDO|KEEP_USERS|SKIP)|MATLAB_(RELEASE|PRODUCTS|MPM_OPTIONS|ISO|ISO_SHA256|LICENSE_SERVER|KEEP_LICENSE|PROVE|PACKAGES)|MPM_(URL|SHA256))$'
readonly files=(MATLAB_INPUT_FILE MATLAB_LICENSE_FILE MAYFLY_RUNNER_LOCK)

main() {
  read_options "family image flavor network security-group+ availability-zone name minutes" "$@"
  need_family
  need image flavor network
  option[minutes]=${option[minutes]:-90}
  need_whole_number minutes
  need_tools jq
  clean_up_at_exit take_back_image
  make_user_data
  find_owner
  refuse_name
  find_group
  say "booting ${option[image]}"
  create_server "mayfly-build-${option[family]}" "${option[image]}" "$work/user-data" || die "the cloud made no server"
  wait_for_build
  wait_until_off
  take_snapshot
  become_candidate
  echo "$image"
}

# --- what the server is told to do ---

# A script for cloud-init. NB: plain text, for the command reads it as such; so only the archive in it is packed.
# NB: all is unpacked in memory, for the disk becomes the image; in a file system of its own, as nothing may be run from /run itself. bash
# may put what it feeds to a command into a file: there, too.
make_user_data() {
  local bytes
  mkdir -p "$work/mayfly/files"
  mkdir "$work/mayfly/images" "$work/mayfly/guest"
  cp -r "$project/images/linux" "$work/mayfly/images/"
  cp -r "$project/guest/linux" "$project/guest/unix" "$project/guest/runner.lock.json" "$work/mayfly/guest/"
  {
    write_variables
    cat "$project/openstack/build-in-vm.sh"
  } >"$work/mayfly/build"
  {
    printf '%s\n' '#!/bin/bash' 'umask 077' "mkdir $in_vm" "mount -t tmpfs -o mode=0700 tmpfs $in_vm" "TMPDIR=$in_vm" \
      "base64 --decode <<\"END\" | tar --extract --gzip --directory $in_vm"
    tar --create --owner=0 --group=0 --directory "$work/mayfly" . | gzip -9 | base64
    printf '%s\n' END "exec bash $in_vm/build"
  } >"$work/user-data"
  bytes=$(stat --format=%s "$work/user-data")
  ((bytes <= user_data_bytes)) || die "the steps and files have $bytes bytes, and user data can have $user_data_bytes. A shorter licence's file may help"
}

write_variables() {
  local name
  echo 'export MAYFLY_IMAGE_BUILD=yes'
  [[ -n ${MAYFLY_COMMIT:-} ]] || printf 'export MAYFLY_COMMIT=%q\n' "$(git -C "$project" rev-parse HEAD 2>/dev/null || true)"
  for name in $(compgen -e | grep -E "$variables"); do
    printf 'export %s=%q\n' "$name" "${!name}"
  done
  for name in "${files[@]}"; do
    [[ -n ${!name:-} ]] || continue
    cp "${!name}" "$work/mayfly/files/$name"
    printf 'export %s=%s/files/%s\n' "$name" "$in_vm" "$name"
  done
}

# --- the build ---

refuse_name() {
  [[ -n ${option[name]:-} ]] || return 0
  local twin
  twin=$(cloud image list --name "${option[name]}" --long -f json | jq -r --arg owner "$owner" '.[] | select(.Project == $owner) | .ID')
  [[ -z $twin ]] || die "there is an image named ${option[name]} already. Choose another --name"
}

# NB: a group that was just made lets everything out and nothing in.
find_group() {
  [[ -z ${option[security-group]:-} ]] || return 0
  group=mayfly-build-$(random_end)
  cloud security group create "$group" --description "lives as long as a build of Mayfly's" -f json >/dev/null
}

# Sets `facts`, from the last line that arrived whole: others may write to the same console.
wait_for_build() {
  local end=$((SECONDS + option[minutes] * 60)) status lines
  say "the steps are running; this may take up to ${option[minutes]} minutes"
  while ((SECONDS < end)); do
    lines=$(server_console | tr -d '\r' | grep --only-matching 'MAYFLY-BUILD .*') || lines=''
    if [[ $lines == *'MAYFLY-BUILD failed'* ]]; then fail_build "${lines##*MAYFLY-BUILD }"; fi
    facts=$(sed --quiet 's/^MAYFLY-BUILD ok //p' <<<"$lines" | jq -cR 'fromjson? | objects' | tail -n 1)
    [[ -z $facts ]] || { check_facts; return; }
    status=$(server_status) || status=unknown # the cloud may not answer just now
    [[ $status != ERROR ]] || die "the server is broken: $(server_fault)"
    [[ $status != SHUTOFF ]] || die "the server has powered itself off, and did not say what came of the steps"
    sleep "$poll_seconds"
  done
  fail_build "not done within ${option[minutes]} minutes"
}

fail_build() {
  server_console | tail -n 60 >&2
  die "the steps have failed: $1"
}

# NB: a snapshot of a server that runs is one of a file system in use.
wait_until_off() {
  local end=$((SECONDS + 600)) status=''
  say "the steps are done: $facts"
  while ((SECONDS < end)); do
    status=$(server_status) || true # the cloud may not answer just now
    [[ $status != SHUTOFF ]] || return 0
    sleep "$poll_seconds"
  done
  die "the server did not power itself off"
}

# NB: a snapshot has the properties of the image under it, and a name before it has an id.
take_snapshot() {
  local name arguments=() call_seconds=$snapshot_seconds said
  name=$(name_of_image)
  option[name]=$name
  refuse_name
  say "taking a snapshot as $name"
  image=$name
  said=$(cloud server image create --wait --name "$name" -f json "$server")
  image=$(jq -er .id <<<"$said")
  [[ $(image_field "$image" .status) == active ]] || die "the cloud has no whole image of the server"
  read_properties arguments
  cloud image set "${arguments[@]}" "$image"
}

main "$@"
