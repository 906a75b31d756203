#!/usr/bin/env bash
# Format, lints, documentation, spelling, licences and bans: no warning is let through.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items
scripts/dependencies.py
if command -v codespell >/dev/null 2>&1; then
    git ls-files '*.md' '*.rs' '*.c' '*.h' '*.toml' '*.sh' | grep -v -e '^LICENSE' -e '/LICENSE' | xargs codespell -L crate,ser,te,mis,probabilty,retuned,ect,inflight
else
    echo "check: codespell is missing: scripts/bootstrap.sh --ci installs it" >&2
    exit 1
fi
