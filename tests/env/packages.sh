#!/usr/bin/env bash
# Debian packages the checks need, and packages unpacked beside the system's.
set -euo pipefail

cache=${PINACLE_TEST_CACHE:-/var/lib/pinacle-test}
# Programs by name, because one from elsewhere (Docker's own packages, say) does as well.
build_programs=(
    cc:gcc git:git socat:socat jq:jq tmux:tmux screen:screen python3:python3 curl:curl ps:procps shellcheck:shellcheck
    mkfs.ext4:e2fsprogs mount:mount
)
engine_programs=(
    dockerd:docker.io docker:docker.io runsc:runsc iptables:iptables ip:iproute2 debootstrap:debootstrap
    sshd:openssh-server unshare:util-linux
)
build_files=(/etc/ssl/certs/ca-certificates.crt:ca-certificates)
engine_files=(/usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring)

# missing_packages build|engine: what has no engine in it needs less.
missing_packages() {
    local pair programs=("${build_programs[@]}") files=("${build_files[@]}")
    if [ "$1" = engine ]; then
        programs+=("${engine_programs[@]}")
        files+=("${engine_files[@]}")
    fi
    for pair in "${programs[@]}"; do
        command -v "${pair%%:*}" >/dev/null || echo "${pair#*:}"
    done
    for pair in "${files[@]}"; do
        [ -s "${pair%%:*}" ] || echo "${pair#*:}"
    done
    # A compiler without the C library's headers links nothing.
    [ -e /usr/include/stdio.h ] || echo libc6-dev
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=180 -o Acquire::Retries=3 "$@"; }

# Services of the packages (ssh, docker) are not started: the checks start what they need.
without_services() {
    local policy=/usr/sbin/policy-rc.d code=0
    [ -e "$policy" ] && { "$@"; return; }
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    "$@" || code=$?
    rm -f "$policy"
    return "$code"
}

# Lists are fetched only when the packages cannot be installed without: a second run asks nobody.
install_packages() {
    without_services apt install -y --no-install-recommends "$@" >"$run_dir/apt.log" 2>&1 && return 0
    note "fetching the package lists"
    retry apt update >"$run_dir/apt-update.log" 2>&1 || tail -n 5 "$run_dir/apt-update.log" >&2
    retry without_services apt install -y --no-install-recommends "$@" >"$run_dir/apt.log" 2>&1 && return 0
    tail -n 20 "$run_dir/apt.log" >&2
    return 1
}

packages_installed() {
    local missing=()
    mapfile -t missing < <(missing_packages "$1" | sort -u)
    if [ ${#missing[@]} -eq 0 ]; then
        note "nothing to install"
        return 0
    fi
    [ "$(id -u)" = 0 ] || complain "these packages are missing: ${missing[*]}" "sudo apt-get install ${missing[*]}"
    command -v apt-get >/dev/null || complain "these packages are missing, and there is no apt-get: ${missing[*]}"
    note "installing ${missing[*]}"
    install_packages "${missing[@]}" || complain "apt-get could not install ${missing[*]}"
    # Since Debian 13 the command line is a package of its own.
    [ "$1" != engine ] || command -v docker >/dev/null || install_packages docker-cli
    mapfile -t missing < <(missing_packages "$1" | sort -u)
    [ ${#missing[@]} -eq 0 ] || complain "still missing after the installation: ${missing[*]}"
}

# Returns the mirror of this machine's apt sources; Debian's own when there is none.
debian_mirror() {
    local uri
    uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
        sed -n -e 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' -e 's/^deb[[:space:]]\{1,\}\(\[[^]]*\] *\)\{0,1\}\([^[:space:]]*\).*/\2/p' |
        grep '/debian/*$' | head -n 1) || true
    echo "${uri:-http://deb.debian.org/debian}"
}

# unpack_package PACKAGE SUITE DIRECTORY: one package of one suite, from a private apt configuration; neither the
# system's sources nor its installed packages change.
unpack_package() {
    local package=$1 suite=$2 target=$3 private="$run_dir/apt-$1" options
    mkdir -p "$private"/{lists/partial,cache/archives/partial,parts}
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(debian_mirror) $suite main" >"$private/sources.list"
    options=(
        -o "Dir::Etc::sourcelist=$private/sources.list" -o "Dir::Etc::sourceparts=$private/parts"
        -o "Dir::Etc::preferencesparts=$private/parts" -o Dir::Etc::preferences=/dev/null
        -o "Dir::State::lists=$private/lists" -o "Dir::Cache=$private/cache" -o APT::Sandbox::User=root
        -o Acquire::Languages=none
    )
    retry apt "${options[@]}" update >"$private/log" 2>&1 || { tail -n 5 "$private/log" >&2; return 1; }
    (cd "$private" && retry apt "${options[@]}" download "$package" >>log 2>&1) || { tail -n 5 "$private/log" >&2; return 1; }
    rm -rf "$target.part"
    dpkg-deb -x "$private"/"$package"_*.deb "$target.part"
    rm -rf "$target"
    mv "$target.part" "$target"
}
