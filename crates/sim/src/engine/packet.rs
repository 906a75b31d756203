//! What travels.

use crate::observer::Content;

/// A packet on its way: 20 bytes. Everything that its flow knows is looked up there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    pub(crate) flow: u32,
    /// The segment, or of an ACK the first segment that has not arrived, or of cross-traffic its bytes on the wire.
    pub(crate) number: u32,
    /// Of an ACK: the number of what else it says in the flow's list, 0 for nothing.
    pub(crate) blocks: u32,
    pub(crate) kind: Kind,
    /// How many links of its route it has entered.
    pub(crate) hop: u8,
    /// A queue has marked it (ECN); of an ACK: it echoes a mark.
    pub(crate) marked: bool,
    /// Of an ACK: it was caused by a segment that had arrived before.
    pub(crate) duplicate: bool,
    /// Of an ACK: how many blocks it has.
    pub(crate) block_count: u8,
    /// Of cross-traffic: which of the short flows that had the same id one after the other.
    pub(crate) guest: u16,
}

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Again,
    Ack,
    /// A question for the receiver's window, without data; its number is 0.
    WindowProbe,
    /// Cross-traffic without TCP.
    Cross,
}

impl Packet {
    /// The packet as observers see it.
    pub(crate) fn content(self) -> Content {
        match self.kind {
            Kind::Cross => Content::Cross,
            Kind::WindowProbe => Content::WindowProbe,
            Kind::Ack => Content::Ack { next: self.number.saturating_sub(1) },
            _ if self.number == 0 => Content::Syn,
            kind => Content::Data { segment: self.number - 1, retransmission: kind == Kind::Again },
        }
    }
}
