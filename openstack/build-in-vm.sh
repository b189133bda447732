#!/usr/bin/env bash
# Purpose: what the server does that build-on-cloud.sh boots: runs all steps of an image, says what came of it, and powers off.
# Input: the folder it lies in, /run/mayfly-build, in memory, with images/ and guest/; the steps' variables.
# Result: on the console, several times, for others write there too:
#     MAYFLY-BUILD ok {what the image says of itself}      or      MAYFLY-BUILD failed: the last words
# Not to be repeated: the machine is an image afterwards.
set -euo pipefail

readonly folder=/run/mayfly-build log=/run/mayfly-build.log

# NB: read as a whole before it runs, for it removes itself.
main() {
  local said
  if "$folder/images/linux/all.sh" </dev/null 2>&1 | tee "$log" >/dev/console; then
    said="ok $(cat /etc/mayfly/image.json || echo '{}')"
  else
    said="failed: $(tail -n 3 "$log" | tr '\n' ' ')"
  fi
  umount --lazy "$folder" || rm -rf "$folder"
  sync
  # NB: the cloud gives no console of a server that is off.
  for _ in 1 2 3 4; do
    printf '\nMAYFLY-BUILD %s\n' "$said" >/dev/console
    sleep 20
  done
  poweroff
}

main
