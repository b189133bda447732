#!/usr/bin/env bash
# Purpose: makes the network that VMs of jobs live in: a private network with its subnet, a way out, and a security group that lets
#   nothing in, and out only to the Internet and to what is named here.
# Input: make-network.sh --external NAME [options]
#   --external NAME            the network that leads outside; `none` for a network that leads nowhere
#   --name NAME                of network, subnet, router and security group; usually mayfly
#   --subnet NETWORK           the VMs' addresses; usually 10.77.0.0/20
#   --dns ADDRESS              a name server; usually the network's own. May be repeated, as all that follow
#   --ntp ADDRESS              a time server that is not on the Internet
#   --controller ADDRESS:PORT  Mayfly's guest listener, as `guestUrl` of mayfly.yml
#   --license-server ADDRESS:PORT,PORT   its own port and its vendor daemon's, which the server's file has to pin
#   --deny NETWORK             a network that is not private and may not be reached all the same: the site's own
#   The cloud: OS_CLOUD and clouds.yaml, or OS_* variables.
# Result: names for mayfly.yml, on the standard output. Rules that are not asked for are removed from the group, others are left as they are.
# Safe to repeat: what is there is found by its name and brought to what is asked for, but for subnet and router, which are kept.
set -euo pipefail

# shellcheck source=../lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

readonly here=$project/openstack/network address='([0-9]{1,3}\.){3}[0-9]{1,3}'
name='' subnet='' wanted='' group=''

main() {
  read_options "external name subnet dns+ ntp+ controller+ license-server+ deny+" "$@"
  need external
  need_tools jq
  name=${option[name]:-mayfly} subnet=${option[subnet]:-10.77.0.0/20}
  [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$ ]] || die "'$name' is no name: letters, digits, dots and hyphens"
  wanted=$(list_wanted)
  find_owner
  make_network
  make_router
  make_group
  printf '%s\n' "network: $name" "securityGroups: [$name]"
}

# --- the network ---

make_network() {
  local id existing servers=() server
  id=$(own network)
  if [[ -z $id ]]; then
    say "making the network $name"
    id=$(cloud network create --description "VMs of Mayfly's" -f json "$name" | jq -er .id)
  fi
  existing=$(own subnet)
  [[ -z $existing ]] || return 0
  while IFS= read -r server; do
    [[ -z $server ]] || servers+=(--dns-nameserver "$server")
  done <<<"${option[dns]:-}"
  cloud subnet create --network "$id" --subnet-range "$subnet" "${servers[@]}" -f json "$name" >/dev/null
}

make_router() {
  local id inside
  [[ ${option[external]} != none ]] || return 0
  id=$(own router)
  [[ -z $id ]] || return 0
  inside=$(own subnet)
  say "making the router $name"
  id=$(cloud router create -f json "$name" | jq -er .id)
  cloud router set --external-gateway "${option[external]}" "$id"
  cloud router add subnet "$id" "$inside"
}

# The id of our network, subnet, router or security group of the name, or nothing.
# NB: the cloud allows twins, and shows those of others as well.
own() {
  local kind ids
  read -ra kind <<<"$1"
  ids=$(cloud "${kind[@]}" list -f json | jq -r --arg name "$name" '.[] | select(.Name == $name) | .ID')
  ids=$(only_own "$1" "$ids")
  [[ $ids != *$'\n'* ]] || die "there are several of the name $name: $1 ${ids//$'\n'/, }. Delete all but one, or choose another --name"
  echo "$ids"
}

only_own() {
  local kind id whose
  read -ra kind <<<"$1"
  for id in $2; do
    whose=$(cloud "${kind[@]}" show "$id" -f json | jq -r .project_id)
    [[ $whose != "$owner" ]] || echo "$id"
  done
}

# --- what VMs may reach ---

# One rule a line: direction, kind of address, protocol, ports, network.
list_wanted() {
  local denied=() network one
  while IFS= read -r network; do
    [[ -z $network ]] || denied+=("$network")
  done <<<"${option[deny]:-}"
  network=$("$here/complement.sh" "${denied[@]}") || die "--deny is not as it must be. See --help"
  while IFS= read -r one; do
    echo "egress IPv4 any - $one"
  done <<<"$network"
  # NB: a network's own name server is an address in it.
  rules_of dns "udp tcp" 53 "${option[dns]:-$subnet}"
  rules_of ntp udp 123 "${option[ntp]:-}"
  rules_of controller tcp '' "${option[controller]:-}"
  rules_of license-server tcp '' "${option[license-server]:-}"
}

# $1: the option, for a complaint; $2: protocols; $3: the port, unless it is part of the address; $4: addresses, one a line.
rules_of() {
  local one host ports protocol port
  while IFS= read -r one; do
    [[ -n $one ]] || continue
    host=${one%:*} ports=${3:-${one##*:}}
    [[ $host =~ ^$address(/[0-9]{1,2})?$ && $ports =~ ^[0-9]{1,5}(,[0-9]{1,5})*$ ]] || die "--$1 $one is not as it must be. See --help"
    for protocol in $2; do
      for port in ${ports//,/ }; do
        echo "egress IPv4 $protocol $port:$port $([[ $host == */* ]] && echo "$host" || echo "$host/32")"
      done
    done
  done <<<"$4"
}

# NB: sixty rules, each of which would be a call of three seconds. So one call is told all of them, and what came of it is looked at.
make_group() {
  local rules orders
  group=$(own "security group")
  if [[ -z $group ]]; then
    say "making the security group $name"
    group=$(cloud security group create --description "out to the Internet and to what is named, and nothing in" -f json "$name" | jq -er .id)
  fi
  rules=$(list_rules)
  orders=$(list_orders "$rules")
  [[ -n $orders ]] || return 0
  say "changing $(wc -l <<<"$orders") rules of the security group $name"
  timeout --foreground 600 openstack <<<"$orders" >/dev/null
  compare
}

# The group's rules as list_wanted has them, with their ids before them; at the end what we never ask for: another group.
list_rules() {
  cloud security group rule list "$group" -f json | jq -r '.[] | [.ID, .Direction, .Ethertype, .["IP Protocol"] // "any",
    (.["Port Range"] | if . == "" or . == null then "-" else . end), .["IP Range"] // "any",
    (.["Remote Security Group"], .["Remote Address Group"] | values)] | join(" ")'
}

# What makes the rules that there are, with their ids, those that are wanted.
list_orders() {
  local -A is_wanted=() is_there=()
  local id rule protocol port network
  while IFS= read -r rule; do is_wanted[$rule]=yes; done <<<"$wanted"
  while read -r id rule; do
    [[ -n $id ]] || continue
    is_there[$rule]=yes
    [[ -n ${is_wanted[$rule]:-} ]] || echo "security group rule delete $id"
  done <<<"$1"
  for rule in "${!is_wanted[@]}"; do
    [[ -z ${is_there[$rule]:-} ]] || continue
    read -r _ _ protocol port network <<<"$rule"
    [[ $protocol == any ]] && protocol='' || protocol="--protocol $protocol --dst-port $port"
    echo "security group rule create --egress --ethertype IPv4 $protocol --remote-ip $network $group"
  done
}

compare() {
  local now
  now=$(list_rules | cut -d ' ' -f 2- | sort -u)
  diff <(sort -u <<<"$wanted") - <<<"$now" >&2 || die "the cloud did not take all rules: above, < is missing and > too much. A project's quota of rules may be used up"
}

main "$@"
