//! What travels.

use crate::observer::Content;
use crate::tcp::receiver::Acknowledgement;

/// A packet on its way: 16 bytes. Everything that its flow knows is looked up there.
///
/// It is two words and not a struct of small fields because every hop copies it: whole words stay in registers, and a
/// copy of fields that were just written one by one waits for the processor's store buffer.
///
/// ```text
/// ends   flow (32) | number (32)
/// rest   blocks (32) | guest (16) | hop (8) | block count (2) | duplicate | marked | kind (3)
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Packet {
    ends: u64,
    rest: u64,
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

const KIND: u64 = 0b111;
const MARKED: u64 = 1 << 3;
const DUPLICATE: u64 = 1 << 4;
const COUNT_SHIFT: u32 = 5;
const HOP_SHIFT: u32 = 8;
const GUEST_SHIFT: u32 = 16;
const BLOCKS_SHIFT: u32 = 32;

impl Packet {
    /// It has entered the last link, however many there are.
    pub(crate) const LAST_HOP: u8 = u8::MAX;

    /// A segment of a flow; `again` if it was sent before. Of cross-traffic `guest` tells which of the short flows that
    /// had the same id one after the other.
    #[inline]
    pub(crate) fn segment(flow: u32, number: u32, again: bool, guest: u16) -> Self {
        Self::new(flow, number, u64::from(guest) << GUEST_SHIFT | u64::from(again))
    }

    /// An ACK whose blocks have this number in the flow's list, 0 for none.
    #[inline]
    pub(crate) fn ack(flow: u32, ack: Acknowledgement, blocks: u32, guest: u16) -> Self {
        let flags = Kind::Ack as u64
            | if ack.marked { MARKED } else { 0 }
            | if ack.duplicate { DUPLICATE } else { 0 }
            | u64::from(ack.count) << COUNT_SHIFT;
        let lists = u64::from(guest) << GUEST_SHIFT | u64::from(blocks) << BLOCKS_SHIFT;
        Self::new(flow, ack.next, flags | lists)
    }

    /// A question for a window that was closed.
    pub(crate) fn window_probe(flow: u32, guest: u16) -> Self {
        Self::new(flow, 0, u64::from(guest) << GUEST_SHIFT | Kind::WindowProbe as u64)
    }

    /// Cross-traffic of so many bytes on the wire.
    #[inline]
    pub(crate) fn cross(flow: u32, size: u32) -> Self {
        Self::new(flow, size, Kind::Cross as u64)
    }

    #[inline]
    fn new(flow: u32, number: u32, rest: u64) -> Self {
        Self { ends: u64::from(flow) | u64::from(number) << 32, rest }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) fn flow(self) -> u32 {
        self.ends as u32
    }

    /// The segment, or of an ACK the first segment that has not arrived, or of cross-traffic its bytes on the wire.
    #[inline]
    pub(crate) fn number(self) -> u32 {
        (self.ends >> 32) as u32
    }

    /// Of an ACK: the number of its blocks in the flow's list, 0 for none.
    #[inline]
    pub(crate) fn blocks(self) -> u32 {
        (self.rest >> BLOCKS_SHIFT) as u32
    }

    /// Of cross-traffic: which of the short flows that had the same id one after the other.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "its 16 bits")]
    pub(crate) fn guest(self) -> u16 {
        (self.rest >> GUEST_SHIFT) as u16
    }

    /// How many links of its route it has entered; [`Packet::LAST_HOP`] for all.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "its 8 bits")]
    pub(crate) fn hop(self) -> u8 {
        (self.rest >> HOP_SHIFT) as u8
    }

    /// The same packet after so many hops more of those that were left.
    #[inline]
    pub(crate) fn after_hops(self, passed: usize, left: usize) -> Self {
        let hop =
            if passed == left { u64::from(Self::LAST_HOP) } else { u64::from(self.hop()) + passed as u64 };
        let others = self.rest & !(0xFF << HOP_SHIFT);
        Self { rest: others | (hop & 0xFF) << HOP_SHIFT, ..self }
    }

    #[inline]
    pub(crate) fn kind(self) -> Kind {
        match self.rest & KIND {
            0 => Kind::Data,
            1 => Kind::Again,
            2 => Kind::Ack,
            3 => Kind::WindowProbe,
            _ => Kind::Cross,
        }
    }

    #[inline]
    pub(crate) fn is_again(self) -> bool {
        self.rest & KIND == Kind::Again as u64
    }

    #[inline]
    pub(crate) fn is_window_probe(self) -> bool {
        self.rest & KIND == Kind::WindowProbe as u64
    }

    #[inline]
    pub(crate) fn is_ack(self) -> bool {
        self.rest & KIND == Kind::Ack as u64
    }

    /// A queue has marked it (ECN); of an ACK: it echoes a mark.
    #[inline]
    pub(crate) fn is_marked(self) -> bool {
        self.rest & MARKED != 0
    }

    /// The same packet with a mark.
    #[inline]
    pub(crate) fn with_mark(self) -> Self {
        Self { rest: self.rest | MARKED, ..self }
    }

    /// Of an ACK: it was caused by a segment that had arrived before.
    #[inline]
    pub(crate) fn is_duplicate(self) -> bool {
        self.rest & DUPLICATE != 0
    }

    /// Of an ACK: how many blocks it has, 3 at most.
    #[inline]
    pub(crate) fn block_count(self) -> u32 {
        (self.rest >> COUNT_SHIFT & 3) as u32
    }

    /// The packet as observers see it.
    pub(crate) fn content(self) -> Content {
        let number = self.number();
        match self.kind() {
            Kind::Cross => Content::Cross,
            Kind::WindowProbe => Content::WindowProbe,
            Kind::Ack => Content::Ack { next: number.saturating_sub(1) },
            _ if number == 0 => Content::Syn,
            kind => Content::Data { segment: number - 1, retransmission: kind == Kind::Again },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_goes_in_comes_out(
            flow: u32, number: u32, blocks: u32, guest: u16, hop in 1u8..254, count in 0u8..=3, flags: [bool; 3],
        ) {
            let [marked, duplicate, again] = flags;
            let ack = Acknowledgement { next: number, count, marked, duplicate, has_edge: false };
            let packet = Packet::ack(flow, ack, blocks, guest).after_hops(1, 300).after_hops(hop.into(), 300);
            prop_assert_eq!((packet.flow(), packet.number(), packet.blocks()), (flow, number, blocks));
            prop_assert_eq!((packet.guest(), packet.hop(), packet.block_count()), (guest, hop + 1, count.into()));
            prop_assert_eq!((packet.is_marked(), packet.is_duplicate()), (marked, duplicate));
            prop_assert!(packet.is_ack() && packet.kind() == Kind::Ack && packet.with_mark().is_marked());

            let packet = Packet::segment(flow, number, again, guest).after_hops(3, 3);
            prop_assert_eq!(packet.hop(), Packet::LAST_HOP);
            prop_assert_eq!(packet.kind(), if again { Kind::Again } else { Kind::Data });
            prop_assert_eq!((packet.flow(), packet.number(), packet.guest()), (flow, number, guest));
            prop_assert_eq!(Packet::cross(flow, number).kind(), Kind::Cross);
            prop_assert_eq!(Packet::window_probe(flow, guest).kind(), Kind::WindowProbe);
        }
    }
}
