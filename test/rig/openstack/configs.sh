#!/usr/bin/env bash
# Purpose: writes the services' settings into the rig's folder. To be sourced, not run.
# shellcheck disable=SC2154 # set by settings.sh, and `here` and `lock` by rig

write_configs() {
  local etc=$folder/etc name
  mkdir -p "$folder"/{log,pid,db} "$etc"/{keystone,glance,placement,neutron,nova}
  mkdir -p "$folder"/state/{glance/{images,staging,tasks},neutron,nova/instances}
  # NB: QEMU is another user, who needs a way to the guests' disks.
  chmod 755 "$folder"
  cp /etc/glance/glance-api-paste.ini "$etc/glance/"
  for name in keystone glance placement neutron nova; do
    "${name}_settings" >"$etc/$name/$name.conf"
  done
  mv "$etc/glance/glance.conf" "$etc/glance/glance-api.conf"
}

# How a service signs in to the others.
signing_in() {
  cat <<SETTINGS
auth_type = password
auth_url = http://127.0.0.1:$keystone_port/v3
username = admin
password = $password
project_name = admin
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
SETTINGS
}

# How a service has the tokens of its callers looked at. NB: admin has the role `service` for it. See: seed.py.
# $1: the service's type. NB: without it whoever has access rules is refused.
checking_tokens() {
  cat <<SETTINGS
[keystone_authtoken]
service_type = $1
www_authenticate_uri = http://127.0.0.1:$keystone_port
service_token_roles = service
service_token_roles_required = true
$(signing_in)
SETTINGS
}

# Words of SQLite for a database that need not outlive a power cut.
database() {
  cat <<SETTINGS
connection = $(database_url "$1")
sqlite_synchronous = false
SETTINGS
}

# NB: one process of Keystone, so a cache inside of it is right; without it each look at a token costs a tenth of a second.
keystone_settings() {
  cat <<SETTINGS
[DEFAULT]
log_file = $folder/log/keystone.log
[database]
$(database keystone)
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $folder/etc/keystone/fernet-keys
[credential]
key_repository = $folder/etc/keystone/credential-keys
[identity]
password_hash_rounds = 4
[application_credential]
caching = false
[cache]
enabled = true
backend = oslo_cache.dict
SETTINGS
}

glance_settings() {
  cat <<SETTINGS
[DEFAULT]
log_file = $folder/log/glance.log
enabled_backends = file:file
workers = 0
bind_host = 127.0.0.1
bind_port = $glance_port
[database]
$(database glance)
[glance_store]
default_backend = file
[file]
filesystem_store_datadir = $folder/state/glance/images
[os_glance_staging_store]
filesystem_store_datadir = $folder/state/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir = $folder/state/glance/tasks
[paste_deploy]
flavor = keystone
[oslo_concurrency]
lock_path = $folder/state/glance
$(checking_tokens image)
SETTINGS
}

placement_settings() {
  cat <<SETTINGS
[DEFAULT]
log_file = $folder/log/placement.log
[api]
auth_strategy = keystone
[placement_database]
$(database placement)
$(checking_tokens placement)
SETTINGS
}

# NB: `router` without an agent: floating IPs are given out and tied to ports in the database, and lead nowhere.
neutron_settings() {
  local mechanism=openvswitch
  [[ $virt == fake ]] || mechanism=linuxbridge
  cat <<SETTINGS
[DEFAULT]
log_file = $folder/log/neutron.log
state_path = $folder/state/neutron
core_plugin = ml2
service_plugins = router
bind_host = 127.0.0.1
bind_port = $neutron_port
api_workers = 0
rpc_workers = 0
rpc_state_report_workers = 0
api_paste_config = /etc/neutron/api-paste.ini
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = true
send_events_interval = 1
dhcp_agent_notification = false
auth_strategy = keystone
allow_overlapping_ips = true
transport_url = fake:/
[database]
$(database neutron)
[oslo_concurrency]
lock_path = $folder/state/neutron
[ml2]
type_drivers = local,flat,vlan,vxlan
tenant_network_types = local
mechanism_drivers = $mechanism
extension_drivers = port_security
[experimental]
linuxbridge = true
[securitygroup]
enable_security_group = true
firewall_driver = noop
[nova]
$(signing_in)
$(checking_tokens network)
SETTINGS
}

# NB: libvirt's guests are named after the rig, for rigs may share a libvirt, and each counts its servers from 1.
# NB: this kernel may lack vfat, so config drives are iso9660.
nova_settings() {
  local driver=fake.FakeDriver
  [[ $virt == fake ]] || driver=libvirt.LibvirtDriver
  cat <<SETTINGS
[DEFAULT]
log_dir = $folder/log
host = $compute_host
my_ip = 127.0.0.1
report_interval = 5
state_path = $folder/state/nova
instance_name_template = rig$offset-%08x
enabled_apis = osapi_compute
osapi_compute_listen = 127.0.0.1
osapi_compute_listen_port = $nova_port
osapi_compute_workers = 1
api_paste_config = /etc/nova/api-paste.ini
compute_driver = $driver
initial_cpu_allocation_ratio = 16
vif_plugging_is_fatal = false
vif_plugging_timeout = 0
config_drive_format = iso9660
transport_url = fake:/
[api]
auth_strategy = keystone
[api_database]
$(database nova_api)
[database]
$(database nova)
[oslo_concurrency]
lock_path = $folder/state/nova
[conductor]
workers = 1
[scheduler]
workers = 1
[vnc]
enabled = false
[libvirt]
virt_type = qemu
cpu_mode = none
[workarounds]
disable_rootwrap = true
$(nova_helpers)
[service_user]
send_service_user_token = true
$(signing_in)
[glance]
$(signing_in)
[neutron]
$(signing_in)
[placement]
$(signing_in)
$(checking_tokens compute)
SETTINGS
}

# What Nova does as root (VIRT=qemu), with no sudo in between.
nova_helpers() {
  local part
  for part in nova_sys_admin vif_plug_linux_bridge_privileged vif_plug_ovs_privileged; do
    cat <<SETTINGS
[$part]
helper_command = privsep-helper --config-file $folder/etc/nova/nova.conf
SETTINGS
  done
}
