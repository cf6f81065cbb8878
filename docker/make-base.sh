#!/bin/sh
# Makes a minimal Debian root filesystem for the pod image, for machines that cannot pull one from an image registry.
#
#   make-base.sh -            writes the tar to standard output
#   make-base.sh FILE.tar     writes it to FILE.tar
#
#   SUITE    Debian release                     (bookworm)
#   MIRROR   package mirror                     (this machine's own, when it runs Debian; else debootstrap's default)
#   SECURITY mirror of the security updates     (this machine's own, or derived from MIRROR)
#   ARCH     architecture                       (this machine's)
#
# It unpacks packages into a temporary directory with debootstrap, which needs root for chroot and device nodes, then packs
# that directory and removes it. It installs nothing on this machine. Use the result with:
#
#   docker import FILE.tar pinacle-debian:bookworm
#   docker build --build-arg BASE=pinacle-debian:bookworm docker/
set -eu

say() { printf '%s\n' "make-base: $*" >&2; }
die() { say "$*"; exit 1; }

target=${1:-}
case $target in
    '' | -h | --help) sed -n '2,17s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
[ "$target" != - ] || [ ! -t 1 ] || die "standard output is a terminal: give a file name, or pipe it into docker import"

[ "$(id -u)" = 0 ] || die "debootstrap needs root: run this with sudo"
PATH=$PATH:/usr/sbin:/sbin
command -v debootstrap >/dev/null || die "the package debootstrap is missing: install it with 'apt-get install debootstrap' and run this again"

suite=${SUITE:-bookworm}
arch=${ARCH:-$(dpkg --print-architecture)}

# Prints the URIs of this machine's apt sources, both file formats.
host_mirrors() {
    . /etc/os-release 2>/dev/null || return 0
    [ "${ID:-}" = debian ] || return 0
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        [ -r "$file" ] || continue
        case $file in
            *.sources) sed -n 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' "$file" ;;
            *) sed -n 's/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' "$file" ;;
        esac
    done
}

mirror=${MIRROR:-$(host_mirrors | grep '/debian/*$' | head -n 1)}
security=${SECURITY:-$(host_mirrors | grep '/debian-security/*$' | head -n 1)}
mirror=${mirror%/}
[ -n "$security" ] || case $mirror in */debian) security=$mirror-security ;; esac

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -r "$keyring" ]; then
    set -- --keyring="$keyring"
else
    die "the keys of Debian's archive are missing: install the package debian-archive-keyring and run this again"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/pinacle-base.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
root=$work/root

say "unpacking Debian $suite ($arch) from ${mirror:-the default mirror} with debootstrap; about half a minute and 250 MB in $work"
debootstrap --variant=minbase --arch="$arch" "$@" "$suite" "$root" ${mirror:+"$mirror"} >"$work/log" 2>&1 || {
    tail -n 15 "$work/log" >&2
    die "debootstrap failed; its last lines are above"
}

from=$(sed -n 's/^deb[[:space:]]\{1,\}\([^[:space:]]*\).*/\1/p' "$root/etc/apt/sources.list" | head -n 1)
{
    echo "deb $from $suite main"
    case $suite in
        sid | unstable | testing) ;;
        *)
            echo "deb $from $suite-updates main"
            [ -z "$security" ] || echo "deb ${security%/} $suite-security main"
            ;;
    esac
} >"$root/etc/apt/sources.list"

# What a container never reads: package archives and lists, translations, manuals. And what belongs to this machine.
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/var/log/* "$root"/var/cache/apt/*.bin
rm -rf "${root:?}"/usr/share/locale/* "${root:?}"/usr/share/man/* "${root:?}"/usr/share/info/* "${root:?}"/dev/*
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/doc" \( -type l -o -type d -empty \) -delete
: >"$root/etc/hostname"
: >"$root/etc/resolv.conf"
rm -f "$root/etc/machine-id"

say "packing"
if [ "$target" = - ]; then
    tar -C "$root" --numeric-owner --sort=name -c .
else
    tar -C "$root" --numeric-owner --sort=name -cf "$target.part" .
    mv "$target.part" "$target"
    say "wrote $target ($(du -h "$target" | cut -f1))"
fi
