//! The receiving end: what has arrived, and when it is acknowledged.

use wad_model::Time;

use super::core::NEVER;
use super::receive_buffer::ReceiveBuffer;
use super::runs::{Run, Runs};
use crate::nanos::Nanos;
use crate::scenario::{DelayedAck, Endpoints};

/// Blocks in an ACK at most: as many as fit beside timestamps (RFC 2018, section 3).
pub(crate) const BLOCKS: usize = 3;

/// The receiving end of a flow. What every segment touches comes first.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Receiver {
    /// The first segment that has not arrived.
    pub(crate) next: u32,
    sack: bool,
    /// Whether ACKs ever wait.
    delays: bool,
    marked: bool,
    duplicate: bool,
    pub(crate) ack_at: Time,
    /// None has no limit, and is read at once.
    buffer: Option<Box<ReceiveBuffer>>,
    pub(crate) counters: Arrivals,
    early: Runs,
    delay: Delay,
    /// Blocks that earlier ACKs reported first, the latest first (RFC 2018, section 4).
    reported: [Run; BLOCKS],
}

/// What a receiver counts. The SYN is not among its segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Arrivals {
    pub(crate) segments: u64,
    pub(crate) duplicates: u64,
    pub(crate) reordered: u64,
    pub(crate) marked: u64,
}

/// An ACK to be sent. It fits a register, as most tell no more; for the rest there is [`Receiver::details`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    pub(crate) next: u32,
    /// How many blocks it has.
    pub(crate) count: u8,
    /// A segment since the last ACK was marked (ECN). Each ACK tells only of its own: a sender reduces its window once
    /// a round trip anyhow, and one that counts marks (RFC 8257) needs to know which.
    pub(crate) marked: bool,
    /// It was caused by a segment that had arrived before (RFC 2883).
    pub(crate) duplicate: bool,
    /// It tells what room the receiver has.
    pub(crate) has_edge: bool,
}

/// What few ACKs tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) count: u8,
    pub(crate) blocks: [Run; BLOCKS],
    /// One past the last segment that the receiver has room for, if there is a limit.
    pub(crate) edge: Option<u32>,
}

/// When it acknowledges.
#[derive(Clone, Copy, Debug)]
struct Delay {
    policy: DelayedAck,
    most: Nanos,
    /// Whether an ACK waits.
    waiting: bool,
    /// Linux: ACKs that are still sent at once.
    quick: u32,
    /// Linux: the smoothed spacing of segments, and when the last one came.
    spacing: Nanos,
    last_arrival: Time,
}

impl Receiver {
    pub(crate) fn new(endpoints: &Endpoints) -> Self {
        let delays_acks = endpoints.delayed_ack != DelayedAck::None;
        let buffer = |limits| Box::new(ReceiveBuffer::new(limits, endpoints.segment, delays_acks));
        Self {
            next: 0,
            early: Runs::default(),
            sack: endpoints.recovery.uses_sack(),
            delays: delays_acks,
            reported: [Run::default(); BLOCKS],
            delay: Delay {
                policy: endpoints.delayed_ack,
                most: endpoints.ack_delay.into(),
                waiting: false,
                quick: 16,
                spacing: Nanos::ZERO,
                last_arrival: Time::ZERO,
            },
            ack_at: NEVER,
            marked: false,
            duplicate: false,
            buffer: endpoints.receive_limits.as_ref().map(buffer),
            counters: Arrivals::default(),
        }
    }

    /// Segments of data that have arrived in order.
    pub(crate) fn delivered(&self) -> u64 {
        u64::from(self.next.saturating_sub(1))
    }

    /// Segments of data that the application has got by then.
    pub(crate) fn read_by(&self, now: Time) -> u64 {
        match &self.buffer {
            None => self.delivered(),
            Some(buffer) => u64::from(buffer.read_by(now).saturating_sub(1)),
        }
    }

    /// The buffer, if it or its reader has a limit.
    pub(crate) fn buffer(&self) -> Option<&ReceiveBuffer> {
        self.buffer.as_deref()
    }

    /// Whether it acknowledges each segment at once, whatever the time.
    pub(crate) fn is_prompt(&self) -> bool {
        !self.delays && self.buffer.is_none()
    }

    /// What the ACK that was made last tells beyond itself.
    pub(crate) fn details(&self, ack: Acknowledgement) -> Option<Details> {
        let edge = self.buffer.as_ref().filter(|_| ack.has_edge).map(|buffer| buffer.edge());
        (ack.count > 0 || edge.is_some()).then_some(Details { count: ack.count, blocks: self.reported, edge })
    }

    /// A segment arrives; returns the ACK if it goes out at once.
    #[inline]
    pub(crate) fn handle_segment(
        &mut self,
        segment: u32,
        again: bool,
        marked: bool,
        now: Time,
    ) -> Option<Acknowledgement> {
        if self.buffer.is_some() {
            return self.take_into_buffer(segment, again, marked, now);
        }
        self.take(segment, again, marked, now)
    }

