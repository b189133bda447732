# shellcheck shell=bash disable=SC2154,SC2034
# (disabled: variables that come from, or go to, the program that reads this file)
#
# Part of mayfly-guest: its calls to the controller, and what goes into them. Needs `url`, `token`, and `run`, the folder in memory.
# See: ../contract.md, "The calls".

# Sets `status` and `answer`. Further arguments go to curl.
# The token reaches curl through its standard input: arguments can be read by every user.
call() {
  local path=$1 limit=$2
  shift 2
  answer=$(printf 'header = "Authorization: Bearer %s"\n' "$token" \
    | curl --config - --silent --show-error --noproxy '*' --tlsv1.2 "${trust[@]}" \
      --connect-timeout 5 --max-time "$limit" --write-out '\n%{http_code}' "$@" "$url/guest/v1/$path" \
      2>>"$run/guest.log") || true # a call that failed has the status 000
  status=${answer##*$'\n'}
  answer=${answer%$'\n'*}
}

report() {
  send report --header 'Content-Type: application/json' --data-raw "$1"
}

# NB: what cannot be delivered in half a minute is given up: powering off tells the same.
send() {
  local pause
  for pause in 0.5 1 2 4 8 8 0; do
    call "$1" 10 "${@:2}"
    [[ $status != 2?? && $status != 401 ]] || return 0
    sleep "$pause"
  done
  say "the controller did not take the $1: $status"
}

# A JSON string.
quoted() {
  local text=${1//[[:cntrl:]]/ }
  text=${text//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}

send_log() {
  collect_log >"$run/tail.log"
  send log --header 'Content-Type: text/plain' --data-binary "@$run/tail.log"
}

collect_log() {
  local text
  text=$(
    {
      echo "--- runner"
      tail -c 40000 "$run/runner.log"
      echo "--- guest"
      tail -c 16000 "$run/guest.log"
    } 2>/dev/null | tr -d '\000'
  )
  redact "$text"
}

redact() {
  local text=$1 secret
  for secret in "$token" "$jit" "$runner_token"; do
    [[ -z $secret ]] || text=${text//"$secret"/(secret)}
  done
  printf '%s\n' "$text"
}

# Sets the variable $1 to the field $3 of the JSON object $2, or to nothing if that is not plain. See: ../contract.md, "Plain JSON".
field() {
  local value='' pattern="\"$3\"[[:space:]]*:[[:space:]]*(\"([^\"]*)\"|([0-9]+))"
  if [[ $2 =~ $pattern ]]; then value=${BASH_REMATCH[2]}${BASH_REMATCH[3]}; fi
  value=${value//\\n/$'\n'}
  if [[ $value == *\\* ]]; then value=''; fi
  printf -v "$1" %s "$value"
}
