#!/usr/bin/env bash
# Purpose: step 40 of an image: MATLAB, if it is wanted, by MathWorks' mpm or from an ISO; and the proof that it starts.
# Input: none of these: nothing is done.
#   MATLAB_RELEASE         as R2025b. What is installed, and /usr/local/MATLAB/<release>, where
#   MATLAB_PRODUCTS        mpm's names of products, separated by blanks; usually MATLAB
#   MATLAB_MPM_OPTIONS     further options of `mpm install`, separated by blanks, as --no-gpu
#   MPM_URL, MPM_SHA256    where mpm is downloaded, and its digest. MathWorks replaces it often, so there is no usual digest
#   MATLAB_ISO             a site's own medium, in place of mpm: a file, a folder where it is mounted, or an address; MATLAB_ISO_SHA256
#   MATLAB_INPUT_FILE      with an ISO: the installer's input file, with agreeToLicense=yes and the installation key in it
#   MATLAB_LICENSE_SERVER  as 27000@licence.example.org, several separated by colons
#   MATLAB_LICENSE_FILE    a licence's file, in place of a server
#   MATLAB_KEEP_LICENSE    yes: the file stays in the image. Every job can copy it then
#   MATLAB_PROVE           no: MATLAB is not started, for the licence server cannot be reached from where the image is built
#   MATLAB_PACKAGES        system packages, in place of matlab-packages.txt
# Result: MATLAB, and `matlab` on the PATH of jobs. What lands in the image: the server's address, in the runner's .env, where each job
#   can read it, and nothing else of a licence, but with MATLAB_KEEP_LICENSE=yes. Key and input file do not: they are in memory only, or
#   overwritten. 90-clean.sh overwrites MATLAB_INPUT_FILE and MATLAB_LICENSE_FILE themselves.
#   /etc/mayfly/matlab holds release and proof. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly release=${MATLAB_RELEASE:-} folder=/usr/local/MATLAB/${MATLAB_RELEASE:-}
readonly env_file=/home/runner/actions-runner/.env notes=/etc/mayfly/matlab
readonly install_seconds=7200 start_seconds=600 pause_seconds=${MATLAB_PAUSE_SECONDS:-30}
work='' secret='' mounted=''

main() {
  check_machine
  if [[ -z $release ]]; then say "MATLAB is not wanted"; return; fi
  check_input
  work=$(mktemp -d)
  secret=$(mktemp -d /run/mayfly-matlab.XXXXXX) # in memory
  trap clean_up EXIT
  install_system_packages
  if [[ -x $folder/bin/matlab && -r $notes ]] && grep --quiet --line-regexp --fixed-strings "wanted=$(wanted)" "$notes"; then
    say "$release is installed already"
  elif [[ -n ${MATLAB_ISO:-} ]]; then install_from_iso
  else install_by_mpm
  fi
  ln --symbolic --force "$folder/bin/matlab" "$folder/bin/mex" /usr/local/bin/
  tell_license_server
  prove
}

