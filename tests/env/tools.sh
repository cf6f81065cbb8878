#!/usr/bin/env bash
# Has cargo-nextest and cargo-deny at hand: those on the PATH, or built once into
# the directory given, with little optimisation because they run for seconds.
set -euo pipefail

root=$1
export PATH="$root/bin:$PATH"
export CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=false
export CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 CARGO_PROFILE_RELEASE_STRIP=true

have() { command -v "$1" >/dev/null 2>&1; }
have cargo-nextest || cargo install --locked --quiet --root "$root" cargo-nextest --version 0.9.143
have cargo-deny || cargo install --locked --quiet --root "$root" cargo-deny --version 0.20.2 --no-default-features