    /// The ACK, or an opened window, has waited long enough.
    pub(crate) fn handle_timeout(&mut self, now: Time) -> Acknowledgement {
        let ack = self.acknowledge(self.next);
        self.with_window(ack, now)
    }

    /// The sender asks for the window.
    pub(crate) fn handle_window_probe(&mut self, now: Time) -> Acknowledgement {
        self.handle_timeout(now)
    }

    #[inline]
    fn take(&mut self, segment: u32, again: bool, marked: bool, now: Time) -> Option<Acknowledgement> {
        self.counters.segments += u64::from(segment > 0);
        if marked {
            self.counters.marked += 1;
            self.marked = true;
        }
        let in_order = segment == self.next && self.early.is_empty();
        if in_order {
            self.next += 1;
            if !self.delays {
                return Some(self.plain());
            }
        } else {
            self.take_early(segment, again);
        }
        if in_order && segment > 0 && self.delay.may_wait(now) {
            self.ack_at = self.delay.most_at(now);
            return None;
        }
        Some(self.acknowledge(segment))
    }

    fn take_early(&mut self, segment: u32, again: bool) {
        let foremost = self.early.end().unwrap_or(self.next);
        let known = segment < self.next || self.early.contains(segment);
        self.counters.duplicates += u64::from(known);
        self.duplicate |= known;
        self.counters.reordered += u64::from(!known && !again && segment + 1 < foremost);
        if segment == self.next {
            self.next += 1;
        } else if !known {
            self.early.insert(Run { start: segment, end: segment + 1 });
        }
        if let Some(first) = self.early.first().filter(|first| first.start == self.next) {
            self.next = first.end;
            self.early.remove_before(first.end);
        }
    }

    /// The ACK after `segment` arrived.
    fn acknowledge(&mut self, segment: u32) -> Acknowledgement {
        self.delay.waiting = false;
        self.ack_at = NEVER;
        if !self.sack || self.early.is_empty() {
            self.reported = [Run::default(); BLOCKS];
            return self.plain();
        }
        let count = self.report(segment);
        Acknowledgement { count, ..self.plain() }
    }

    /// An ACK without blocks, with what is to be echoed since the last.
    #[inline]
    fn plain(&mut self) -> Acknowledgement {
        Acknowledgement {
            next: self.next,
            count: 0,
            marked: std::mem::take(&mut self.marked),
            duplicate: std::mem::take(&mut self.duplicate),
            has_edge: false,
        }
    }

    /// With a buffer an ACK tells what room there is, and one for the window alone may be due before one that waits.
    #[cold]
    fn take_into_buffer(
        &mut self,
        segment: u32,
        again: bool,
        marked: bool,
        now: Time,
    ) -> Option<Acknowledgement> {
        let ack = self.take(segment, again, marked, now);
        if let Some(buffer) = &mut self.buffer {
            buffer.handle_arrival(self.next, self.early.total(), now);
            self.ack_at = self.ack_at.min(buffer.update_due(now));
        }
        ack.map(|ack| self.with_window(ack, now))
    }

    /// An ACK goes out, and tells what room there is.
    fn with_window(&mut self, ack: Acknowledgement, now: Time) -> Acknowledgement {
        let Some(buffer) = &mut self.buffer else { return ack };
        buffer.advertise(now);
        self.ack_at = buffer.update_due(now);
        Acknowledgement { has_edge: true, ..ack }
    }

    /// The block that holds `segment` first, then those reported most recently (RFC 2018, section 4). Returns how many.
    fn report(&mut self, segment: u32) -> u8 {
        let mut blocks = [Run::default(); BLOCKS];
        let mut count = 0;
        let newest = self.early.around(segment);
        for run in newest.into_iter().chain(self.reported) {
            let old = run.end <= self.next || run.len() == 0;
            let covered = newest.is_some_and(|newest| newest.start <= run.start && run.end <= newest.end);
            if old || (covered && count > 0) || count == BLOCKS {
                continue;
            }
            blocks[count] = run;
            count += 1;
        }
        self.reported = blocks;
        u8::try_from(count).unwrap_or(0)
    }
}

impl Delay {
    /// Whether the ACK of a segment in order may wait for the next one.
    fn may_wait(&mut self, now: Time) -> bool {
        let gap = Nanos::between(self.last_arrival, now);
        self.last_arrival = now;
        if self.policy == DelayedAck::Linux {
            if self.quick > 0 {
                self.quick -= 1;
                return false;
            }
            self.spacing = Nanos::new((self.spacing.get() * 7 + gap.get()) / 8);
        }
        self.waiting = !self.waiting;
        self.waiting
    }

    fn most_at(&self, now: Time) -> Time {
        let wait = match self.policy {
            // Linux: between 40 ms and twice the spacing of segments, 200 ms at most.
            DelayedAck::Linux => (self.spacing * 2).max(self.most).min(Nanos::from_millis(200)),
            DelayedAck::None | DelayedAck::Rfc => self.most,
        };
        wait.after(now)
    }
}
