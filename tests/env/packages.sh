#!/usr/bin/env bash
# Installs the Debian packages the tests need, those that are missing only.
set -euo pipefail

packages=(docker.io runsc iptables iproute2 debootstrap socat jq openssh-server tmux
  python3 curl ca-certificates procps busybox-static gcc libc6-dev shellcheck)

missing=()
for package in "${packages[@]}"; do
  # `docker.io` may be there as a vendor's engine, the client as another package's.
  [ "$package" = docker.io ] && command -v dockerd >/dev/null && continue
  [ "$package" = python3 ] && command -v python3 >/dev/null && continue
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
    missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "these packages are missing, and only root can install them: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y -q --no-install-recommends "${missing[@]}"; }
for attempt in 1 2 3; do
  apt-get update -q && install && exit 0
  echo "attempt $attempt to install ${missing[*]} failed" >&2
  sleep $((attempt * 5))
done
exit 1
