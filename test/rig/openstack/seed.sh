#!/usr/bin/env bash
# Purpose: fills a cloud that is empty: users, flavours, image, networks. To be sourced, not run.
# shellcheck disable=SC2154 # set by settings.sh, and `here` and `lock` by rig

seed_identity() {
  seed identity "$keystone_port" "$glance_port" "$placement_port" "$nova_port" "$neutron_port"
}

seed_cloud() {
  seed cloud "$keystone_port"
  write_openrc
}

seed() {
  [[ ! -f $folder/db/seeded-$1 ]] || return 0
  "$python" "$here/seed.py" "$1" "$folder" "${@:2}" </dev/null {lock}>&- >>"$folder/log/seed.out" 2>&1 ||
    die "the cloud could not be filled. See $folder/log/seed.out"
  touch "$folder/db/seeded-$1"
  say "filled: $1"
}

write_openrc() {
  cat >"$folder/openrc" <<OPENRC
# Source this: . openrc [admin]. Without a word it is for the user demo.
export OS_AUTH_URL=http://127.0.0.1:$keystone_port/v3 OS_IDENTITY_API_VERSION=3 OS_REGION_NAME=RegionOne
export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default
export OS_USERNAME=\${1:-demo} OS_PROJECT_NAME=\${1:-demo} OS_PASSWORD=$password
OPENRC
}
