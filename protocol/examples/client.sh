#!/usr/bin/env bash
# A client of pinacled in bash, socat and jq.
#
#     client.sh list
#     client.sh show POD               all there is to know about it, as JSON
#     client.sh create SPEC            make a pod, wait for it, print its address
#     client.sh journal POD            what was run for it, as it comes
#     client.sh events                 what happens, one JSON object to a line
#     client.sh call NAME [ARGS]       any call; ARGS is a JSON object
set -euo pipefail

home=${HOME:+$HOME/.local/state/pinacle}
[[ ${XDG_STATE_HOME:-} != /* ]] || home=$XDG_STATE_HOME/pinacle
state=${PINACLE_STATE_DIR:-${home:-/var/lib/pinacle}}
socket=${PINACLE_SOCKET:-$state/pinacled.sock}

# Sends a hello for the mode, then standard input; prints what comes back behind the
# daemon's hello. After the end of the input an answer may take 40 s; with a second
# argument the input counts as open until the daemon closes the connection.
talk() {
    { printf '{"pinacle":1,"mode":"%s"}\n' "$1" && cat; } |
        socat -t 40 "STDIO${2:+,$2}" "UNIX-CONNECT:$socket" |
        jq --unbuffered -c 'if .supported then {error} elif .pinacle then empty else . end'
}

# Prints the result of one call; on an error says what and why, and fails.
call() {
    jq -nc --arg call "$1" --argjson args "${2:-null}" '{id: 1, $call, $args}' | talk rpc |
        jq -sc 'if .[0] == null then "no answer from the daemon\n" | halt_error
            elif .[0].error then .[0].error | "\(.kind): \(.message)\n" | halt_error
            else .[0].ok end'
}

list() {
    call inventory | jq -r '.pods[] | [.slug, .phase, .url // "-"] | @tsv'
}

create() {
    local request accepted operation status=queued
    request=$(jq -nc --rawfile spec_text "$1" --arg request_id "sh-$$-$RANDOM-$(date +%s)" \
        '{$request_id, $spec_text}')
    accepted=$(call pod_create "$request")
    operation=$(jq -c '{id: .operation, wait_ms: 25000}' <<<"$accepted")
    until [[ $status =~ ^(succeeded|failed|cancelled)$ ]]; do
        status=$(call operation_wait "$operation" | jq -r .status)
    done
    echo "$status" >&2
    call pod "$(jq -c '{pod}' <<<"$accepted")" | jq -r '.pod.url // ""'
    [[ $status == succeeded ]]
}

journal() {
    jq -nc --arg pod "$1" '{stream: "journal", $pod, follow: true}' | talk stream ignoreeof |
        jq --unbuffered -jr '
            if .frame == "end" then halt
            elif .error or .frame == "error" then .error // . | "\(.kind): \(.message)\n" | halt_error
            elif .frame == "gap" then "[\(.missed // "some") records are gone]\n"
            else .records[]?
                | if .type == "begin" then "$ \(.container_line // .line)\n"
                  elif .type == "output" then .text
                  elif .type == "end" and .exit_code != 0 then "Exit code: \(.exit_code)\n"
                  else empty end
            end'
}

events() {
    echo '{"stream":"events"}' | talk stream ignoreeof
}

case ${1:-} in
    list) list ;;
    show) call pod "$(jq -nc --arg pod "${2:?the pod}" '{$pod}')" | jq . ;;
    events) events ;;
    create) create "${2:?the spec file}" ;;
    journal) journal "${2:?the pod}" ;;
    call) call "${2:?the name of a call}" "${3:-null}" ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
