#!/usr/bin/env bash
#
# Installs what the stand-in runner needs. The real one installs .NET's libraries here, also as root and with apt-get.

set -euo pipefail

[[ $EUID == 0 ]] || { echo "Need to run with sudo privilege" >&2; exit 1; }
missing=()
for tool in curl jq; do
  command -v "$tool" >/dev/null || missing+=("$tool")
done
((${#missing[@]} == 0)) || apt-get install --yes --no-install-recommends "${missing[@]}"
