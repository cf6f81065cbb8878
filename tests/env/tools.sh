#!/usr/bin/env bash
# The compiler and cargo's tools. What is on PATH is used; else a pinned version is built once into the cache.
set -euo pipefail

nextest_version=0.9.143
deny_version=0.20.2
tools=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pinacle-test/tools
PATH=$PATH:$tools/bin:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin

toolchain_present() {
    local needed program
    needed=$(sed -n 's/^rust-version *= *"\([^"]*\)"/\1/p' Cargo.toml)
    for program in rustc cargo rustfmt cargo-clippy; do
        command -v "$program" >/dev/null ||
            complain "$program is missing" "install Rust $needed or later with rustfmt and clippy, see https://rustup.rs"
    done
    note "$(rustc --version), $(cargo --version)"
    printf '%s\n%s\n' "$needed" "$(rustc --version | cut -d' ' -f2)" | sort -V -C ||
        complain "Rust $needed or later is needed" "rustup update stable"
}

# Fast to build matters more than fast to run: each runs for seconds.
cargo_tool() {
    local crate=$1 version=$2
    shift 2
    note "building $crate $version, once"
    CARGO_TARGET_DIR=$run_dir/tool CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_STRIP=symbols \
        retry cargo install --quiet --locked "$crate" --version "$version" --root "$tools" "$@"
    rm -rf "$run_dir/tool"
}

nextest_present() {
    command -v cargo-nextest >/dev/null || cargo_tool cargo-nextest "$nextest_version" --no-default-features --features default-no-update
    note "$(cargo nextest --version | head -n 1)"
}

deny_present() {
    command -v cargo-deny >/dev/null || cargo_tool cargo-deny "$deny_version" --no-default-features
    note "$(cargo deny --version)"
}
