//! What travels.

use crate::observer::Content;

/// A packet on its way: 20 bytes. Everything that its flow knows is looked up there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Packet {
    pub(crate) flow: u32,
    /// The segment, or of an ACK the first segment that has not arrived, or of cross-traffic its bytes on the wire.
    pub(crate) number: u32,
    /// Of an ACK: the number of its blocks in the flow's list, 0 for none.
    pub(crate) blocks: u32,
    pub(crate) kind: Kind,
    /// How many links of its route it has entered; [`Packet::LAST_HOP`] for all.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Data,
    Again,
    Ack,
    /// Cross-traffic without TCP.
    Cross,
}

impl Packet {
    /// It has entered the last link, however many there are.
    pub(crate) const LAST_HOP: u8 = u8::MAX;

    /// The packet as observers see it.
    pub(crate) fn content(self) -> Content {
        match self.kind {
            Kind::Cross => Content::Cross,
            Kind::Ack => Content::Ack { next: self.number.saturating_sub(1) },
            _ if self.number == 0 => Content::Syn,
            kind => Content::Data { segment: self.number - 1, retransmission: kind == Kind::Again },
        }
    }
}
