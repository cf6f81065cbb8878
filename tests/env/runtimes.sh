#!/usr/bin/env bash
# Three gVisor runtimes, each of which a host may have:
#
#   runsc           Debian's, with the sockets of the pod's own network namespace
#   runsc-netstack  the same with gVisor's own network stack
#   runsc-overlay   a later build whose default keeps the root filesystem's changes in memory of its own, so that
#                   they are lost at a stop
set -euo pipefail

programs=/usr/local/lib/pinacle-test
test_image=pinacle-test-busybox:1

registered() { engine_get /info | jq -r '.Runtimes | keys[]'; }
is_registered() { registered | grep -qx "$1"; }

# The wanted runtimes as the engine's configuration has them.
runtimes_wanted() {
    jq -n --arg runsc "$(command -v runsc)" --arg programs "$programs" '{
        "runsc": {path: $runsc, runtimeArgs: ["--network=host"]},
        "runsc-netstack": {path: ($programs + "/runsc-netstack")},
        "runsc-overlay": {path: ($programs + "/runsc-overlay"), runtimeArgs: ["--network=host"]}
    }'
}

# Debian 12's gVisor does not start its network stack on Linux 6.11 and later, because files it looks for in
# /proc/sys/net belong to each network namespace since. With that directory hidden it takes its own defaults.
write_netstack() {
    local runsc
    runsc=$(command -v runsc)
    mkdir -p "$programs"
    cat >"$programs/runsc-netstack.part" <<WRAPPER
#!/bin/sh
exec unshare -m sh -c 'mount -t tmpfs tmpfs /proc/sys/net && exec $runsc "\$@"' runsc "\$@"
WRAPPER
    chmod 755 "$programs/runsc-netstack.part"
    mv "$programs/runsc-netstack.part" "$programs/runsc-netstack"
}

unpack_overlay() {
    [ -x "$programs/runsc-overlay" ] && return 0
    note "unpacking a later gVisor from Debian's backports"
    mkdir -p "$cache" "$programs"
    unpack_package runsc bookworm-backports "$cache/runsc-overlay"
    cp "$cache/runsc-overlay/usr/bin/runsc" "$programs/runsc-overlay.part"
    mv "$programs/runsc-overlay.part" "$programs/runsc-overlay"
    rm -rf "$cache/runsc-overlay"
}

# Prints process and configuration file of the engine.
engine_process() {
    local pid file=/etc/docker/daemon.json
    if [ -s "$run_dir/engine.pid" ]; then
        pid=$(cat "$run_dir/engine.pid") file=$(engine_data)/daemon.json
    elif [ -s "$(engine_data)/docker.pid" ] && [ "$(cat "/proc/$(cat "$(engine_data)/docker.pid")/comm" 2>/dev/null)" = dockerd ] &&
        [ "$(engine_get /info | jq -r .DockerRootDir)" = "$(engine_data)/data" ]; then
        # One that an earlier run was told to keep.
        pid=$(cat "$(engine_data)/docker.pid") file=$(engine_data)/daemon.json
    else
        pid=$(cat /var/run/docker.pid 2>/dev/null || pidof -s dockerd || true)
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 1
    fi
    echo "$pid $file"
}

# Adds what is missing to the engine's configuration and has it read that again; nothing is restarted.
register() {
    local names=$1 pid file
    [ "$(id -u)" = 0 ] || complain "the engine lacks the runtimes $names, and only root can add them" "run this as root once"
    read -r pid file < <(engine_process) || complain "the engine's process is not on this machine, so its runtimes cannot be set"
    note "adding $names to $file"
    mkdir -p "$(dirname "$file")"
    [ -s "$file" ] || echo '{}' >"$file"
    # What is there already stays as it is.
    runtimes_wanted | jq --arg names "$names" --slurpfile old "$file" '
        . as $wanted | ($names | split(" ")) as $missing |
        $old[0] * {runtimes: (($wanted | with_entries(select(.key as $k | $missing | index($k)))) + ($old[0].runtimes // {}))}
    ' >"$file.part"
    mv "$file.part" "$file"
    kill -HUP "$pid"
    for name in $names; do
        within 15 is_registered "$name" || complain "the engine does not know $name after reading $file again"
    done
}

make_test_image() {
    docker image inspect "$test_image" >/dev/null 2>&1 && return 0
    note "making $test_image"
    unpack_package busybox-static bookworm "$run_dir/busybox"
    # shellcheck disable=SC2046 # a list of names
    (cd "$run_dir/busybox" && mkdir -p tmp && ln -sf busybox bin/sh && tar -c bin/busybox bin/sh tmp) |
        docker import - "$test_image" >/dev/null
}

# trial RUNTIME [OPTION]...: a container of this run, by its label.
trial() {
    local runtime=$1 network=bridge
    shift
    # An engine may have been started without.
    docker network inspect bridge >/dev/null 2>&1 || network=none
    docker run --runtime "$runtime" --network "$network" --label "dev.pinacle.test=$run_id" "$@"
}

starts() {
    local said
    if ! said=$(trial "$1" --rm "$test_image" /bin/busybox echo started 2>&1) || [ "$said" != started ]; then
        complain "a container does not start under $1" "$said"
    fi
}

# A runtime that keeps the file would make the test that refuses it meaningless.
loses_files() {
    local id kept=0
    id=$(trial "$1" -d "$test_image" /bin/busybox sleep 600)
    docker exec "$id" /bin/busybox touch /mark
    docker stop -t 0 "$id" >/dev/null
    docker start "$id" >/dev/null
    docker exec "$id" /bin/busybox test -e /mark && kept=1
    docker rm -f "$id" >/dev/null
    [ "$kept" = 0 ] || complain "$1 keeps files across a stop; it is here as an example of one that does not"
}

runtimes_ready() {
    local missing='' name known
    known=$(registered)
    for name in runsc runsc-netstack runsc-overlay; do
        grep -qx "$name" <<<"$known" || missing+=" $name"
    done
    missing=${missing# }
    if [ -n "$missing" ]; then
        [[ $missing != *netstack* ]] || write_netstack
        [[ $missing != *overlay* ]] || unpack_overlay
        register "$missing"
    fi
    make_test_image
    for name in runsc runsc-netstack runsc-overlay; do
        starts "$name"
        note "$name starts"
    done
    loses_files runsc-overlay
    note "runsc-overlay loses files at a stop, as it should"
}
