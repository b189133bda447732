#!/usr/bin/env bash
# Purpose: the services: how each is started, and when it is ready. To be sourced, not run.
# shellcheck disable=SC2154 # set by settings.sh, and `here` and `lock` by rig

# NB: Nova's scheduler looks Placement up in the catalogue as it starts, and ends if Keystone does not answer. So it comes last.
start_services() {
  local name since
  since=$(date --utc '+%F %T')
  for name in keystone placement glance neutron; do "launch_$name"; done
  await_service keystone "$keystone_port"
  seed_identity
  launch_nova
  await_service placement "$placement_port"
  await_service glance "$glance_port"
  await_service neutron "$neutron_port"
  await_service nova "$nova_port"
  say "every API answers"
  seed_cloud
  map_compute_host
  wait_until 60 "nova-compute's sign of life" compute_is_alive "$since"
}

launch_keystone() {
  OS_KEYSTONE_CONFIG_FILES=$folder/etc/keystone/keystone.conf launch_wsgi keystone "$keystone_port" /usr/bin/keystone-wsgi-public
}

launch_placement() {
  OS_PLACEMENT_CONFIG_DIR=$folder/etc/placement launch_wsgi placement "$placement_port" /usr/bin/placement-api
}

launch_glance() {
  launch glance glance-api --config-file "$folder/etc/glance/glance-api.conf"
}

launch_neutron() {
  launch neutron neutron-server --config-file "$folder/etc/neutron/neutron.conf"
}

launch_nova() {
  launch nova "$python" "$here/nova-all.py" --config-file "$folder/etc/nova/nova.conf"
}

# NB: one process with one thread: a connection to SQLite may not cross threads.
launch_wsgi() {
  local name=$1 port=$2 program=$3
  launch "$name" uwsgi --plugins python3 --http-socket "127.0.0.1:$port" --wsgi-file "$program" --master --processes 1 --threads 1 \
    --enable-threads --lazy-apps --buffer-size 65535 --die-on-term --no-orphans --need-app --add-header 'Connection: close' --disable-logging
}

await_service() {
  wait_until 120 "$1 at port $2" answers_or_ended "$1" "$2"
}

answers_or_ended() {
  lives "$1" || die "$1 has ended. See $folder/log/$1.out and $1.log there"
  answers "$2"
}

# NB: the scheduler takes a compute host whose last sign of life is a minute old for gone.
compute_is_alive() {
  [[ $(sql nova "select count(*) from services where topic = 'compute' and last_seen_up >= '$1'") != 0 ]]
}

# NB: a host that Nova has just met belongs to no cell yet. It would be found after a while by itself.
map_compute_host() {
  is_mapped && return
  wait_until 60 "the compute host in its cell" discover
}

discover() {
  nova-manage --config-file "$folder/etc/nova/nova.conf" cell_v2 discover_hosts >>"$folder/log/discover.out" 2>&1 || true
  is_mapped
}

is_mapped() {
  [[ $(sql nova_api "select count(*) from host_mappings where host = '$compute_host'") == 1 ]]
}

is_up() {
  local name
  [[ -f $folder/up ]] || return 1
  for name in $services; do
    lives "$name" || return 1
  done
}

stop_service() {
  stop_one "$1"
}

start_service() {
  local since port=$1_port
  since=$(date --utc '+%F %T')
  "launch_$1"
  await_service "$1" "${!port}"
  if [[ $1 == nova ]]; then wait_until 60 "nova-compute's sign of life" compute_is_alive "$since"; fi
}
