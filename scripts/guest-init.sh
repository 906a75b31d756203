#!/bin/busybox sh
# The first process of a guest that guest-test.sh boots: makes it a host, runs the test programs in
# /tests and what can be said about /bin/wad without a network, says how that went, powers off.

export PATH=/bin:/sbin HOME=/root TERM=dumb RUST_BACKTRACE=0
failed=0

/bin/busybox --install -s /bin # does not replace the programs that are there
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mkdir -p /run/netns
ln -s /run/netns /var/run/netns
ip link set lo up
# Devices and diagnosis that a running system loads when it is asked for them. A kernel may have them
# built in.
for module in tun veth inet_diag tcp_diag; do
    modprobe $module || echo "guest: no module $module"
done
echo "guest: Linux $(uname -r), up for $(cut -d ' ' -f 1 /proc/uptime) s"

# check WHAT COMMAND...: runs it and says whether it succeeded.
check() {
    what=$1
    shift
    if "$@"; then
        echo "guest: ok: $what"
    else
        echo "guest: FAILED: $what"
        failed=1
    fi
}

for program in /tests/*; do
    check "$program" "$program" --test-threads=1
done

cat >/tmp/wad.toml <<'TOML'
[[path]]
name = "far"
destination = ["127.66.0.0/16"]
buffers = { size = "16 MiB", override_application = true }
congestion = { control = "wad", additive_increase = 6 }
slow_start = { initial_window = "20 segments" }
[[path]]
name = "other"
destination = ["192.0.2.0/24"]
congestion = { control = "bbr" }
[[host.grant]]
path = "far"
settings = ["additive_increase", "initial_window"]
TOML

host_state() {
    cat /proc/sys/net/core/rmem_max /proc/sys/net/core/wmem_max
    cat /proc/sys/net/ipv4/tcp_congestion_control
    # Not the whole list: asking for a control loads its module, which stays.
    grep -c -w wad /proc/sys/net/ipv4/tcp_available_congestion_control
}

# wait_for TEXT FILE: until the text is in the file.
wait_for() {
    for _ in $(seq 300); do
        grep -q -e "$1" "$2" && return 0
        sleep 0.1
    done
    return 1
}

start() {
    wad run --config /tmp/wad.toml >/tmp/daemon.log 2>&1 &
    daemon=$!
    wait_for ready /tmp/daemon.log
}

# A program that fixes its buffers gets the path's window and control, and both ends larger buffers.
tuned_flow() {
    iperf3 -s -1 -B 127.66.0.1 >/tmp/server.log 2>&1 &
    sleep 2
    iperf3 -c 127.66.0.1 -t 3 -w 64K >/tmp/client.log 2>&1 || return 1
    wait_for 'flow closed.*tuned control wad' /tmp/daemon.log &&
        grep -q 'flow opened.*congestion control: .* -> wad.*initial window: .* -> 20 segments' /tmp/daemon.log
}

daemon_works() {
    before=$(host_state)
    start || return 1
    [ "$(cat /proc/sys/net/core/rmem_max)" = 16777216 ] || return 1
    wad explain 127.0.0.1 127.66.0.1:5201 || return 1
    tuned_flow || return 1
    wad flows || return 1
    kill -TERM $daemon && wait $daemon || return 1
    [ "$before" = "$(host_state)" ]
}

# The next daemon starts as if nothing had been, and puts back what the first could not.
killed_daemon_is_succeeded() {
    before=$(host_state)
    start || return 1
    kill -KILL $daemon
    wait $daemon
    start || return 1
    tuned_flow || return 1
    kill -TERM $daemon && wait $daemon || return 1
    [ "$before" = "$(host_state)" ]
}

# show FUNCTION: the daemon's log and the state of the host only if it failed.
show() {
    "$1" && return 0
    echo "before: $before"
    echo "after: $(host_state)"
    cat /tmp/daemon.log /tmp/client.log
    kill -TERM $daemon 2>/dev/null
    return 1
}

if [ -x /bin/wad ]; then
    check "wad config check" wad config check /tmp/wad.toml
    check "wad explain" wad explain --config /tmp/wad.toml 127.0.0.1 127.66.0.1:5201
    check "wad run starts, tunes, and puts everything back" show daemon_works
    check "wad run after a kill -9" show killed_daemon_is_succeeded
    if [ -e /demo ]; then
        cd /tmp
        check "wad demo" wad demo --seconds 10
    fi
fi

dmesg | grep -E 'WARNING|BUG:|Oops|Call Trace' && failed=1
echo "guest: exit status $failed"
poweroff -f
