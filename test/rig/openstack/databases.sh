#!/usr/bin/env bash
# Purpose: the databases, one SQLite file each. To be sourced, not run.
# shellcheck disable=SC2154 # set by settings.sh, and `here` and `lock` by rig
# NB: SQLite is enough because one process owns each file. With Nova split in processes it says "database is locked".

make_databases() {
  [[ -f $folder/db/made ]] && return
  rm -f "$folder"/db/*
  local parts=(keystone nova glance placement neutron) part pids=()
  for part in "${parts[@]}"; do
    "make_${part}_database" >>"$folder/log/database-$part.out" 2>&1 {lock}>&- &
    pids+=($!)
  done
  for part in "${!parts[@]}"; do
    wait "${pids[part]}" || die "the database of ${parts[part]} could not be made. See $folder/log/database-${parts[part]}.out"
  done
  for part in "$folder"/db/*.db; do
    sqlite3 "$part" 'pragma journal_mode = wal' >/dev/null
  done
  touch "$folder/db/made"
  say "databases are made"
}

make_keystone_database() {
  local url=http://127.0.0.1:$keystone_port/v3 manage=(keystone-manage --config-file "$folder/etc/keystone/keystone.conf")
  local user group
  user=$(id -un)
  group=$(id -gn)
  "${manage[@]}" db_sync &&
    "${manage[@]}" fernet_setup --keystone-user "$user" --keystone-group "$group" &&
    "${manage[@]}" credential_setup --keystone-user "$user" --keystone-group "$group" &&
    "${manage[@]}" bootstrap --bootstrap-password "$password" --bootstrap-region-id RegionOne \
      --bootstrap-public-url "$url" --bootstrap-internal-url "$url" --bootstrap-admin-url "$url"
}

make_nova_database() {
  local manage=(nova-manage --config-file "$folder/etc/nova/nova.conf")
  "${manage[@]}" api_db sync &&
    "${manage[@]}" cell_v2 map_cell0 --database_connection "$(database_url nova_cell0)" &&
    "${manage[@]}" db sync &&
    "${manage[@]}" cell_v2 create_cell --name cell1 --verbose
}

make_glance_database() {
  glance-manage --config-file "$folder/etc/glance/glance-api.conf" db_sync
}

make_placement_database() {
  placement-manage --config-file "$folder/etc/placement/placement.conf" db sync
}

make_neutron_database() {
  "$python" "$here/neutron-tables.py" "$(database_url neutron)" "$compute_host"
}

database_url() {
  echo "sqlite:///$folder/db/$1.db"
}

# One value out of a database.
sql() {
  sqlite3 "$folder/db/$1.db" "$2"
}
