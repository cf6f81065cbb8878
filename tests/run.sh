#!/usr/bin/env bash
# Runs every check of this repository, on a fresh Debian 12 with git and cargo too.
#
#   tests/run.sh [all]                 everything
#   tests/run.sh unit [FILTER]         unit, property, screen and terminal tests, documentation tests
#   tests/run.sh scenarios [FILTER]    the programs as built, on a real engine
#   tests/run.sh lint                  formatting, lints, documentation, scripts
#   tests/run.sh tidy [FILTER]         the repository's own rules
#   tests/run.sh deny                  licences, duplicates and sources of dependencies
#   tests/run.sh bench [FILTER]        the figures, beside those of others; not part of `all`
#
# FILTER is a part of a test's name, or a nextest filter in parentheses. Missing Debian packages are installed,
# which needs root, and so does the engine. Environment:
#
#   DOCKER_HOST           unix:///path of the engine; without one that answers there, one is started and stopped again
#   KEEP_ENGINE=1         leaves that engine running
#   PINACLE_DOCKERD_ARGS  more arguments for it
#   SHARED_ENGINE=1       others use the engine too: pods that appear meanwhile are told, not counted as left behind
#   QUICK=1, TABLE=FILE   figures: few samples; where the table goes   (target/figures.md)
#   PINACLE_TEST_CACHE    where downloads, tools and the engine's data are kept   (/var/lib/pinacle-test)
#   CI=true, NO_COLOR=1   no colours
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
for part in steps packages engine runtimes image leftovers tools checks figures; do
    # shellcheck source=/dev/null
    source "tests/env/$part.sh"
done

usage() { sed -n '2,23s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

# Each row: what it is, the step's name, the steps it cannot do without, the function.
environment() {
    step packages "" packages_installed engine
    step engine packages engine_running
    step runtimes engine runtimes_ready
    step base engine base_image
}

unit() {
    step unit "toolchain nextest" unit_tests "$1"
    step doctests toolchain documentation_tests
}

scenarios() {
    step pod-image "toolchain nextest base" pod_image
    step scenarios "toolchain nextest runtimes pod-image" scenario_tests "$1"
    step leftovers "engine" nothing_left_behind
}

lint() {
    step fmt toolchain formatting
    step clippy toolchain clippy
    step doc toolchain documentation
    step scripts packages scripts
}

plan() {
    local what=$1 filter=$2
    case $what in
        all)
            environment
            step toolchain packages toolchain_present
            step nextest toolchain nextest_present
            lint
            step tidy "toolchain nextest" tidy_tests ""
            unit ""
            scenarios ""
            step cargo-deny toolchain deny_present
            step deny "cargo-deny" dependencies_allowed
            ;;
        unit)
            step packages "" packages_installed build
            step toolchain packages toolchain_present
            step nextest toolchain nextest_present
            unit "$filter"
            ;;
        scenarios)
            environment
            step toolchain packages toolchain_present
            step nextest toolchain nextest_present
            scenarios "$filter"
            ;;
        lint)
            step packages "" packages_installed build
            step toolchain packages toolchain_present
            lint
            ;;
        tidy)
            step toolchain "" toolchain_present
            step nextest toolchain nextest_present
            step tidy "toolchain nextest" tidy_tests "$filter"
            ;;
        bench)
            environment
            step toolchain packages toolchain_present
            step rivals toolchain rivals_present
            step programs toolchain figures_built
            step figures "base rivals programs" figures "$filter"
            step leftovers engine nothing_left_behind
            ;;
        deny)
            step toolchain "" toolchain_present
            step cargo-deny toolchain deny_present
            step deny cargo-deny dependencies_allowed
            ;;
    esac
}

what=${1:-all}
case $what in
    all | unit | scenarios | lint | tidy | deny | bench) ;;
    -h | --help | help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
esac
[ $# -le 2 ] || { usage >&2; exit 2; }

begin_run
plan "$what" "${2:-}"
summary
