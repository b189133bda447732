#!/usr/bin/env bash
# Purpose: one VM of the driver `fake`: a process that stands in for a machine.
# Input: FOLDER (the machine's), BOOT_S, HANG ("yes" or ""), DIE_S ("" means never), FAIL (a text, or ""), and the command with its
# arguments. Environment: MAYFLY_SEED.
# Result: in FOLDER `process` (this process's line of /proc, written first), then `up` when it has booted, or `broken` with the cause.
# The command takes this process's place, so that its end is the VM's end.
set -euo pipefail
shopt -s execfail

main() {
  local folder=$1 boot_s=$2 hang=$3 die_s=$4 fail=$5
  shift 5
  # NB: the folder is renamed before the VM is destroyed. So either the destroyer finds this file, or this line fails.
  cp "/proc/$$/stat" "$folder/process.new"
  mv "$folder/process.new" "$folder/process"

  sleep "$boot_s"
  [[ -z $fail ]] || break_down "$folder" "$fail"
  command -v -- "$1" >/dev/null || break_down "$folder" "the command $1 is not there, or cannot be run"
  echo "booted"
  : >"$folder/up"
  [[ -z $die_s ]] || end_after "$die_s" &
  [[ -z $hang ]] || exec sleep infinity
  exec "$@" || { rm "$folder/up"; break_down "$folder" "the command $1 cannot be run"; }
}

break_down() {
  printf '%s\n' "$2"
  printf '%s\n' "$2" >"$1/broken.new"
  mv "$1/broken.new" "$1/broken"
  exit 1
}

# As if somebody pulled the plug: the process group, of which this process is the leader.
end_after() {
  sleep "$1"
  kill -KILL -- "-$$"
}

main "$@"
