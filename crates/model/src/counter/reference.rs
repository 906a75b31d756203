//! The table as a document for people: `docs/COUNTERS.md`.

use std::fmt::Write as _;

use super::{COUNTERS, CounterInfo, Source};

const HEAD: &str = "\
# Counters

Everything that WAD knows of a TCP flow by number. This file is rendered from the table that samples, trace files,
derived events and diagnosis use (`cargo run -p wad-model --example counters`); a test compares them. How to look at
them is in [OBSERVING.md](OBSERVING.md).

**Name** is the one that the Web100 kernel gave its users, or one in the same style for what only Linux has; a name of
RFC 4898 beside it is understood as well. A counter in **bold** is that of flows that the daemon designates, or of flows
that an event trace follows; all others are there for any flow of the host.

**Kind**: a *counter* only grows, a *gauge* moves both ways, a *state time* grows while the flow is in a state.

**Since** is the first version of Linux whose `struct tcp_info`, diagnosis attribute or hook has it. What a kernel or a
flow does not have is absent: it is never zero. The kernel's own 32-bit numbers wrap: a difference that would be negative
is absent, too.

";

/// The document.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    text.push_str(
        "| name | RFC 4898 | unit | kind | source | since | what it is |\n|---|---|---|---|---|---|---|\n",
    );
    for info in &COUNTERS {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{}", row(info));
    }
    text
}

fn row(info: &CounterInfo) -> String {
    let CounterInfo { rfc4898, unit, kind, source, since, description, .. } = info;
    let since = if *source == Source::Clock { "" } else { since };
    format!("| {} | {rfc4898} | {unit} | {kind} | {source} | {since} | {description} |", name(info))
}

fn name(info: &CounterInfo) -> String {
    let CounterInfo { name, source, .. } = info;
    if source.is_of_any_flow() { (*name).to_owned() } else { format!("**{name}**") }
}
