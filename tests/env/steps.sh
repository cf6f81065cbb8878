#!/usr/bin/env bash
# Steps of a run: each is told, timed, and counted; a step whose needs failed is not tried.
set -euo pipefail

declare -A outcome=() elapsed=()
order=()
run_id="$$-$(date +%s)"

if [ -t 1 ] && [ -z "${CI:-}" ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
    bold='' red='' green='' plain=''
    export CARGO_TERM_COLOR=never NO_COLOR=1
fi

note() { printf '   %s\n' "$*"; }
# complain WHAT [WHAT TO DO]...
complain() {
    printf '%s** %s%s\n' "$red" "$1" "$plain" >&2
    shift
    [ $# -eq 0 ] || printf '   %s\n' "$@" >&2
    return 1
}

now_ms() { local t=$EPOCHREALTIME; echo $((${t/[.,]/} / 1000)); }
spell() { printf '%d.%01d s' $(($1 / 1000)) $(($1 % 1000 / 100)); }

# Tries a command three times, for what fails with the network.
retry() {
    local try
    for try in 1 2 3; do
        "$@" && return 0
        [ "$try" = 3 ] || { note "that failed; trying again in $((try * 3)) s: $1"; sleep $((try * 3)); }
    done
    return 1
}

# within SECONDS COMMAND...: true as soon as the command is.
within() {
    local end=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.2
    done
}

# What tests write goes into a directory of the run, so that what a killed one leaves is found and removed.
begin_run() {
    PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
    # Programs that run as other users must reach what is inside.
    run_dir=$(mktemp -d "${TMPDIR:-/tmp}/pinacle-run.XXXXXX")
    chmod 755 "$run_dir"
    mkdir "$run_dir/tmp"
    chmod 1777 "$run_dir/tmp"
    run_begin=$(now_ms)
    trap end_run EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

end_run() {
    local code=$?
    trap - EXIT
    engine_stop || code=1
    rm -rf "$run_dir"
    exit "$code"
}

# step NAME NEEDS FUNCTION [ARGUMENT]...
step() {
    local name=$1 needs=$2 need begin code
    shift 2
    order+=("$name")
    elapsed[$name]=0
    for need in $needs; do
        # What is not part of this run is taken to be there.
        if [ "${outcome[$need]:-passed}" != passed ]; then
            outcome[$name]="not run: needs $need"
            printf '\n%s== %s: not run, because %s failed%s\n' "$bold" "$name" "$need" "$plain"
            return 0
        fi
    done
    printf '\n%s== %s%s\n' "$bold" "$name" "$plain"
    begin=$(now_ms)
    # Not as a condition: that would turn `set -e` off inside.
    set +e
    (set -e; "$@")
    code=$?
    set -e
    elapsed[$name]=$(($(now_ms) - begin))
    if [ "$code" = 0 ]; then
        outcome[$name]=passed
        printf '%s== %s: passed in %s%s\n' "$green" "$name" "$(spell "${elapsed[$name]}")" "$plain"
    else
        outcome[$name]="failed ($code)"
        printf '%s== %s: FAILED (%s) after %s%s\n' "$red" "$name" "$code" "$(spell "${elapsed[$name]}")" "$plain"
    fi
}

# Prints the table and the count; false when a step did not pass.
summary() {
    local name passed=0 failed=0
    printf '\n%s== summary%s\n' "$bold" "$plain"
    for name in "${order[@]}"; do
        printf '   %-12s %10s  %s\n' "$name" "$(spell "${elapsed[$name]}")" "${outcome[$name]}"
        if [ "${outcome[$name]}" = passed ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    done
    printf '   %-12s %10s\n\n' total "$(spell $(($(now_ms) - run_begin)))"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    [ "$failed" = 0 ]
}
