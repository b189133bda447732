#!/usr/bin/env bash
# shellcheck disable=SC2154
# (disabled: variables of lib.sh)
# Purpose: one server that lives as long as the script that makes it, with its security group if it has one of its own.
#   To be sourced after lib.sh, not run. Uses the options flavor, network, security-group and availability-zone.

server='' group='' work=''

# $1: what else is to be done at the end, a function that cannot fail.
# NB: a trap is not run while a command is waited for; each of them has its limit.
clean_up_at_exit() {
  work=$(mktemp -d)
  readonly last_thing=$1
  trap remove_all EXIT
  trap 'exit 130' INT TERM HUP
}

remove_all() {
  local code=$? left
  trap '' INT TERM HUP
  set +e
  "$last_thing"
  if [[ -n $server ]]; then
    await_removal server "$server"
    # NB: the cloud removes the server's port along with it. If it failed half-way, it may not have.
    while IFS= read -r left; do
      [[ -z $left ]] || await_removal port "$left"
    done < <(cloud port list --device-id "$server" -f json | jq -r '.[].ID')
  fi
  [[ -z $group ]] || await_removal "security group" "$group"
  rm -rf "$work"
  exit "$code"
}

# Asks for the removal until it has happened. A server is removed in the background.
await_removal() {
  local try
  for ((try = 0; try < 20; try++)); do
    remove "$1" "$2" && return
    sleep "$poll_seconds"
  done
  say "the $1 $2 could not be removed: do it by hand, with \`openstack $1 delete $2\`"
}

# Makes a server. $1: its name's beginning, $2: image, $3: file with the user data.
# NB: names may come twice in a cloud. This one ends at random, so that a server is found whose making was cut short.
create_server() {
  local said one arguments=()
  while IFS= read -r one; do
    [[ -z $one ]] || arguments+=(--security-group "$one")
  done <<<"${group:-${option[security-group]:-}}"
  [[ -z ${option[availability-zone]:-} ]] || arguments+=(--availability-zone "${option[availability-zone]}")
  server=$1-$(random_end)
  said=$(cloud server create --flavor "${option[flavor]}" --network "${option[network]}" --image "$2" --user-data "$3" \
    --config-drive True "${arguments[@]}" -f json "$server") || return
  server=$(jq -er .id <<<"$said")
}

random_end() {
  od -An -N4 -tx4 /dev/urandom | tr -d ' '
}

server_status() {
  cloud server show "$server" -f json | jq -r .status
}

server_fault() {
  cloud server show "$server" -f json | jq -r '.fault.message // "the cloud does not say why"'
}

# NB: a server without a console yet is an error to the cloud, and only too early to us.
server_console() {
  cloud console log show "$server" 2>/dev/null || true
}
