#!/usr/bin/env bash
# Starts a Docker engine when none answers, and says so by writing its process
# id to the file given. Leaves an engine that answers alone.
#   engine.sh start PIDFILE   |   engine.sh stop PIDFILE
set -euo pipefail

verb=$1 pidfile=$2
root=/var/lib/pinacle-test/docker
log=/var/log/pinacle-test-dockerd.log

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

case $verb in
start)
  if answers; then
    echo "using the engine that answers ($(docker version --format '{{.Server.Version}}'))"
    exit 0
  fi
  [ "$(id -u)" -eq 0 ] || { echo "no engine answers, and only root can start one" >&2; exit 1; }
  rm -f /var/run/docker.pid
  mkdir -p "$root" /etc/docker
  [ -s /etc/docker/daemon.json ] || echo '{}' >/etc/docker/daemon.json
  setsid dockerd --data-root "$root" >"$log" 2>&1 </dev/null &
  pid=$!
  for _ in $(seq 300); do
    if answers; then
      echo "$pid" >"$pidfile"
      echo "started an engine of our own (process $pid)"
      exit 0
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  echo "the engine did not start; the end of its log:" >&2
  tail -n 30 "$log" >&2
  exit 1
  ;;
stop)
  [ -s "$pidfile" ] || exit 0
  pid=$(cat "$pidfile")
  rm -f "$pidfile"
  kill "$pid" 2>/dev/null || exit 0
  for _ in $(seq 150); do
    kill -0 "$pid" 2>/dev/null || exit 0
    sleep 0.2
  done
  echo "the engine of ours (process $pid) does not end" >&2
  exit 1
  ;;
esac