clean_up() {
  [[ -z $mounted ]] || umount "$mounted"
  rm -rf "$secret"
  shred_files "$work"/*.log
  rm -rf "$work"
}

check_input() {
  [[ $release =~ ^R20[0-9]{2}[ab]$ ]] || die "MATLAB_RELEASE is written as R2025b, not '$release'"
  [[ -z ${MATLAB_LICENSE_SERVER:-} || $MATLAB_LICENSE_SERVER =~ ^[0-9]+@[A-Za-z0-9.-]+(:[0-9]+@[A-Za-z0-9.-]+)*$ ]] \
    || die "MATLAB_LICENSE_SERVER is written as 27000@licence.example.org"
  [[ -z ${MATLAB_LICENSE_FILE:-} || -r $MATLAB_LICENSE_FILE ]] || die "there is no licence at MATLAB_LICENSE_FILE"
  [[ -z ${MATLAB_LICENSE_FILE:-} || -z ${MATLAB_LICENSE_SERVER:-} ]] || die "give MATLAB_LICENSE_SERVER or MATLAB_LICENSE_FILE, not both"
  [[ -d /home/runner/actions-runner ]] || die "there is no runner yet: 30-runner.sh installs it"
}

# What was asked for, in one line, so that a repeated step knows whether it was done.
wanted() {
  echo "$release ${MATLAB_ISO:+ISO }${MATLAB_PRODUCTS:-MATLAB}"
}

install_system_packages() {
  local names=() name found=()
  if [[ -n ${MATLAB_PACKAGES:-} ]]; then read -ra names <<<"$MATLAB_PACKAGES"
  else mapfile -t names < <(grep --invert-match '^#' "$steps/matlab-packages.txt")
  fi
  apt_get update
  for name in "${names[@]}"; do
    found+=("$(name_here "$name")")
  done
  install_packages "${found[@]}"
}

# NB: since Debian 13 and Ubuntu 24.04 many libraries have another name, and the old one may be a package without content.
name_here() {
  if apt-cache show "$1t64" >/dev/null 2>&1; then echo "$1t64"; else echo "$1"; fi
}

# --- mpm ---

install_by_mpm() {
  local try products=() options=()
  read -ra products <<<"${MATLAB_PRODUCTS:-MATLAB}"
  read -ra options <<<"${MATLAB_MPM_OPTIONS:-}"
  download "${MPM_URL:-https://www.mathworks.com/mpm/glnxa64/mpm}" "$work/mpm" "${MPM_SHA256:-}"
  chmod +x "$work/mpm"
  # NB: mpm breaks off now and then, in the middle of a download; what it has, it does not fetch again.
  for try in 1 2 3; do
    say "installing $release by mpm: ${products[*]} (try $try of 3)"
    if TMPDIR=$work timeout "$install_seconds" "$work/mpm" install --release="$release" --destination="$folder" "${options[@]}" \
      --products "${products[@]}" </dev/null >"$work/said" 2>&1 && [[ -x $folder/bin/matlab ]]; then return; fi
    show_logs "$work/said" "$work"/mathworks_*.log
    ((try == 3)) || sleep "$pause_seconds"
  done
  die "mpm did not install $release in three tries: what it said is above"
}

download() {
  local from=$1 to=$2 digest=$3
  say "downloading $from"
  curl --fail --silent --show-error --location --retry 3 --output "$to" "$from" || die "cannot download $from"
  check_digest "$to" "$digest"
}

check_digest() {
  local found
  found=$(sha256sum <"$1" | cut -d ' ' -f 1)
  if [[ -z $2 ]]; then say "is not pinned; its SHA-256 is $found"; return; fi
  [[ $found == "$2" ]] || die "has the SHA-256 $found, not $2: it was not used"
}

# NB: the installer notes the installation key in its log.
show_logs() {
  local log
  for log in "$@"; do
    [[ -s $log ]] || continue
    echo "--- ${log##*/}"
    tail -n 60 "$log" | sed -E 's/([0-9]{5}-){3,}[0-9]{5}/(key)/g'
  done >&2
}

# --- a site's own medium ---

install_from_iso() {
  local medium
  [[ -r ${MATLAB_INPUT_FILE:-} ]] || die "an ISO needs MATLAB_INPUT_FILE, the installer's input file"
  grep --quiet --ignore-case '^agreeToLicense=yes' "$MATLAB_INPUT_FILE" \
    || die "MATLAB_INPUT_FILE does not say agreeToLicense=yes: only you can agree to MathWorks' licence"
  open_medium
  medium=$work/medium
  write_input
  say "installing $release from the medium"
  # NB: its exit code tells little, so it is not asked.
  TMPDIR=$work timeout "$install_seconds" "$medium/install" -mode silent -inputFile "$secret/input.txt" </dev/null >"$secret/said" 2>&1 || true
  [[ -x $folder/bin/matlab ]] && return
  show_logs "$secret/said" "$secret/installer.log" "$work"/mathworks_*.log
  die "the installer left no MATLAB in $folder: what it said is above"
}

