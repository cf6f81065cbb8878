#!/usr/bin/env bash
# Registers three gVisor runtimes with the engine, those that are missing only:
#   runsc           Debian's build, using the sockets of the pod's own network namespace
#   runsc-netstack  the same build with its own network stack
#   runsc-overlay   a later build at its defaults, which lose the root filesystem at a stop
# and sees to it that each of them really runs a container.
set -euo pipefail

lib=/usr/local/lib/pinacle-test
config=/etc/docker/daemon.json
mkdir -p "$lib"

# Debian's build looks for a kernel setting that moved; without the directory it does not.
cat >"$lib/runsc-netstack" <<'SCRIPT'
#!/bin/sh
exec unshare -m sh -c 'mount -t tmpfs tmpfs /proc/sys/net && exec /usr/bin/runsc "$@"' runsc "$@"
SCRIPT
chmod 755 "$lib/runsc-netstack"

if [ ! -x "$lib/runsc-overlay" ]; then
  # The later build comes from backports, unpacked beside, with apt lists of its own.
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*/\2/p' \
    /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
  [ -n "$mirror" ] || { echo "no Debian mirror in apt's sources" >&2; exit 1; }
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm-backports main" >"$work/sources.list"
  options=(-o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache::archives=$work/archives" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update -q >/dev/null
  (cd "$work" && apt-get "${options[@]}" download -q -t bookworm-backports runsc)
  dpkg -x "$work"/runsc_*.deb "$work/tree"
  install -m 755 "$work/tree/usr/bin/runsc" "$lib/runsc-overlay"
fi

[ -s "$config" ] || echo '{}' >"$config"
merged=$(jq --arg lib "$lib" '
  .runtimes["runsc"] //= {path: "/usr/bin/runsc", runtimeArgs: ["--network=host"]}
  | .runtimes["runsc-netstack"] //= {path: ($lib + "/runsc-netstack")}
  | .runtimes["runsc-overlay"] //= {path: ($lib + "/runsc-overlay"), runtimeArgs: ["--network=host"]}
' "$config")
if [ "$merged" != "$(jq . "$config")" ]; then
  printf '%s\n' "$merged" >"$config"
  # The engine reads its runtimes again on a hang-up, without a restart.
  kill -HUP "$(pidof dockerd)"
fi

for _ in $(seq 50); do
  known=$(docker info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}')
  case " $known" in *" runsc-overlay "*) break ;; esac
  sleep 0.1
done

image=pinacle-test-busybox:1
if ! docker image inspect "$image" >/dev/null 2>&1; then
  tar -C /bin --transform 's,^busybox,bin/busybox,' -c busybox |
    docker import --change 'ENTRYPOINT ["/bin/busybox"]' - "$image" >/dev/null
fi
for runtime in runsc runsc-netstack runsc-overlay; do
  [ "$(docker run --rm --runtime "$runtime" "$image" echo alive)" = alive ] ||
    { echo "the runtime $runtime does not run a container" >&2; exit 1; }
done
echo "runtimes: $known"
