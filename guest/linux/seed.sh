# shellcheck shell=bash disable=SC2154,SC2034
# (disabled: variables that come from, or go to, the program that reads this file)
#
# Part of mayfly-guest: finds the seed, and puts it away when it was read. Needs `root`, and `run`, the folder in memory. See: ../contract.md, "The seed".

readonly metadata_v4=169.254.169.254 metadata_v6=fe80::a9fe:a9fe
user_data='' looked_at=' '

# Sets `seed`, the place, and `seed_text`. A disk may appear a moment after we start; at a cloud, a good while.
find_seed() {
  local try tries=15 file=${MAYFLY_SEED:-$root/var/lib/mayfly/seed.json}
  ! is_cloud || tries=150
  for ((try = 1; try <= tries; try++)); do
    find_seed_disk && return
    [[ -s $file ]] && read_place "$file" && return
    find_config_drive && break
    ask_metadata && break
    ((try == tries)) || sleep 0.2
  done
  [[ $user_data == "$seed_line"$'\n'* || $user_data == "$test_line"* ]] || return 1
  seed_text=$user_data
}

# NB: Nova writes this into the firmware of its VMs; reading it costs nothing.
is_cloud() {
  local product=''
  read -r product 2>/dev/null <"$root/sys/class/dmi/id/product_name" || true
  [[ $product == OpenStack* ]]
}

# Only disks of the seed's own size are opened: 64 KiB are 128 sectors.
find_seed_disk() {
  local size_file sectors disk first
  for size_file in "$root"/sys/block/*/size; do
    read -r sectors <"$size_file" || continue
    [[ $sectors == 128 ]] || continue
    disk=${size_file%/size} disk=$root/dev/${disk##*/}
    IFS= read -r -n 11 first <"$disk" || continue
    [[ $first == "$seed_line" ]] && read_place "$disk" && return
  done 2>/dev/null
  return 1
}

# NB: on a disk the seed ends where the NUL bytes begin.
read_place() {
  seed=$1
  IFS= read -r -d '' seed_text <"$seed" || true # a file has no NUL byte to end it
}

# --- user data ---

# Looks at each disk that may be Nova's config drive: a CD, or at most 64 MiB on a device, so no loop and no RAM disk.
# True if one had user data, whatever they say. One that was mounted and had none is not looked at again.
# NB: the mount is the test: asking for the label, config-2, would cost a process more, or udev. A CD drive tells its size only when it
# was opened, and may not be ready when we first come.
find_config_drive() {
  local size_file block sectors
  for size_file in "$root"/sys/block/*/size; do
    block=${size_file%/size}
    [[ -e $block/device && $looked_at != *" ${block##*/} "* ]] || continue
    { read -r sectors <"$size_file"; } 2>/dev/null || continue
    [[ ${block##*/} == sr* ]] || ((sectors > 128 && sectors <= 131072)) || continue
    read_config_drive "${block##*/}" || continue
    seed=$root/dev/${block##*/}
    return 0
  done
  return 1
}

read_config_drive() {
  local folder=$run/config-drive
  mkdir -p "$folder"
  mount -t iso9660,vfat -o ro,nosuid,nodev,noexec "$root/dev/$1" "$folder" 2>/dev/null || return 1
  looked_at+="$1 "
  { IFS= read -r -d '' user_data <"$folder/openstack/latest/user_data"; } 2>/dev/null || true # no NUL byte ends it
  umount "$folder"
  [[ -n $user_data ]]
}

# Only where the image says so: elsewhere the address belongs to whoever takes it.
# NB: before there is a route curl fails at once.
ask_metadata() {
  [[ -e $root/etc/mayfly/metadata ]] || return 1
  user_data=$(curl --silent --fail --noproxy '*' --max-time 5 "http://$metadata_v4/openstack/latest/user_data") || return 1
  seed=metadata
}

# --- putting it away ---

# NB: user data can not be wiped, only put out of the job's reach.
put_seed_away() {
  if [[ -n $user_data ]]; then hide_user_data; else wipe "$seed" || say "the seed at $seed could not be wiped"; fi
  user_data=''
}

# NB: a disk keeps its size and is only overwritten; a file is removed as well.
wipe() {
  if [[ $1 == "$root"/dev/* ]]; then
    dd if=/dev/zero of="$1" bs=64k count=1 conv=fsync,notrunc status=none
  else
    shred --iterations=0 --zero --remove=unlink "$1"
  fi
}

hide_user_data() {
  [[ $seed == metadata ]] || remove_disk "${seed##*/}" || say "the config drive $seed could not be taken away: only root can read it"
  close_metadata || say "the metadata service could not be closed: the job can read the user data there"
}

# Takes the disk out of the system, which only root could undo. What stays in the way of others until then is its mode.
remove_disk() {
  local device=$root/sys/block/$1/device name
  chmod 0600 "$root/dev/$1"
  if [[ -e $device/delete ]]; then
    echo 1 >"$device/delete" # a SCSI disk or CD drive
  else
    name=$(readlink -f "$device")
    echo "${name##*/}" >"$device/driver/unbind" # a virtio disk
  fi 2>/dev/null
}

# NB: rules come before all routes, those of a DHCP server that come later too; and they hold for the job's containers.
# WARN: a route to nowhere is not enough: for IPv6 the interface's own wins.
close_metadata() {
  ip rule add to "$metadata_v4" blackhole priority 1 2>>"$run/guest.log" || return 1
  ip -6 rule add to "$metadata_v6" blackhole priority 1 2>>"$run/guest.log" || [[ ! -e $root/proc/net/if_inet6 ]]
}
