#!/usr/bin/env bash
# The container engine: the one that answers, or one of the run's own.
set -euo pipefail

engine_socket() {
    case ${DOCKER_HOST:-} in
        '') echo /var/run/docker.sock ;;
        unix://*) echo "${DOCKER_HOST#unix://}" ;;
        *) complain "DOCKER_HOST is $DOCKER_HOST, which is not a Unix socket" "set it to unix:///path, or unset it" ;;
    esac
}

engine_get() { curl -fsS --max-time 10 --unix-socket "$(engine_socket)" "http://docker$1"; }
engine_answers() { [ -S "$(engine_socket)" ] && engine_get /_ping >/dev/null 2>&1; }
engine_data() { echo "$cache/engine"; }

engine_running() {
    local socket
    socket=$(engine_socket)
    if engine_answers; then
        note "the engine at $socket answers: Docker $(docker version --format '{{.Server.Version}}')"
        return 0
    fi
    [ "$(id -u)" = 0 ] || complain "no engine answers at $socket, and only root can start one" "start Docker, or run this as root"
    engine_start "$socket"
    note "started an engine at $socket: Docker $(docker version --format '{{.Server.Version}}')"
}

# A machine without a service manager may not have them.
cgroups_mounted() {
    grep -q ' /sys/fs/cgroup' /proc/self/mounts && return 0
    note "mounting the control groups"
    mount -t cgroup2 cgroup2 /sys/fs/cgroup || complain "the control groups cannot be mounted" "the machine, or the container this runs in, must allow it"
}

# Two engines in one network share the bridge docker0 and the firewall's chains, and take them from each other.
no_other_engine() {
    local pid
    for pid in $(pidof dockerd || true); do
        [ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ] ||
            complain "an engine runs here as process $pid, but does not answer at $1" "set DOCKER_HOST=unix:///path to its socket, or end it"
    done
}

engine_start() {
    local socket=$1 data arguments=() pid
    data=$(engine_data)
    no_other_engine "$socket"
    cgroups_mounted
    mkdir -p "$data" "$(dirname "$socket")"
    [ -s "$data/daemon.json" ] || echo '{}' >"$data/daemon.json"
    read -ra arguments <<<"${PINACLE_DOCKERD_ARGS:-}"
    # What a killed run left: another process may have that number by now, and the engine would refuse to start.
    rm -f "$data/docker.pid" "$data/exec/containerd/containerd.pid"
    # Out of the terminal's process group, so that an interrupt reaches this script first.
    setsid dockerd --host "unix://$socket" --data-root "$data/data" --exec-root "$data/exec" --pidfile "$data/docker.pid" \
        --config-file "$data/daemon.json" "${arguments[@]}" >"$data/dockerd.log" 2>&1 </dev/null &
    pid=$!
    echo "$pid" >"$run_dir/engine.pid"
    engine_up_or_dead() { engine_answers || ! kill -0 "$pid" 2>/dev/null; }
    within 60 engine_up_or_dead || true
    engine_answers && return 0
    tail -n 30 "$data/dockerd.log" >&2
    complain "dockerd does not answer; the end of $data/dockerd.log is above" \
        "iptables of the wrong kind: update-alternatives --set iptables /usr/sbin/iptables-legacy (or -nft)" \
        "inside a container: it must be privileged, with $cache on a volume"
}

# Ends the run's own engine, and only that.
engine_stop() {
    local pid
    [ -s "$run_dir/engine.pid" ] || return 0
    pid=$(cat "$run_dir/engine.pid")
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 0
    if [ -n "${KEEP_ENGINE:-}" ]; then
        note "the engine stays, as process $pid"
        return 0
    fi
    engine_is_gone() { ! kill -0 "$pid" 2>/dev/null; }
    kill -TERM "$pid"
    within 120 engine_is_gone && return 0
    kill -KILL "$pid" || true
    complain "the engine did not end within 120 s and was killed (process $pid)"
}
