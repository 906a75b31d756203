//! The queue of a discipline that decides at the head.

use std::collections::VecDeque;
use std::time::Duration;

use wad_model::{Bytes, Time};

use super::codel::CodelState;
use super::fq_codel::FqCodelState;
use super::waiting::{Fifo, Sent, Waiting};
use super::{Discipline, Label};
use crate::counters::{Backlog, Usage};

/// The packets that wait, without the one in service.
#[derive(Clone, Debug)]
pub(crate) struct HeadQueue<T> {
    kind: Kind<T>,
    backlog: Backlog,
    waits: Waits,
    /// What was dropped, if somebody wants to know.
    dropped: Option<VecDeque<T>>,
}

#[derive(Clone, Debug)]
enum Kind<T> {
    Codel(Fifo<T>, CodelState),
    FqCodel(FqCodelState<T>),
}

impl<T> HeadQueue<T> {
    /// None for a discipline that does not decide at the head.
    pub(crate) fn new(discipline: &Discipline, seed: u64) -> Option<Self> {
        let kind = match *discipline {
            Discipline::DropTail | Discipline::Red(_) => return None,
            Discipline::Codel(codel) => Kind::Codel(Fifo::new(), CodelState::new(codel)),
            Discipline::FqCodel(config) => Kind::FqCodel(FqCodelState::new(config, seed)),
        };
        Some(Self { kind, backlog: Backlog::default(), waits: Waits::default(), dropped: None })
    }

    /// What is dropped from now on is kept for [`poll_dropped`](Self::poll_dropped).
    pub(crate) fn keep_dropped(&mut self) {
        self.dropped.get_or_insert_default();
    }

    pub(crate) fn poll_dropped(&mut self) -> Option<T> {
        self.dropped.as_mut()?.pop_front()
    }

    pub(crate) fn backlog(&self) -> Backlog {
        self.backlog
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.backlog.packets == 0
    }

    /// Whether it is the entering packet that goes where the limit is reached.
    pub(crate) fn drops_the_tail(&self) -> bool {
        matches!(self.kind, Kind::Codel(..))
    }

    pub(crate) fn enqueue(&mut self, now: Time, size: Bytes, label: Label, item: T) {
        self.backlog.packets += 1;
        self.backlog.bytes = self.backlog.bytes + size;
        self.waits.begin(now, size);
        let packet = Waiting { entered: now, size, ecn_capable: label.ecn_capable, item };
        match &mut self.kind {
            Kind::Codel(fifo, _) => fifo.push(packet),
            Kind::FqCodel(state) => state.enqueue(label.flow, packet),
        }
    }

    /// The packet that goes next at `now`, and how many were dropped before it.
    pub(crate) fn dequeue(&mut self, now: Time) -> (Option<Sent<T>>, u64) {
        let Self { kind, backlog, waits, dropped: kept } = self;
        let mut leave = |size: Bytes, entered| {
            backlog.packets -= 1;
            backlog.bytes = backlog.bytes - size;
            waits.end(entered, now, size);
        };
        let mut drops = 0;
        let mut dropped = |packet: Waiting<T>| {
            drops += 1;
            leave(packet.size, packet.entered);
            if let Some(kept) = kept {
                kept.push_back(packet.item);
            }
        };
        let sent = match kind {
            Kind::Codel(fifo, state) => state.dequeue(now, fifo, &mut dropped),
            Kind::FqCodel(state) => state.dequeue(now, &mut dropped),
        };
        if let Some(Sent { packet, .. }) = &sent {
            leave(packet.size, packet.entered);
        }
        (sent, drops)
    }

    /// Drops what the discipline drops where there is no more room.
    pub(crate) fn make_room(&mut self, now: Time) {
        let packet = match &mut self.kind {
            Kind::Codel(fifo, _) => fifo.pop(),
            Kind::FqCodel(state) => state.drop_from_fattest(),
        };
        let Some(packet) = packet else { return };
        self.backlog.packets -= 1;
        self.backlog.bytes = self.backlog.bytes - packet.size;
        self.waits.end(packet.entered, now, packet.size);
        if let Some(kept) = &mut self.dropped {
            kept.push_back(packet.item);
        }
    }

    /// Adds the integrals of what has waited up to `usage.until`.
    pub(crate) fn integrate(&self, usage: &mut Usage) {
        self.waits.integrate(self.backlog, usage);
    }
}

/// Integrals over the waits: sums of what has left, and of the entries of what waits.
#[derive(Clone, Copy, Debug, Default)]
struct Waits {
    packet_nanos: u128,
    byte_nanos: u128,
    entries: u128,
    byte_entries: u128,
}

impl Waits {
    fn begin(&mut self, now: Time, size: Bytes) {
        self.entries += u128::from(now.as_nanos());
        self.byte_entries += u128::from(now.as_nanos()) * u128::from(size.get());
    }

    fn end(&mut self, entered: Time, now: Time, size: Bytes) {
        let wait: Duration = now - entered;
        self.packet_nanos += wait.as_nanos();
        self.byte_nanos += wait.as_nanos() * u128::from(size.get());
        self.entries -= u128::from(entered.as_nanos());
        self.byte_entries -= u128::from(entered.as_nanos()) * u128::from(size.get());
    }

    fn integrate(&self, waiting: Backlog, usage: &mut Usage) {
        let until = u128::from(usage.until.as_nanos());
        usage.packet_nanos += self.packet_nanos + u128::from(waiting.packets) * until - self.entries;
        usage.byte_nanos += self.byte_nanos + u128::from(waiting.bytes.get()) * until - self.byte_entries;
    }
}
