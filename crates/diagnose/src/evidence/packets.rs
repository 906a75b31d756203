//! What a capture of a flow's packets tells beyond the counters that are reconstructed from it.

use serde::Serialize;

/// Facts of a capture, of the direction in which the data went.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct PacketFacts {
    /// Packets of the flow, both directions.
    pub packets: u64,
    /// Whether the connection's opening was captured.
    pub opening_seen: bool,
    /// Whether the sender's SYN offered window scaling; absent if it was not captured.
    pub sender_offers_scaling: Option<bool>,
    /// Whether the receiver's SYN did.
    pub receiver_offers_scaling: Option<bool>,
    /// Whether the sender's SYN offered SACK.
    pub sender_offers_sack: Option<bool>,
    /// Whether the receiver's SYN did.
    pub receiver_offers_sack: Option<bool>,
    /// Whether the sender's SYN offered timestamps.
    pub sender_offers_timestamps: Option<bool>,
    /// Whether the receiver's SYN did.
    pub receiver_offers_timestamps: Option<bool>,
    /// The segment size that the receiver's SYN allows.
    pub receiver_mss_bytes: Option<u64>,
    /// Times that the receiver closed its window.
    pub zero_windows: u64,
    /// Duplicate acknowledgements (RFC 5681, section 2).
    pub duplicate_acks: u64,
    /// Segments sent again although the first had arrived (as D-SACK tells).
    pub spurious_retransmits: u64,
    /// Segments that arrived out of order without being repeats.
    pub out_of_order: u64,
    /// Retransmissions after a silence of a time-out.
    pub timeouts: u64,
    /// Time without anything under way.
    pub idle_s: f64,
    /// The longest such time.
    pub longest_idle_s: f64,
    /// "Fragmentation needed" or "packet too big" about the flow.
    pub too_big_messages: u64,
    /// The smallest MTU that these named.
    pub too_big_mtu_bytes: Option<u64>,
    /// Packets larger than the segment size: the capture was made before segmentation or after coalescing.
    pub super_packets: u64,
}
