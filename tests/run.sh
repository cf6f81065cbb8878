#!/usr/bin/env bash
# Runs every test and check there is, installing what they need.
#
#   tests/run.sh               everything
#   tests/run.sh unit|scenarios|image|lint|deny [FILTER]
#
# Needs root on Debian 12, and Rust. Starts a Docker engine when none answers and ends
# it afterwards (KEEP_ENGINE=1 leaves it running).
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-all}
filter=${2:-}
tools=${PINACLE_TOOLS:-${CARGO_HOME:-$HOME/.cargo}/pinacle-tools}
pidfile=$(mktemp)
export PATH="$tools/bin:$PATH" CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never} NEXTEST_NO_INPUT_HANDLER=1
# Certificates for `*.localhost` do not exist; proxies must not see them either.
export NO_PROXY="${NO_PROXY:-},localhost,127.0.0.1" INSTA_UPDATE=no

names=() results=() times=()
passed=0 failed=0

step() { # name command...
  local name=$1 start=$SECONDS
  shift
  printf '\n=== %s\n' "$name"
  if "$@"; then
    results+=(ok) passed=$((passed + 1))
  else
    results+=(FAILED) failed=$((failed + 1))
    printf '=== %s failed\n' "$name"
  fi
  names+=("$name") times+=($((SECONDS - start)))
}

needed() { # name command...: a step nothing else makes sense without
  local before=$failed
  step "$@"
  [ "$failed" -eq "$before" ] || finish
}

finish() {
  if [ -z "${KEEP_ENGINE:-}" ]; then
    bash tests/env/engine.sh stop "$pidfile" || true
  fi
  rm -f "$pidfile"
  printf '\n'
  for i in "${!names[@]}"; do
    printf '%-28s %-7s %4d s\n' "${names[$i]}" "${results[$i]}" "${times[$i]}"
  done
  printf '\n%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] || exit 1
  exit 0
}

rust_is_there() {
  command -v cargo >/dev/null && return
  echo "cargo is missing: install Rust 1.95 or later, with rustfmt and clippy" >&2
  return 1
}

base() {
  docker image inspect pinacle-debian:bookworm >/dev/null 2>&1 && return
  local tar
  tar=$(mktemp --suffix .tar)
  bash docker/make-base.sh "$tar" && docker import "$tar" pinacle-debian:bookworm
  local code=$?
  rm -f "$tar"
  return $code
}

# Builds the image through the daemon, as a user's first pod does, so that the
# scenarios find it there.
warm() {
  local state code=0
  state=$(mktemp -d)
  mkdir "$state/project"
  echo 'isolation: runc' >"$state/project/pinacle.yaml"
  cargo build --quiet -p pinacle-tests --bins
  local bin=${CARGO_TARGET_DIR:-target}/debug
  export PINACLE_STATE_DIR=$state
  PATH="$PWD/$bin:$bin:$PATH" pinacle-tui create "$state/project" --name warm </dev/null || code=1
  PATH="$PWD/$bin:$bin:$PATH" pinacle-tui rm warm --yes --quiet </dev/null || code=1
  PATH="$PWD/$bin:$bin:$PATH" pinacle-tui daemon stop --quiet </dev/null || code=1
  unset PINACLE_STATE_DIR
  rm -rf "$state"
  return $code
}

nothing_left() {
  local left
  left=$(docker ps -aq --filter label=dev.pinacle.pod; docker network ls -q --filter label=dev.pinacle.pod
    docker volume ls -q --filter label=dev.pinacle.pod; docker ps -aq --filter label=dev.pinacle.check)
  [ -z "$left" ] && return
  echo "the tests left these behind: $left" >&2
  return 1
}

scripts() {
  local code=0 file
  while IFS= read -r file; do
    head -n 1 "$file" | grep -q 'bash\|/sh' || continue
    shellcheck -S warning "$file" || code=1
  done < <(git ls-files | grep -v '\.\(rs\|md\|py\|toml\|yaml\|yml\|json\|snap\|txt\)$' ; git ls-files '*.sh')
  git ls-files '*.py' | xargs -r python3 -m py_compile || code=1
  return $code
}

nextest() { cargo nextest run --no-fail-fast ${filter:+-E "test($filter)"} "$@"; }

unit() {
  nextest --workspace --all-features -E "not (package(pinacle-tests) & binary(scenarios)) ${filter:+& test($filter)}"
}

engine() {
  needed "packages" bash tests/env/packages.sh
  needed "engine" bash tests/env/engine.sh start "$pidfile"
  needed "gVisor runtimes" bash tests/env/runtimes.sh
  needed "image base" base
}

lint() {
  step "format" cargo fmt --all --check
  step "clippy" cargo clippy --quiet --workspace --all-targets --all-features -- -D warnings
  step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items --all-features
  step "scripts" scripts
}

needed "Rust" rust_is_there
trap 'bash tests/env/engine.sh stop "$pidfile" 2>/dev/null || true' INT TERM
case $what in
all)
  engine
  needed "tools" bash tests/env/tools.sh "$tools"
  needed "build" cargo build --quiet --workspace --all-targets --all-features
  step "unit tests" unit
  needed "first pod" warm
  step "scenarios" nextest -p pinacle-tests --test scenarios
  step "nothing left behind" nothing_left
  lint
  step "dependencies" cargo deny --all-features check licenses bans sources
  ;;
unit) engine && needed "tools" bash tests/env/tools.sh "$tools" && step "unit tests" unit ;;
scenarios)
  engine
  needed "tools" bash tests/env/tools.sh "$tools"
  needed "first pod" warm
  step "scenarios" nextest -p pinacle-tests --test scenarios
  step "nothing left behind" nothing_left
  ;;
image) engine && step "image" bash docker/test.sh ;;
lint) needed "packages" bash tests/env/packages.sh && lint ;;
deny) needed "tools" bash tests/env/tools.sh "$tools" && step "dependencies" cargo deny --all-features check licenses bans sources ;;
*)
  echo "usage: tests/run.sh [all|unit|scenarios|image|lint|deny] [FILTER]" >&2
  exit 2
  ;;
esac
finish
