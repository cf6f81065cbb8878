#!/usr/bin/env bash
# The figures: the product as people get it, other programs of the kind, and the program that measures.
set -euo pipefail

# Pinned, so that a figure of last month can be compared with today's.
oxker_version=0.13.4
ducker_version=0.6.5

# Built as their authors would have them: these are measured, other tools only used.
rival() {
    local crate=$1 version=$2
    if [ "$("$tools/bin/$crate" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)" = "$version" ]; then
        note "$crate $version is there"
        return 0
    fi
    note "building $crate $version, once"
    CARGO_TARGET_DIR=$run_dir/tool retry cargo install --quiet --locked --force "$crate" --version "$version" --root "$tools"
}

rivals_present() {
    rival oxker "$oxker_version"
    rival ducker "$ducker_version"
    rm -rf "$run_dir/tool"
}

figures_built() {
    cargo build --release --quiet -p pinacle-daemon -p pinacle-tui
    cargo build --release --quiet -p pinacle-tests --bench figures
}

figures_program() {
    cargo build --release --quiet -p pinacle-tests --bench figures --message-format json |
        jq -r 'select(.reason == "compiler-artifact" and .target.name == "figures") | .executable'
}

# Objects of the figures that are no pods: raw networks, containers that print or sleep.
remove_figures_objects() {
    local kind id name
    while read -r kind id name; do
        note "the figures left $kind $name"
        remove_object "$kind" "$id"
    done < <(labelled dev.pinacle.bench)
}

figures() {
    local program table code=0
    program=$(figures_program)
    table=$(realpath "${TABLE:-${CARGO_TARGET_DIR:-target}/figures.md}")
    remember_objects
    # The program ends itself before that.
    PATH=$tools/bin:$PATH TMPDIR=$run_dir/tmp timeout --kill-after=10 1200 \
        "$program" "$(realpath "${CARGO_TARGET_DIR:-target}")/release" "$table" "$1" || code=$?
    remove_abandoned | tee "$run_dir/abandoned"
    remove_figures_objects
    return "$code"
}
