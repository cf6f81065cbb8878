#!/usr/bin/env bash
# The images pods are made from. Both stay on the engine: a second run finds them.
set -euo pipefail

base_reference=pinacle-debian:bookworm

base_image() {
    if docker image inspect "$base_reference" >/dev/null 2>&1; then
        note "$base_reference is there"
        return 0
    fi
    note "making $base_reference from Debian's packages"
    retry make_base
}

make_base() {
    docker/make-base.sh "$run_dir/base.tar" && docker import "$run_dir/base.tar" "$base_reference" >/dev/null && rm -f "$run_dir/base.tar"
}

# The pod's image is built by the product itself, tagged with a hash of docker/; the test that checks it goes first,
# alone, so that no scenario's time includes the minutes of a first build.
pod_image() {
    TMPDIR=$run_dir/tmp cargo nextest run --workspace --all-features -E "$pod_image_test"
}
