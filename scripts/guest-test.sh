#!/usr/bin/env bash
# Runs the tests of the kernel side, and the daemon, on another kernel: in a guest that qemu emulates
# in software, so neither hardware virtualisation nor root is needed. Says whether things work, never
# how fast.
#
#   scripts/guest-test.sh [--tests "CRATE..."] [--demo] KERNEL...
#
# KERNEL is a kernel package of Debian: a .deb file, or a name that apt can download, such as
# linux-image-cloud-amd64 (Debian 12's own kernel, 6.1) or linux-image-6.12-cloud-amd64. Packages are
# unpacked in a temporary directory; nothing is installed.
#
#   --tests "CRATE..."   the crates whose test programs run in the guest [default: wad-linux]
#   --demo               also run `wad demo` in the guest; takes some minutes
#   BUSYBOX=FILE         a static busybox [default: from Debian's package busybox-static]
#   WAD=FILE             the binary to start there [default: target/release/wad; left out if missing]
#   TIME_LIMIT=SECONDS   for each guest [default: 1500]
#
# The exit status is 0 if all guests succeeded, 1 if one failed, 2 if something is missing here.
set -euo pipefail

missing() {
    echo "guest-test: $*" >&2
    exit 2
}

usage() {
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
    exit "$1"
}

tests=wad-linux
demo=
kernels=()
while [ $# -gt 0 ]; do
    case $1 in
    --tests) tests=${2:?"--tests wants names of crates"} && shift ;;
    --demo) demo=yes ;;
    -h | --help) usage 0 ;;
    -*) usage 2 >&2 ;;
    *.deb) kernels+=("$(realpath "$1")") ;;
    *) kernels+=("$1") ;;
    esac
    shift
