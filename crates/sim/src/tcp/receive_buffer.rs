//! The receiver's buffer and the application that reads from it: how far the sender may go.
//!
//! ```text
//!      read                 next                             edge
//!       |  not read yet       |   ## early ####                |
//! ------+---------------------+--------------------------------+-----
//!       |<------------------- size at most ------------------->|
//! ```
//!
//! What has arrived and has not been read takes room, early segments too. The rest of the buffer is the window, and never
//! more than the receiver's own limit of it. The edge never moves back (RFC 9293, 3.8.6), so what lies in the buffer
//! never exceeds it.
//!
//! An ACK for the window alone goes out when the edge can move by a segment, or half the buffer if that is less (RFC 9293,
//! 3.8.6.2.2, and RFC 1122, 4.2.3.3). Where ACKs are delayed it takes two segments, as in BSD: as many as an ACK is delayed
//! for, so that reading does not undo the delay.
//!
//! The application reads one segment after the other at its rate; a segment has left the buffer when it is read whole.

use wad_model::{Bytes, Rate, Time};

use super::core::NEVER;
use crate::scenario::ReceiveLimits;

/// A receiver's buffer. Segments count from 0, and 0 is the SYN, which takes no room.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveBuffer {
    /// Segments that it holds.
    size: u32,
    /// Segments of a window at most.
    window: u32,
    /// Segments by which the edge moves in an ACK for the window alone.
    step: u32,
    /// None reads at once.
    reader: Option<Reader>,
    /// The first segment that has not arrived.
    next: u32,
    /// Segments that have arrived beyond it.
    early: u32,
    /// One past the last segment that the sender has been allowed to send.
    edge: u32,
    /// The most segments that it has held.
    largest: u32,
}

/// An application that reads at a rate.
#[derive(Clone, Copy, Debug)]
struct Reader {
    rate: Rate,
    segment: Bytes,
    /// Since then it has been reading without a pause, from this segment on.
    since: Time,
    first: u32,
}

impl ReceiveBuffer {
    /// `delays_acks` if not each segment is acknowledged at once.
    pub(crate) fn new(limits: &ReceiveLimits, segment: Bytes, delays_acks: bool) -> Self {
        let reader = |rate| Reader { rate, segment, since: Time::ZERO, first: 1 };
        Self {
            size: limits.buffer,
            window: limits.window.min(limits.buffer),
            step: if delays_acks { (limits.buffer / 2).clamp(1, 2) } else { 1 },
            reader: limits.read_rate.map(reader),
            next: 1,
            early: 0,
            edge: 1,
            largest: 0,
        }
    }

    /// Everything before `next` has arrived, and `early` segments beyond it.
    pub(crate) fn handle_arrival(&mut self, next: u32, early: u32, now: Time) {
        let read = self.read_by(now);
        if let Some(reader) = self.reader.as_mut().filter(|_| read == self.next) {
            (reader.since, reader.first) = (now, read);
        }
        self.next = self.next.max(next);
        self.early = early;
        self.largest = self.largest.max(self.held(now));
    }

    /// The edge that an ACK tells: one past the last segment for which there is room.
    pub(crate) fn advertise(&mut self, now: Time) {
        let room = self.size.saturating_sub(self.held(now)).min(self.window);
        self.edge = self.edge.max(self.next.saturating_add(room));
    }

    /// One past the last segment that there was room for when the window was last told.
    pub(crate) fn edge(&self) -> u32 {
        self.edge
    }

    /// When an ACK for the window alone is due, if nothing else arrives: from `now` on.
    pub(crate) fn update_due(&self, now: Time) -> Time {
        let wanted = u64::from(self.edge.saturating_sub(self.next)) + u64::from(self.step);
        if wanted > self.window.into() {
            return NEVER;
        }
        // There is so much room when everything before this has been read.
        let needed = (u64::from(self.next) + u64::from(self.early) + wanted).saturating_sub(self.size.into());
        let Some(needed) = u32::try_from(needed).ok().filter(|needed| *needed <= self.next) else {
            return NEVER;
        };
        self.reader.map_or(now, |reader| reader.time_of(needed)).max(now)
    }

    /// The first segment that has not been read by then.
    pub(crate) fn read_by(&self, now: Time) -> u32 {
        self.reader.map_or(self.next, |reader| reader.read_by(now).min(self.next))
    }

    /// The most segments that it has held.
    pub(crate) const fn largest(&self) -> u32 {
        self.largest
    }

    /// Segments that take room.
    pub(crate) fn held(&self, now: Time) -> u32 {
        self.next - self.read_by(now) + self.early
    }
}

impl Reader {
    /// When everything before `segment` has been read, if it has arrived in time.
    fn time_of(&self, segment: u32) -> Time {
        let bytes = self.segment * u64::from(segment.saturating_sub(self.first));
        self.since + self.rate.time_to_send(bytes)
    }

