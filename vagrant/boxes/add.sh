#!/usr/bin/env bash
# Purpose: adds a box file to Vagrant, if it is the one that it should be, and prints the lines that mayfly.yml needs.
# Input: add.sh --name NAME --sha256 DIGEST FILE
#   --name NAME       of the box in Vagrant, as mayfly/debian-12
#   --sha256 DIGEST   from who made the box; `sha256sum FILE` where that is you
#   VAGRANT_HOME, if it is not ~/.vagrant.d. Mayfly has a Vagrant home of its own, and adds the box there by itself.
# Result: the box, with a version made from its digest as Mayfly makes it; an image for mayfly.yml, on the standard output. A file with
#   another digest, or that is no box, is not added. Needs vagrant, jq. Safe to repeat.
set -euo pipefail

# What a provider's box must have besides its metadata. See: vagrant-libvirt, "Box format"; Vagrant docs, "Box file format".
declare -rA content=([libvirt]='box(_1)?\.img' [virtualbox]='box\.ovf' [vmware_desktop]='.*\.vmx' [parallels]='.*\.pvm/.*' [qemu]='box\.img')
name='' sha256='' file='' provider='' version='' work=''

main() {
  read_options "$@"
  check_digest
  work=$(mktemp --directory --tmpdir mayfly-add.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  check_box
  version=1.$((16#${sha256:0:12}))
  if is_added; then say "Vagrant has it already, as version $version"; else add; fi
  tell
}

read_options() {
  [[ ${1:-} != --help ]] || { help; exit; }
  while (($# > 1)); do
    case $1 in
      --name) name=$2 ;;
      --sha256) sha256=${2,,} ;;
      *) die "knows no $1. See --help" ;;
    esac
    shift 2
  done
  file=${1:-}
  [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$ ]] || die "--name is a name as mayfly/debian-12, not '$name'"
  [[ $sha256 =~ ^[0-9a-f]{64}$ ]] || die "--sha256 is 64 hexadecimal digits, from who made the box"
  [[ -f $file && -r $file ]] || die "there is no file '$file'"
  file=$(realpath "$file")
  # What is printed is YAML, and what Vagrant is told is an address.
  [[ $file =~ ^[A-Za-z0-9/._+-]+$ ]] || die "the path of the box must be of letters, digits and /._+- alone: $file"
}

check_digest() {
  local found
  found=$(sha256sum <"$file" | cut -d ' ' -f 1)
  [[ $found == "$sha256" ]] || die "$file has the SHA-256 $found, not $sha256: it was not added"
}

check_box() {
  tar --list --file "$file" >"$work/names" 2>/dev/null || die "$file is no box: it is no archive"
  has 'metadata\.json' || die "$file is no box: it has no metadata.json"
  unpack metadata.json
  provider=$(jq --raw-output '.provider | strings' "$work/metadata.json" 2>/dev/null) || die "its metadata.json is no JSON"
  [[ -n $provider && -n ${content[$provider]:-} ]] || die "its metadata.json names the provider '$provider', which is none of ${!content[*]}"
  has "${content[$provider]}" || die "$file has no disk for $provider"
  [[ $provider != libvirt ]] || check_libvirt
  echo '{}' >"$work/info.json"
  ! has 'info\.json' || unpack info.json
}

# Whether the archive has a file whose whole name is like that.
has() {
  sed 's|^\./||' "$work/names" | grep --line-regexp --extended-regexp "$1" >/dev/null
}

unpack() {
  local path
  path=$(grep --line-regexp --extended-regexp "(\./)?${1//./\\.}" "$work/names" | head -n 1)
  tar --extract --to-stdout --file "$file" "$path" >"$work/$1"
}

# One disk says its size here; several are in a list.
check_libvirt() {
  jq --exit-status '(.format == "qcow2" and (.virtual_size | numbers) > 0) or (.disks | arrays | length > 0)' "$work/metadata.json" >/dev/null \
    || die "its metadata.json does not say what disk it has: format qcow2, and virtual_size in GiB"
}

is_added() {
  vagrant box list --machine-readable >"$work/list" || die "vagrant does not answer"
  awk -F , -v box="$name $provider $version" '
    $3 == "box-name" { name = $4 } $3 == "box-provider" { provider = $4 }
    $3 == "box-version" && name " " provider " " $4 == box { found = 1 }
    END { exit !found }' "$work/list"
}

# NB: only a metadata file gives a version to a box from a file. Vagrant compares the digest once more.
add() {
  jq --null-input --arg name "$name" --arg version "$version" --arg provider "$provider" --arg url "file://$file" --arg checksum "$sha256" \
    '{$name, versions: [{$version, providers: [{name: $provider, $url, checksum_type: "sha256", $checksum}]}]}' >"$work/add.json"
  vagrant box add --provider "$provider" "$work/add.json" >&2
}

# A box of ours says what it is, and has guest program and runner in it.
tell() {
  local image os
  image=$(tr '[:upper:]._' '[:lower:]--' <<<"${name##*/}")
  os=$(jq --raw-output '.mayfly_os // "" | if startswith("windows") then "windows" elif startswith("macos") then "macos" else "linux" end' "$work/info.json")
  printf '%s\n' '# Below "images:" in mayfly.yml. Name and labels are yours to choose.' "  - name: $image" "    os: $os" \
    "    labels: [self-hosted, $os, x64, $image]" "    box: { name: $name, file: $file, sha256: \"$sha256\" }"
  if jq --exit-status 'has("mayfly_runner_version")' "$work/info.json" >/dev/null; then echo '    prepared: true'; fi
}

# The header of a script is its help.
help() {
  sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$0"
}

say() {
  printf 'add.sh: %s\n' "$*" >&2
}

die() {
  say "$*"
  exit 1
}

main "$@"