done
[ ${#kernels[@]} -gt 0 ] || missing "name a kernel package, such as linux-image-cloud-amd64 (--help says more)"

# program : Debian package that has it
for need in qemu-system-x86_64:qemu-system-x86 cpio:cpio xz:xz-utils dpkg-deb:dpkg apt-get:apt \
    ldd:libc-bin cargo:cargo ip:iproute2 iperf3:iperf3; do
    command -v "${need%%:*}" >/dev/null || missing "${need%%:*} is missing: Debian package ${need#*:}"
done
if [ -n "${BUSYBOX:-}" ]; then
    [ -x "$BUSYBOX" ] || missing "BUSYBOX=$BUSYBOX is no program"
    BUSYBOX=$(realpath "$BUSYBOX")
fi

cd "$(dirname "$0")/.."
WAD=$(realpath -m "${WAD:-${CARGO_TARGET_DIR:-target}/release/wad}")
work=$(mktemp -d "${TMPDIR:-/tmp}/wad-guest-XXXXXX")
trap 'rm -rf "$work"' EXIT

# download NAME: the path of the package's file. A name without a version is followed to the newest.
download() {
    local name=$1 newest
    newest=$(apt-cache depends "$name" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    name=${newest:-$name}
    (
        mkdir -p "$work/packages/$name"
        cd "$work/packages/$name"
        apt-get -qq -o APT::Sandbox::User=root download "$name" >&2
        ls "$PWD"/*.deb
    ) || missing "apt cannot download $name: name one that \`apt-cache search linux-image\` lists, or a .deb file"
}

if [ -z "${BUSYBOX:-}" ]; then
    deb=$(download busybox-static)
    dpkg-deb -x "$deb" "$work/busybox"
    BUSYBOX=$work/busybox/bin/busybox
fi

# What `cargo test --no-run` reports as built, one path a line: test programs, and the binaries that
# those start and expect where cargo made them.
build_tests() {
    local packages=() crate
    for crate in $tests; do packages+=(-p "$crate"); done
    cargo test --locked "${packages[@]}" --tests --no-run --message-format=json >"$work/built.json"
    sed -n 's/.*"kind":\["'"$1"'"\].*"executable":"\([^"]*\)".*/\1/p' "$work/built.json" | sort -u
}

# install_program FILE [PATH]: puts a program, and the libraries that it is linked with, into the guest.
install_program() {
    local file=$1 path=${2:-$1} library
    mkdir -p "$root$(dirname "$path")"
    cp -L "$file" "$root$path"
    { ldd "$file" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r library; do
        [ -e "$root$library" ] || install -D "$(realpath "$library")" "$root$library"
    done
}

# The part of the guest that is the same for every kernel.
make_root() {
    root=$work/root
    mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,tmp,root,etc,tests,var/run}
    cp "$BUSYBOX" "$root/bin/busybox"
    # The kernel itself calls this one.
    ln -s ../bin/busybox "$root/sbin/modprobe"
    for program in ip iperf3; do install_program "$(command -v $program)" "/bin/$program"; done
    local program
    build_tests test >"$work/tests"
    [ -s "$work/tests" ] || missing "cargo built no test program of: $tests"
    while read -r program; do install_program "$program" "/tests/$(basename "$program")"; done <"$work/tests"
    build_tests bin | while read -r program; do install_program "$program"; done
    if [ -x "$WAD" ]; then
        install_program "$WAD" /bin/wad
    else
        echo "guest-test: no $WAD: the daemon is not started in the guest (cargo build --release -p wad)" >&2
    fi
    # An account for the tests that give up root.
    echo 'root:x:0:0::/root:/bin/sh' >"$root/etc/passwd"
    cp scripts/guest-init.sh "$root/init"
    chmod 755 "$root/init"
    [ -z "$demo" ] || touch "$root/demo"
}

# make_initrd KERNEL_TREE: the guest with the modules of one kernel that it may ask for, uncompressed
# because that boots faster in emulation.
make_initrd() {
    local tree=$1 version modules one
    version=$(basename "$tree"/boot/vmlinuz-*)
    version=${version#vmlinuz-}
    modules=lib/modules/$version
    # A package of a merged /usr has them below usr.
    [ -d "$tree/$modules" ] || modules=usr/$modules
    rm -rf "$root/lib/modules"
    mkdir -p "$root/lib/modules/$version/kernel/drivers/net"
    cp -r "$tree/$modules/kernel/net" "$root/lib/modules/$version/kernel/"
    cp -r "$tree/$modules/kernel/lib" "$root/lib/modules/$version/kernel/" 2>/dev/null || true
    for one in tun veth dummy; do
        cp "$tree/$modules/kernel/drivers/net/$one".ko* "$root/lib/modules/$version/kernel/drivers/net/" 2>/dev/null || true
    done
    cp "$tree/$modules"/modules.builtin* "$root/lib/modules/$version/"
    find "$root/lib/modules" -name '*.ko.xz' -exec xz -d {} +
    # The package has no lists of dependencies and aliases: its installation would make them.
    "$BUSYBOX" depmod -b "$root" "$version"
    (cd "$root" && find . | cpio --quiet -o -H newc) >"$work/initrd"
}

# boot KERNEL: notes in `failed` whether the guest with that kernel did not do all it should.
boot() {
    local kernel=$1 tree=$work/kernel status=0 log=$work/console
    case $kernel in
    *.deb) [ -e "$kernel" ] || missing "$kernel is not there" ;;
    *) kernel=$(download "$kernel") ;;
    esac
    rm -rf "$tree"
    dpkg-deb -x "$kernel" "$tree" || missing "$kernel is no Debian package"
    compgen -G "$tree/boot/vmlinuz-*" >/dev/null ||
        missing "$kernel has no kernel in it: the names with a version in them do, such as linux-image-6.1.0-56-cloud-amd64"
    make_initrd "$tree"
    echo "guest-test: booting $(basename "$kernel")"
    # -no-reboot and panic=-1: a guest that dies ends qemu.
    nice -n 10 timeout --foreground "${TIME_LIMIT:-1500}" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 2G \
        -kernel "$tree"/boot/vmlinuz-* -initrd "$work/initrd" -append "console=ttyS0 panic=-1 quiet" \
        -nographic -no-reboot -nic none </dev/null | tee "$log" || status=$?
    if [ "$status" -eq 0 ] && tr -d '\r' <"$log" | grep -qx 'guest: exit status 0'; then
        echo "guest-test: $(basename "$kernel"): passed"
    else
        echo "guest-test: $(basename "$kernel"): FAILED (status of qemu: $status; 124 is the time limit)"
        failed=1
    fi
}

make_root
failed=0
for kernel in "${kernels[@]}"; do boot "$kernel"; done
exit $failed