# Makes $work/medium.
open_medium() {
  local iso=$MATLAB_ISO
  if [[ -d $iso ]]; then ln --symbolic "$iso" "$work/medium"; return; fi
  if [[ $iso =~ ^https?:// ]]; then
    download "$iso" "$work/medium.iso" "${MATLAB_ISO_SHA256:-}"
    iso=$work/medium.iso
  else
    [[ -r $iso ]] || die "there is no medium at $iso"
    [[ -z ${MATLAB_ISO_SHA256:-} ]] || check_digest "$iso" "$MATLAB_ISO_SHA256"
  fi
  mkdir "$work/medium"
  mount -o loop,ro "$iso" "$work/medium"
  mounted=$work/medium
}

# The person's file, but for where things go.
write_input() {
  (
    umask 077
    grep --invert-match --ignore-case -E '^(destinationFolder|outputFile|mode)=' "$MATLAB_INPUT_FILE" >"$secret/input.txt"
    if [[ -n ${MATLAB_LICENSE_FILE:-} ]]; then
      sed --in-place '/^licensePath=/d' "$secret/input.txt"
      echo "licensePath=$MATLAB_LICENSE_FILE" >>"$secret/input.txt"
    fi
    printf '%s\n' "destinationFolder=$folder" "outputFile=$secret/installer.log" mode=silent >>"$secret/input.txt"
  )
}

# --- the licence ---

# Jobs get it by the runner's environment. See: guest/contract.md, "How the runner is run".
tell_license_server() {
  touch "$env_file"
  sed --in-place '/^MLM_LICENSE_FILE=/d' "$env_file"
  [[ -z ${MATLAB_LICENSE_SERVER:-} ]] || printf 'MLM_LICENSE_FILE=%s\n' "$MATLAB_LICENSE_SERVER" >>"$env_file"
  chown runner: "$env_file"
}

prove() {
  local proof="was not started: no licence was given"
  put_license
  if [[ ${MATLAB_PROVE:-yes} == no ]]; then proof="was not started: MATLAB_PROVE=no"
  elif [[ -n ${MATLAB_LICENSE_SERVER:-} ]] || has_license; then
    start_matlab
    proof="was started, and told its release"
  fi
  take_license_away
  printf '%s\n' "release=$release" "wanted=$(wanted)" "proof=$proof" >"$notes"
  say "$release $proof"
}

# NB: one that does not stay is never on the disk. MATLAB is started by the runner's user, who has to get at it.
put_license() {
  local to=$folder/licenses/mayfly.lic
  [[ -n ${MATLAB_LICENSE_FILE:-} ]] || return 0
  install --directory "$folder/licenses"
  rm -f "$to"
  if [[ ${MATLAB_KEEP_LICENSE:-no} != yes ]]; then
    chmod 0711 "$secret"
    ln --symbolic "$secret/mayfly.lic" "$to"
    to=$secret/mayfly.lic
  fi
  install --mode=0644 "$MATLAB_LICENSE_FILE" "$to"
}

has_license() {
  compgen -G "$folder/licenses/*.lic" >/dev/null
}

# NB: an installer puts the licence of its input file there as well.
take_license_away() {
  [[ ${MATLAB_KEEP_LICENSE:-no} != yes ]] || return 0
  shred_files "$folder/licenses"
  rm -rf "$folder/licenses"
}

# As a job starts it: the runner's user, and nothing in the environment but what jobs have.
start_matlab() {
  local code='disp(["MAYFLY" version("-release")])'
  say "starting MATLAB"
  (
    cd /home/runner
    exec timeout "$start_seconds" env --ignore-environment HOME=/home/runner USER=runner PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 \
      ${MATLAB_LICENSE_SERVER:+"MLM_LICENSE_FILE=$MATLAB_LICENSE_SERVER"} \
      setpriv --reuid runner --regid "$(id -g runner)" --init-groups -- matlab -batch "$code"
  ) </dev/null >"$work/proof" 2>&1 || { show_logs "$work/proof"; die "MATLAB does not start: what it said is above"; }
  grep --quiet --fixed-strings "${release#R}" "$work/proof" || { show_logs "$work/proof"; die "MATLAB does not say that it is $release"; }
}

main
