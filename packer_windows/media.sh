#!/usr/bin/env bash
# shellcheck disable=SC2154
# (disabled: variables of lib.sh)
# Purpose: what build.sh needs of media: fetches them once, compares their digests, and lays out the second CD. To be sourced after lib.sh.
# Input: media.lock.json, ../guest/runner.lock.json; MAYFLY_MEDIA, a folder to keep what was fetched, usually .cache/media of this project.

readonly media=${MAYFLY_MEDIA:-$project/.cache/media}
readonly media_lock=${MAYFLY_MEDIA_LOCK:-$here/media.lock.json} runner_lock=${MAYFLY_RUNNER_LOCK:-$project/guest/runner.lock.json}

# The path of what an address or a path names, once its digest was compared: `fetch FROM SHA256`.
# NB: kept under its digest, so that nothing is fetched twice, and nothing taken for another.
fetch() {
  local from=$1 digest=$2 file
  if [[ -f $from ]]; then
    compare "$from" "$digest"
    realpath "$from"
    return
  fi
  file=$media/$digest/${from##*/}
  if [[ ! -f $file ]]; then
    [[ $from =~ ^(https|http|file):// ]] || die "there is no file $from"
    say "fetching $from"
    mkdir -p "${file%/*}"
    curl --fail --silent --show-error --location --retry 3 --output "$file.part" "$from" || die "cannot fetch $from"
    (compare "$file.part" "$digest") || { rm "$file.part"; exit 1; }
    mv "$file.part" "$file"
  else
    compare "$file" "$digest"
  fi
  echo "$file"
}

compare() {
  local found
  found=$(sha256sum <"$1" | cut -d ' ' -f 1)
  [[ $found == "$2" ]] || die "$1 has the SHA-256 $found, not $2: it was not used"
}

locked() {
  jq -er --arg name "$1" --arg field "$2" '.[$name][$field]' "$media_lock" || die "$media_lock has no $2 of $1"
}

fetch_locked() {
  fetch "$(locked "$1" url)" "$(locked "$1" sha256)"
}

# Fills a folder with what 00-first-logon.ps1 and its followers look for.
lay_out_cd() {
  local cd_folder=$1 file
  mkdir -p "$cd_folder/mayfly/files"
  cp "$here"/scripts/*.ps1 "$cd_folder/mayfly/"
  cp -R "$here/cloudbase-init" "$here/answer_files" "$project/guest" "$cd_folder/mayfly/"
  file=$(fetch_locked openssh); cp "$file" "$cd_folder/mayfly/files/openssh.msi"
  file=$(fetch_locked git); cp "$file" "$cd_folder/mayfly/files/git.exe"
  file=$(fetch_locked powershell); cp "$file" "$cd_folder/mayfly/files/powershell.msi"
  if [[ $target == cloud ]]; then file=$(fetch_locked cloudbase-init); cp "$file" "$cd_folder/mayfly/files/cloudbase-init.msi"; fi
  cp "$runner_lock" "$cd_folder/mayfly/guest/runner.lock.json"
  add_runner "$cd_folder/mayfly/files"
  if [[ $builder == qemu ]]; then add_drivers "$cd_folder"; fi
  # NB: they hold an installation key, perhaps. The last step removes them from the disk, and build.sh removes this folder.
  [[ -z ${value[matlab_installer_input]} ]] || cp "${value[matlab_installer_input]}" "$cd_folder/mayfly/files/installer_input.txt"
  [[ -z ${value[matlab_license_file]} ]] || cp "${value[matlab_license_file]}" "$cd_folder/mayfly/files/license.lic"
}

add_runner() {
  local version name digest file
  IFS=$'\t' read -r version name digest < <(jq -r '[.version, .archives["win-x64"].file, .archives["win-x64"].sha256] | @tsv' "$runner_lock")
  file=$(fetch "${MAYFLY_RUNNER_MIRROR:-https://github.com/actions/runner/releases/download/v$version}/$name" "$digest")
  cp "$file" "$1/$name"
}

# NB: Setup takes drivers from a folder of this name on any CD by itself.
add_drivers() {
  local iso driver
  iso=$(fetch_locked virtio-win)
  mkdir -p "$1/\$WinPEDriver\$"
  for driver in vioscsi viostor NetKVM; do
    extract "$iso" "/$driver/${value[drivers]}/amd64" "$1/\$WinPEDriver\$/$driver"
  done
  extract "$iso" /virtio-win-guest-tools.exe "$1/mayfly/files/virtio-win-guest-tools.exe"
}

extract() {
  xorriso -report_about FAILURE -osirrox on -indev "$1" -extract "$2" "$3" >/dev/null 2>&1 || die "$1 has no $2"
  chmod -R u+w "$3"
}
