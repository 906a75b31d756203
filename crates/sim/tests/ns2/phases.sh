#!/bin/sh
# Five flows with delayed ACKs over a full queue, 40 draws (or as many as asked) of the phases of their clocks: what
# ns-2 (Debian package `ns2`) acknowledges in 60 s, and what this simulator does. Prints a Markdown table:
#     cargo build --release -p wad-sim --examples && crates/sim/tests/ns2/phases.sh [DRAWS]
set -e
draws=${1:-40}
here=$(cd "$(dirname "$0")" && pwd)
run=${CARGO_TARGET_DIR:-$here/../../../../target}/release/examples/run
[ -x "$run" ] || { echo "phases.sh: no $run: cargo build --release -p wad-sim --examples" >&2; exit 1; }
command -v ns > /dev/null || { echo "phases.sh: no ns-2: install Debian's package ns2" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

ours() { # recovery queue seed
    cat > "$work/scenario.toml" <<SCENARIO
seed = $3
duration = "60 s"
conventions = "ns2"
[topology.dumbbell]
bottleneck = { forward = { rate = "50 Mbit/s", delay = "100 ms", queue = { packets = $2 } } }
access = { rate = "90 Mbit/s", delay = "20 ms" }
[[flow]]
count = 5
recovery = "$1"
window = "500 segments"
delayed_ack = "rfc"
SCENARIO
    "$run" "$work/scenario.toml" | tr -d ' \n' | grep -o '"acked_segments":[0-9]*' | awk -F: '{ sum += $2 } END { print sum }'
}
results() { # the mean, and each result with how often it came
    sort -n "$1" | awk '
        { sum += $1; if ($1 == last) times++; else { if (last) list = list last " x" times ", "; last = $1; times = 1 } }
        END { printf "%.0f | %s%s x%d", sum / NR, list, last, times }'
}
echo "| variant | queue | mean here | results here | mean in ns-2 | results in ns-2 |"
echo "|---|---|---|---|---|---|"
for pair in tahoe:Tahoe reno:Reno new_reno:Newreno sack:Sack1; do
    for queue in 300 1000; do
        for seed in $(seq "$draws"); do
            ours "${pair%%:*}" $queue "$seed"
        done > "$work/ours"
        for seed in $(seq "$draws"); do
            ns "$here/path.tcl" variant "${pair##*:}" flows 5 window 500 delayed 1 queue $queue phases "$seed" | cut -d, -f1
        done > "$work/ns2"
        echo "| ${pair##*:} | $queue | $(results "$work/ours") | $(results "$work/ns2") |"
    done
done
