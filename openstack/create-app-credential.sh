#!/usr/bin/env bash
# Purpose: makes the credential that Mayfly uses on a cloud, in place of a person's password: for one project, for a while, and for less.
# Input: create-app-credential.sh [options]
#   --file PATH   the clouds.yaml to write; usually clouds.yaml in this folder. It must not be there yet
#   --name NAME   of the cloud in it, `openstack.cloud` of mayfly.yml, and the beginning of the credential's own; usually mayfly
#   --days N      how long it is good; usually 90
#   --role NAME   a role that it has; usually member. May be repeated
#   --restrict    only for the calls that Mayfly makes (access-rules.json), if the cloud can do that. Not for the scripts of this folder
#   A person's own way into the cloud: OS_CLOUD and clouds.yaml, or OS_* variables. An application credential may make no others.
# Result: the file, mode 600, with the secret in it, which is shown nowhere and cannot be had again. It was tried, and works.
#   Each time is another credential: an older one stays good until its time, or until `openstack application credential delete`.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

file='' name='' until='' made='' is_good=''

main() {
  read_options "file name days role+ restrict!" "$@"
  need_tools jq
  file=${option[file]:-clouds.yaml} name=${option[name]:-mayfly}
  option[days]=${option[days]:-90}
  need_whole_number days
  [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9_-]{0,60}$ ]] || die "'$name' is no name of a cloud: letters, digits, hyphens"
  [[ ! -e $file ]] || die "$file is there already. Name another --file, and put the two together by hand"
  until=$(date --utc --date "+${option[days]} days" +%Y-%m-%dT%H:%M:%S)
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  create
  (try)
  is_good=yes
  say "$file is written. The credential is good until ${until}Z: make another before, and delete this one then (its id is $made)"
}

# A credential that is not in a file is of no use to anybody.
clean_up() {
  [[ -n $made && -z $is_good ]] || return 0
  rm -f "$file"
  cloud application credential delete "$made" >/dev/null 2>&1 || say "delete the credential $made by hand: \`openstack application credential delete $made\`"
}

create() {
  local roles=() role answer arguments=(--restricted --expiration "$until" --description "for Mayfly") settings
  while IFS= read -r role; do
    [[ -z $role ]] || roles+=(--role "$role")
  done <<<"${option[role]:-member}"
  [[ -z ${option[restrict]:-} ]] || arguments+=(--access-rules "$project/openstack/access-rules.json")
  settings=$(cloud configuration show -f json)
  answer=$(cloud application credential create "${arguments[@]}" "${roles[@]}" -f json "$name-$(date --utc +%Y%m%dT%H%M%SZ)") \
    || die "the cloud made no credential. It takes a person's password, and roles that the person has: --role"
  made=$(jq -er '.id // .ID' <<<"$answer")
  write_file "$settings" "$answer"
}

# NB: JSON is YAML, too, so nothing has to be escaped here.
write_file() (
  umask 077
  jq --null-input --arg name "$name" --slurpfile settings <(cat <<<"$1") --slurpfile made <(cat <<<"$2") '
    {clouds: {($name): ({
      auth_type: "v3applicationcredential",
      auth: {auth_url: $settings[0]["auth.auth_url"], application_credential_id: $made[0].id, application_credential_secret: $made[0].secret}
    } + ($settings[0] | {region_name, interface, cacert} | with_entries(select(.value != null and .value != ""))))}}' >"$file"
)

# With nothing else than the file: no OS_* variable may help.
try() {
  local variable
  for variable in $(compgen -e | grep '^OS_'); do unset "$variable"; done
  export OS_CLOUD=$name
  OS_CLIENT_CONFIG_FILE=$(realpath "$file")
  export OS_CLIENT_CONFIG_FILE
  cloud token issue -f json >/dev/null || die "the cloud does not let this credential in. It was deleted again"
  [[ -z ${option[restrict]:-} ]] || cloud server list --no-name-lookup -f json >/dev/null \
    || die "the cloud refuses what the credential may do: its services do not know access rules (service_type is not set). Leave out --restrict. It was deleted again"
}

main "$@"
