#!/usr/bin/env bash
# Measures every figure of docs/PERFORMANCE.md anew. Needs root and a quiet machine; some fifteen minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked -p wad
cargo build --release --locked -p wad-lab -p wad-linux --examples
echo "== the demo"
target/release/wad demo
echo "== the cost of the kernel's side"
target/release/examples/kernel_cost
echo "== flows that run"
target/release/examples/retune_cost
echo "== observing flows"
target/release/examples/observer_cost
echo "== the emulator"
target/release/examples/emulator_figures >/dev/null
