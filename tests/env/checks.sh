#!/usr/bin/env bash
# The checks themselves.
set -euo pipefail

# Tests that need the engine; .config/nextest.toml limits the same ones.
on_the_engine='(binary_id(pinacle-tests::scenarios) | binary_id(pinacle-tests::figures-smoke) | binary_id(pinacle-daemon::engine))'
pod_image_test='(binary_id(pinacle-daemon::engine) & test(=the_base_image_is_made_once_for_all_that_ask))'
tidy_binary='binary_id(pinacle-tests::tidy)'

# Returns the filter as nextest wants it: a name's part, or an expression in parentheses.
expression() {
    case $1 in
        '') echo "$2" ;;
        '('*) echo "$2 & $1" ;;
        *) echo "$2 & test($1)" ;;
    esac
}

# Properties are tried on the same cases each time, so that what fails is what was changed;
# other seeds are for whoever looks for more.
nextest() { PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-1} TMPDIR=$run_dir/tmp cargo nextest run --workspace --all-features -E "$1"; }

unit_tests() { nextest "$(expression "$1" "not ($on_the_engine | $tidy_binary)")"; }
tidy_tests() { nextest "$(expression "$1" "$tidy_binary")"; }

scenario_tests() {
    local code=0
    remember_objects
    nextest "$(expression "$1" "$on_the_engine")" || code=$?
    remove_abandoned | tee "$run_dir/abandoned"
    return "$code"
}

documentation_tests() {
    # Building them takes long for what most often is none.
    if ! grep -rqE '^\s*//[/!] ```(rust|should_panic|no_run|compile_fail)?\s*$' --include=*.rs protocol/src daemon/src daemon/core/src tui/src; then
        note "there are none"
        return 0
    fi
    cargo test --workspace --all-features --doc --quiet
}

formatting() { cargo fmt --all --check; }
clippy() { cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings; }
# Libraries only: the programs are a few lines around them, and those of the tests have the same names.
documentation() {
    RUSTDOCFLAGS='-D warnings' cargo doc --workspace --lib --all-features --no-deps --document-private-items --quiet
}
dependencies_allowed() { cargo deny --all-features --log-level error check -D unmatched-skip -D unnecessary-skip licenses bans sources; }

# Prints the scripts of this repository: those named so, and those that say so in their first line.
scripts_in() {
    local interpreter=$1 ending=$2 file
    find .ci daemon docker lima protocol tests tui -type f -not -path '*/target/*' -print0 | sort -z |
        while IFS= read -r -d '' file; do
            case $file in
                *."$ending") echo "$file" ;;
                *) head -c 64 "$file" | head -n 1 | tr -d '\0' | grep -qE "^#!.*\b$interpreter" && echo "$file" ;;
            esac || true
        done
}

scripts() {
    local file files=()
    mapfile -t files < <(scripts_in '(ba|da)?sh( |$)' sh)
    for file in "${files[@]}"; do bash -n "$file"; done
    # Each file alone: what one part of tests/env defines, another uses; what is sourced names no shell.
    shellcheck --severity=warning --exclude=SC2034,SC2154,SC2148 "${files[@]}"
    note "${#files[@]} shell scripts"
    mapfile -t files < <(scripts_in python3 py)
    for file in "${files[@]}"; do
        python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$file"
    done
    note "${#files[@]} Python programs"
}
