#!/bin/bash
#
# Purpose: what mayfly-tart knows of the VMs on this Mac: those of tart, and its own records. To be sourced, not run.
# Input: `state`, `tart`, `controller` and the patterns of mayfly-tart.
# Safe to repeat: it only looks, but for the lock.
# shellcheck disable=SC2154,SC2034  # mayfly-tart sets them, or uses them

# An order that has no process after so many seconds will never have one.
readonly young=30

# It begins with a dot, since all other names there are controllers'.
readonly lock=$state/.lock

word='' text=''

# Lines of state and name, of all VMs that tart has here. NB: a name may have blanks.
vms() {
  local json object name
  local name_field='"Name"[[:space:]]*:[[:space:]]*"([^"]*)"' state_field='"State"[[:space:]]*:[[:space:]]*"([^"]*)"'
  json=$("$tart" list --source local --format json </dev/null) || die 69 "tart cannot tell which VMs there are"
  [[ $json == \[* ]] || die 69 "tart does not list its VMs as JSON; it may be too old"
  while IFS= read -r -d '}' object; do
    [[ $object =~ $name_field ]] || continue
    name=${BASH_REMATCH[1]}
    [[ $object =~ $state_field ]] || die 69 "tart does not tell the state of VMs; it may be too old"
    printf '%s %s\n' "${BASH_REMATCH[1]}" "$name"
  done <<<"$json"
}

# The state of one VM out of such lines, or nothing.
state_in() {
  local name vm_state
  while read -r vm_state name; do
    if [[ $name == "$2" ]]; then printf '%s' "$vm_state"; return; fi
  done <<<"$1"
}

# NB: what begins with a dot is none, and so the lock is none.
is_controller() {
  [[ $1 =~ ^[a-z0-9]{1,12}$ ]]
}

# A name of the controller's. WARN: what somebody else has put among our records has another, and no VM goes by that.
is_ours() {
  local ours="^mayfly-$controller-$name_rest\$"
  [[ $1 =~ $ours ]]
}

# A VM with a name of the controller's, and without a record.
is_stranger() {
  is_ours "$1" && [[ ! -d $state/$controller/$1 ]]
}

# Sets `word` to what has become of a machine with a record, and `text` to why. $2: its VM's state; nothing: there is no VM.
look() {
  local ended='' began
  word=$2 text=''
  [[ $2 != running ]] || return 0
  if keeper_of "$1" >/dev/null; then word=building; return; fi
  [[ ! -r $1/ended ]] || ended=$(<"$1/ended")
  case $ended in
    'run 0') word=stopped ;;
    '')
      began=$(number_in "$1/began")
      if [[ -n $2 ]]; then return; fi
      if (($(date +%s) - began < young)); then word=building; return; fi
      word=failed text="the Mac was restarted, or somebody ended the process that made the VM"
      ;;
    *) word=failed text="tart ${ended% *} ended with ${ended#* }: $(last_lines "$1/log")" ;;
  esac
}

last_lines() {
  [[ -r $1 ]] || return 0
  tail -n 3 "$1" | tr '\n' ' '
}

# The number that a file holds; 0 if there is none.
number_in() {
  local number=''
  [[ ! -r $1 ]] || read -r number <"$1" || true # a file that was not written to its end
  [[ $number =~ ^[0-9]{1,12}$ ]] || number=0
  printf '%s' "$number"
}

# The process that keeps the VM, if it lives. NB: a pid is used again after its process's end. Without -ww macOS shows 79 characters.
keeper_of() {
  local pid owner command
  [[ -r $1/keeper ]] || return 1
  pid=$(number_in "$1/keeper") owner=${1%/*}
  command=$(ps -ww -p "$pid" -o command= 2>/dev/null) || return 1
  [[ $command == *"--keep ${owner##*/} ${1##*/}"* ]] || return 1
  printf '%s' "$pid"
}

# Names of the VMs that take one of the Mac's places: those that are up, and those that are being made.
taken() {
  local all=$1 folder name vm_state
  while read -r vm_state name; do
    [[ $vm_state != running ]] || printf '%s\n' "$name"
  done <<<"$all"
  for folder in "$state"/*/*/; do
    [[ -d $folder ]] || continue
    folder=${folder%/} name=${folder##*/}
    look "$folder" "$(state_in "$all" "$name")"
    [[ $word != building ]] || printf '%s\n' "$name"
  done
}

# The text as JSON has it between quotation marks.
escaped() {
  [[ -n $1 ]] || return 0
  printf '%s' "$1" | tr -d '\000-\037\177' | tail -c 2000 | sed 's/[\\"]/\\&/g'
}

# A field of a flat JSON object, whose texts need no escapes.
field() {
  local pattern="\"$1\"[[:space:]]*:[[:space:]]*(\"([^\"\\]*)\"|([0-9]+))"
  if [[ $2 =~ $pattern ]]; then printf '%s' "${BASH_REMATCH[2]}${BASH_REMATCH[3]}"; fi
}

# --- one at a time ---

# NB: a symlink comes with its content, so a lock always says whose it is.
take_lock() {
  local try holder
  mkdir -p "$state/$controller"
  for ((try = 0; try < 600; try++)); do
    if ln -s $$ "$lock" 2>/dev/null; then trap leave_lock EXIT; return; fi
    holder=$(readlink "$lock") || continue
    may_hold "$holder" || break_lock "$holder"
    sleep 0.1
  done
  die 73 "another order does not end: process $holder"
}

leave_lock() {
  rm -f "$lock"
}

# NB: a pid is used again, and a keeper, which lives as long as its VM, never holds it.
may_hold() {
  local command
  command=$(ps -ww -p "$1" -o command= 2>/dev/null) || return 1
  [[ $command == *mayfly-tart* && $command != *--keep* ]]
}

# The holder was killed. NB: two may see that at once, and the second must not take away the lock of the first.
break_lock() {
  if ! mkdir "$lock.breaking" 2>/dev/null; then
    find "$lock.breaking" -prune -mmin +1 -exec rmdir {} + 2>/dev/null || true # its maker was killed, or is done
    return
  fi
  [[ $(readlink "$lock") != "$1" ]] || rm -f "$lock"
  rmdir "$lock.breaking" 2>/dev/null || true # taken for killed
}
