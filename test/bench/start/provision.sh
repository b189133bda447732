#!/usr/bin/env bash
#
# Sets up a VM as Mayfly's predecessor did, at each boot and in its order: package update, packages, runner, what that depends on,
# registration, start. Unlike the original it checks the runner's archive.
# Input, in the environment: APT_SOURCE, RUNNER_URL, RUNNER_SHA256, RUNNER_PACKAGES, GITHUB_API, GITHUB_URL, GITHUB_TOKEN, RUNNER_NAME.
# Result: a runner that listens. Says `bench: ` and the name of each step when it is done. Not to be repeated.

set -euo pipefail

readonly home=/home/github
readonly folder=$home/actions-runner

main() {
  export DEBIAN_FRONTEND=noninteractive
  mark "SSH and provisioner"
  printf '%s\n' "$APT_SOURCE" >/etc/apt/sources.list
  apt-get update --quiet
  mark "package update"
  apt-get install --quiet --yes curl sudo git jq
  mark "packages"
  useradd --create-home --shell /bin/bash github
  install_runner
  mark "runner downloaded"
  install_dependencies
  mark "runner's dependencies"
  register
  mark "runner registered"
  start
}

mark() {
  echo "bench: $1"
}

install_runner() {
  curl --fail --silent --show-error --location --output /tmp/runner.tar.gz "$RUNNER_URL"
  printf '%s  /tmp/runner.tar.gz\n' "$RUNNER_SHA256" | sha256sum --check --status
  mkdir "$folder"
  tar --extract --gzip --no-same-owner --file /tmp/runner.tar.gz --directory "$folder"
  chown --recursive github: "$folder"
}

# The stand-in's own script finds nothing missing; what the real runner's would install is installed here.
install_dependencies() {
  "$folder/bin/installdependencies.sh"
  # shellcheck disable=SC2086 # a list of names
  apt-get install --quiet --yes $RUNNER_PACKAGES
}

register() {
  local token
  token=$(curl --fail --silent --show-error --request POST --header "Authorization: Bearer $GITHUB_TOKEN" \
    "$GITHUB_API/actions/runners/registration-token" | jq -r .token)
  as_github ./config.sh --unattended --replace --url "$GITHUB_URL" --token "$token" --name "$RUNNER_NAME" --labels bench --work _work
}

start() {
  as_github setsid ./run.sh </dev/null >/tmp/runner.log 2>&1 &
}

as_github() (
  cd "$folder"
  exec sudo --user=github --set-home "$@"
)

main
