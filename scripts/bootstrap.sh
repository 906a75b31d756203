#!/bin/sh
# Installs what the build, the tests and the demo need, by Debian's names. What is there already is
# left alone; without anything missing, the package manager is not even asked.
set -eu

# program or file to look for : Debian package that has it
needs="
clang-19:clang-19
pkg-config:pkg-config
make:make
gcc:gcc
/usr/include/stdio.h:libc6-dev
/usr/include/linux/bpf.h:linux-libc-dev
/usr/include/gelf.h:libelf-dev
/usr/include/zlib.h:zlib1g-dev
iperf3:iperf3
ip:iproute2
ping:iputils-ping
"
# Only the checks of CI need these.
[ "${1:-}" = "--ci" ] && needs="$needs
codespell:codespell
git:git
python3:python3
"

missing=""
for need in $needs; do
    what=${need%%:*}
    package=${need#*:}
    case $what in
    /*) [ -e "$what" ] || missing="$missing $package" ;;
    *) command -v "$what" >/dev/null 2>&1 || missing="$missing $package" ;;
    esac
done

if ! command -v cargo >/dev/null 2>&1; then
    echo "bootstrap: cargo is missing: install Rust 1.88 or later (https://rustup.rs)" >&2
    exit 2
fi
[ -z "$missing" ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "bootstrap: missing:$missing; run this as root, or: sudo apt-get install$missing" >&2
    exit 2
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "bootstrap: no apt-get on this host; install what Debian calls:$missing" >&2
    exit 2
fi
echo "bootstrap: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # one word for each package
apt-get install -y -qq --no-install-recommends $missing >/dev/null
