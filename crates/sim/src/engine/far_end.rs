//! The far end of a flow: its receiver, and the blocks of the ACKs that are on their way back.
//!
//! A receiver that acknowledges each segment at once, whatever the time, is *prompt*: when a segment has been handed over
//! from link to link as far as here, its ACK may go on at once, with the time of its arrival (`Net::join`). Then a receiver is
//! ahead of the time of its simulation, and what it had counted at a mark is put down as it passes that.

use wad_model::Time;

use super::blocks::Blocks;
use super::net::Marks;
use crate::scenario::Endpoints;
use crate::tcp::receiver::{Acknowledgement, Arrivals, Details, Receiver};

/// The far end of a flow.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct FarEnd {
    /// The next mark at which something is to be done with what comes ahead of time.
    next_mark: Time,
    pub(crate) receiver: Receiver,
    /// None before the first ACK that has any.
    blocks: Option<Box<Blocks>>,
    /// What had arrived at the end of the warm-up, if that has been passed ahead of time.
    at_warm_up: Option<Box<Arrived>>,
}

/// What had arrived at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) arrivals: Arrivals,
    /// Segments in order.
    pub(crate) delivered: u64,
    /// Of those, segments that the application has.
    pub(crate) read: u64,
}

impl FarEnd {
    pub(crate) fn new(endpoints: &Endpoints) -> Self {
        Self { receiver: Receiver::new(endpoints), blocks: None, next_mark: Time::ZERO, at_warm_up: None }
    }

    /// A segment comes ahead of time, at the end of links that hand over at once. Nothing can come of one that arrives when
    /// all is over.
    #[inline]
    pub(crate) fn take_ahead(
        &mut self,
        segment: u32,
        again: bool,
        marked: bool,
        at: Time,
        marks: &Marks,
    ) -> Option<Acknowledgement> {
        if at >= self.next_mark && self.pass_marks(at, marks) {
            return None;
        }
        self.receiver.handle_segment(segment, again, marked, at)
    }

    /// Puts down what is to be known at a mark; returns whether it was the last.
    #[cold]
    fn pass_marks(&mut self, at: Time, &Marks([warm_up, end]): &Marks) -> bool {
        if at < warm_up {
            self.next_mark = warm_up;
            return false;
        }
        if self.next_mark < end {
            self.next_mark = end;
            self.at_warm_up = (warm_up > Time::ZERO).then(|| Box::new(self.read(warm_up)));
        }
        at >= end
    }

    /// Keeps what an ACK tells beyond itself; returns its number among the blocks, 0 for nothing.
    #[inline]
    pub(crate) fn keep_details(&mut self, ack: Acknowledgement) -> u32 {
        if ack.count == 0 && !ack.has_edge {
            return 0;
        }
        self.receiver.details(ack).map_or(0, |details| self.blocks.get_or_insert_default().push(details))
    }

    /// What the ACK tells whose blocks have this number, 0 for nothing.
    #[inline]
    pub(crate) fn take_details(&mut self, number: u32) -> Details {
        match &mut self.blocks {
            Some(blocks) if number > 0 => blocks.take(number),
            _ => Details::default(),
        }
    }

    /// What had arrived at the end of the warm-up, which is now.
    pub(crate) fn read_warm_up(&mut self, Marks([warm_up, end]): Marks) -> Arrived {
        self.next_mark = end;
        self.at_warm_up.take().map_or_else(|| self.read(warm_up), |arrived| *arrived)
    }

    /// What has arrived.
    pub(crate) fn read(&self, now: Time) -> Arrived {
        Arrived {
            arrivals: self.receiver.counters,
            delivered: self.receiver.delivered(),
            read: self.receiver.read_by(now),
        }
    }
}
