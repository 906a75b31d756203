//! Whose habits a scenario follows where implementations of TCP differ.

use serde::{Deserialize, Serialize};

/// Whose habits endpoints have where standards leave a choice, or where an implementation departs from
/// them. Every parameter that has a default of its own in [`FlowConfig`](super::FlowConfig) overrides it.
///
/// | | `linux` | `ns2` |
/// |---|---|---|
/// | segment, header | 1448 + 52 B (timestamps) | 1460 + 40 B |
/// | initial window | 10 | 2 |
/// | initial ssthresh | none | the receiver's window |
/// | loss recovery | RACK-TLP, proportional rate reduction | SACK, as ns-2.35's `Sack1` |
/// | growth | by segments acknowledged | by ACKs |
/// | clock of the RTO | 1 ns, at least 200 ms, at most 120 s, first 1 s | ticks of 10 ms, 200 ms, 60 s, first 3 s |
/// | RTT samples | every ACK (timestamps) | one segment at a time, none of retransmissions |
/// | delayed ACKs | as Linux: quick at the start, then every second | none |
/// | idle longer than the RTO | the window halves for each, not below the initial one (RFC 2861) | the timer, left on, brings it to 1 |
/// | SYN | not counted, data starts a round trip after the start | 40 B, is packet 0, and data starts when its ACK is back |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conventions {
    /// What a Linux host does.
    #[default]
    Linux,
    /// What ns-2.35 does.
    Ns2,
}
