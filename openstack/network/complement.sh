#!/usr/bin/env bash
# Purpose: the Internet as networks: all IPv4 addresses but those that VMs of jobs may not reach. A cloud's rules can allow and not
#   forbid, so what is forbidden has to be what is left over.
# Input: networks that are left out besides the usual ones, as 130.246.0.0/16; none is usual.
# Result: the fewest networks that cover the rest, one a line, in their order. Safe to repeat.
set -euo pipefail
shopt -s inherit_errexit

# Private, of the provider, of the link, of the machine itself, of benchmarks, for many at once, and not in use. See: RFC 6890, RFC 5771.
# NB: each costs a dozen rules, and a project has a hundred if its cloud is as usual. So networks where nobody can be are not among them.
readonly usual=(0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.168.0.0/16 198.18.0.0/15 224.0.0.0/3)

main() {
  local network ranges=() first last end=0
  for network in "${usual[@]}" "$@"; do
    ranges+=("$(range_of "$network")")
  done
  # NB: they may lie in one another.
  while read -r first last; do
    ((first <= end)) || cover "$end" $((first - 1))
    ((last < end)) || end=$((last + 1))
  done < <(printf '%s\n' "${ranges[@]}" | sort --numeric-sort)
  ((end > 0xffffffff)) || cover "$end" $((0xffffffff))
}

# The first and the last address of a network, as numbers.
range_of() {
  local pattern='^([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})/([0-9]{1,2})$' part number=0 size
  [[ $1 =~ $pattern ]] || die "'$1' is no network: it is written as 130.246.0.0/16"
  for part in "${BASH_REMATCH[@]:1:4}"; do
    part=$((10#$part))
    ((part < 256)) || die "'$1' is no network: a part is larger than 255"
    number=$((number * 256 + part))
  done
  ((10#${BASH_REMATCH[5]} <= 32)) || die "'$1' is no network: there are 32 bits"
  size=$((1 << (32 - 10#${BASH_REMATCH[5]})))
  ((number % size == 0)) || die "'$1' is no network: an address of it, not its first, is before the /"
  echo "$number $((number + size - 1))"
}

# The largest networks, one after another, that fit between two addresses.
cover() {
  local at=$1 last=$2 bits
  while ((at <= last)); do
    bits=0
    while ((bits < 32 && at % (1 << (bits + 1)) == 0 && at + (1 << (bits + 1)) - 1 <= last)); do bits=$((bits + 1)); done
    echo "$((at >> 24)).$((at >> 16 & 255)).$((at >> 8 & 255)).$((at & 255))/$((32 - bits))"
    at=$((at + (1 << bits)))
  done
}

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

main "$@"