    /// The first segment that has not been read by then, if enough has arrived in time.
    fn read_by(&self, now: Time) -> u32 {
        let bytes = self.rate.bytes_in(now - self.since).get();
        let segments = bytes / self.segment.get().max(1);
        self.first.saturating_add(u32::try_from(segments).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A segment of 1000 B is read in 10 ms.
    fn buffer(size: u32, window: u32) -> ReceiveBuffer {
        let read_rate = Some(Rate::from_bps(800_000));
        ReceiveBuffer::new(&ReceiveLimits { buffer: size, window, read_rate }, Bytes::new(1000), false)
    }

    const fn ms(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    /// What is told at a time.
    fn told(buffer: &mut ReceiveBuffer, now: Time) -> u32 {
        buffer.advertise(now);
        buffer.edge()
    }

    #[test]
    fn a_window_closes_as_the_buffer_fills_and_opens_as_it_is_read() {
        let mut buffer = buffer(4, 4);
        assert_eq!(told(&mut buffer, ms(0)), 5);
        buffer.handle_arrival(5, 0, ms(100));
        assert_eq!(told(&mut buffer, ms(100)), 5, "closed");
        assert_eq!(buffer.update_due(ms(100)), ms(110), "opens with the first segment that is read");
        assert_eq!(told(&mut buffer, ms(110)), 6);
        assert_eq!(buffer.update_due(ms(110)), ms(120));
        assert_eq!(told(&mut buffer, ms(140)), 9);
        assert_eq!(buffer.update_due(ms(140)), NEVER, "all of it is open");
    }

    #[test]
    fn early_segments_take_room_and_the_edge_stays() {
        let mut buffer = buffer(10, 10);
        assert_eq!(told(&mut buffer, ms(0)), 11);
        buffer.handle_arrival(1, 9, ms(0));
        assert_eq!(told(&mut buffer, ms(0)), 11);
        buffer.handle_arrival(11, 0, ms(1));
        assert_eq!((told(&mut buffer, ms(1)), buffer.held(ms(1)), buffer.largest()), (11, 10, 10));
    }

    #[test]
    fn a_window_is_never_more_than_its_limit() {
        let mut buffer = buffer(100, 3);
        assert_eq!(told(&mut buffer, ms(0)), 4);
        buffer.handle_arrival(4, 0, ms(0));
        assert_eq!(told(&mut buffer, ms(0)), 7, "there is room for what is not read");
    }

    #[test]
    fn who_reads_at_once_leaves_all_of_it_open() {
        let limits = ReceiveLimits { buffer: 8, window: 8, read_rate: None };
        let mut buffer = ReceiveBuffer::new(&limits, Bytes::new(1000), true);
        told(&mut buffer, ms(0));
        buffer.handle_arrival(2, 0, ms(5));
        assert_eq!(buffer.update_due(ms(5)), NEVER, "the delayed ACK tells");
        buffer.handle_arrival(3, 0, ms(6));
        assert_eq!((buffer.update_due(ms(6)), told(&mut buffer, ms(6))), (ms(6), 11));
        assert_eq!(buffer.read_by(ms(6)), 3);
    }

    proptest! {
        /// The reader is one that does nothing but read, a segment each 10 ms: against a loop over milliseconds.
        #[test]
        fn reading_goes_on_from_segment_to_segment(arrivals in prop::collection::vec((0u64..60, 0u32..6), 1..40)) {
            let mut buffer = buffer(1 << 20, 1 << 20);
            let (mut now, mut next, mut read, mut busy) = (0, 1, 1, 0);
            for (wait, count) in arrivals {
                for _ in 0..wait {
                    now += 1;
                    busy = if read < next { busy + 1 } else { 0 };
                    if busy == 10 {
                        (read, busy) = (read + 1, 0);
                    }
                }
                prop_assert_eq!(buffer.read_by(ms(now)), read);
                next += count;
                buffer.handle_arrival(next, 0, ms(now));
                prop_assert_eq!(buffer.read_by(ms(now)), read);
            }
        }

        /// Whatever arrives within the edge has room, the edge never moves back, and an update opens the window.
        #[test]
        fn the_buffer_never_overflows(
            (size, window) in (1u32..30, 1u32..40),
            steps in prop::collection::vec((0u64..50, 0u32..30, 0u32..30), 1..60),
        ) {
            let mut buffer = buffer(size, window);
            let (mut now, mut next, mut edge) = (0, 1, told(&mut buffer, ms(0)));
            for (wait, in_order, early) in steps {
                now += wait;
                next = edge.min(next + in_order);
                let early = early.min((edge - next).saturating_sub(1));
                buffer.handle_arrival(next, early, ms(now));
                prop_assert!(buffer.held(ms(now)) <= size && buffer.largest() <= size);
                let due = buffer.update_due(ms(now));
                if due != NEVER {
                    prop_assert!(told(&mut buffer.clone(), due) > edge);
                }
                let new = told(&mut buffer, ms(now));
                prop_assert!(new >= edge && new <= next + window);
                edge = new;
            }
        }
    }
}
