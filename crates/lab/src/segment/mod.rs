//! Super-packets: what a host hands over when it leaves segmentation to its device.
//!
//! With TCP segmentation offload a host sends one packet of up to 64 KiB and a note saying into what
//! size it is to be cut. A path decides about packets on the wire, so each super-packet is cut, in
//! thought, into the segments a network card would make of it; what survives is written out again
//! in runs of neighbours, because moving one large packet costs little more than moving a small one.
//!
//! ```text
//!  in   | headers | payload 0 | payload 1 | payload 2 | payload 3 |      one read
//!                      |           |           |           |
//!  path             queued      queued       lost       queued           four decisions
//!                      |           |                       |
//!  out  | headers | payload 0 | payload 1 |    | headers | payload 3 |   two writes
//! ```
//!
//! No payload is ever copied: a run is a header of its own before a range of the original.
//! What a header must say is what Linux's own segmentation makes of it (`tcp_gso_segment`,
//! `inet_gso_segment`, `__udp_gso_segment`).

mod checksum;
mod super_packet;
#[cfg(test)]
mod tests;
mod vnet;

pub use checksum::Checksum;
pub use super_packet::{Header, NotCuttable, SuperPacket};
pub use vnet::{SuperKind, VnetHeader};
