# shellcheck shell=bash disable=SC2154,SC2034
# (disabled: variables that come from, or go to, the program that reads this file)
#
# Part of mayfly-guest: finds the seed, and puts it away when it was read. Needs `root`, and `run`. See: ../contract.md, "The seed".

readonly shared=$root/Volumes/My\ Shared\ Files share=$run/share
share_in_use=''

# Sets `seed`, the place, and `seed_text`. The folder that the host shares may appear a good while after we start.
find_seed() {
  local try tries=$((${MAYFLY_SEED_SECONDS:-30} * 5)) file=${MAYFLY_SEED:-$root/var/db/mayfly/seed.json}
  for ((try = 1; try <= tries; try++)); do
    [[ -s $file ]] && read_place "$file" && return
    [[ -s $shared/mayfly/seed.json ]] && share_in_use=$shared && read_place "$shared/mayfly/seed.json" && return
    ((try % 10)) || mount_share
    [[ -s $share/mayfly/seed.json ]] && share_in_use=$share && read_place "$share/mayfly/seed.json" && return
    ((try == tries)) || sleep 0.2
  done
  return 1
}

# What macOS mounts by itself, it may mount only when somebody logs in.
# See: Apple, Virtualization, `macOSGuestAutomountTag`, whose value this is.
mount_share() {
  [[ ! -d $shared ]] || return 0
  mkdir -p "$share"
  mount_virtiofs com.apple.virtio-fs.automount "$share" 2>/dev/null || true # the host shares nothing, or nothing yet
}

read_place() {
  seed=$1
  IFS= read -r -d '' seed_text <"$seed" || true # a file has no NUL byte to end it
}

# NB: a folder that was taken out can be brought back by anybody, and it is shared to read only. So its host removes the file before there is
# a job: all the guest can do is to put it out of sight.
put_seed_away() {
  if [[ -n $share_in_use ]]; then
    umount "$share_in_use" 2>/dev/null || say "the folder $share_in_use could not be taken out"
  else
    wipe "$seed" || say "the seed at $seed could not be wiped: the job can read it"
  fi
}

wipe() {
  dd if=/dev/zero of="$1" bs=4096 count=1 conv=notrunc 2>/dev/null || return 1
  rm -f "$1"
}
