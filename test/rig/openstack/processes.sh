#!/usr/bin/env bash
# Purpose: starts processes, and ends exactly those. To be sourced, not run.
# shellcheck disable=SC2154 # set by settings.sh, and `here` and `lock` by rig
# A file under pid/ holds a process id and when that process began, so that a number which the system gave away anew is never taken for ours.

# In the background and in a session of its own: `launch <name> <command...>`.
launch() {
  local name=$1
  shift
  if lives "$name"; then return; fi
  # NB: the lock is not for them, or the next caller would wait as long as the cloud runs.
  setsid "$@" >>"$folder/log/$name.out" 2>&1 </dev/null {lock}>&- &
  echo "$! $(began_at $!)" >"$folder/pid/$name"
}

lives() {
  local pid began_then
  [[ -f $folder/pid/$1 ]] || return 1
  read -r pid began_then <"$folder/pid/$1"
  [[ -n $began_then && $(began_at "$pid") == "$began_then" ]]
}

# In ticks since the machine booted; empty for a process that is not there, or is dead and not yet waited for.
began_at() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  # NB: the name, second of the fields, may hold spaces and brackets. See: proc(5).
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} == Z ]] || echo "${fields[19]}"
}

stop_all() {
  local file
  for file in "$folder"/pid/*; do
    if [[ -f $file ]]; then signal_group "${file##*/}" TERM; fi
  done
  for file in "$folder"/pid/*; do
    if [[ -f $file ]]; then finish "${file##*/}"; fi
  done
}

stop_one() {
  signal_group "$1" TERM
  finish "$1"
}

# NB: a service that was made to stand still (SIGSTOP) hears nothing until it goes on.
signal_group() {
  local pid
  lives "$1" || return 0
  read -r pid _ <"$folder/pid/$1"
  kill -s "$2" -- "-$pid" 2>/dev/null || true
  kill -s CONT -- "-$pid" 2>/dev/null || true
}

finish() {
  local tries
  for ((tries = 0; tries < 50; tries++)); do
    lives "$1" || break
    sleep 0.1
  done
  signal_group "$1" KILL
  rm -f "$folder/pid/$1"
}
