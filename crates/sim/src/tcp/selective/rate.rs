//! The rate of delivery, sampled as `draft-cheng-iccrg-delivery-rate-estimation` and Linux's `tcp_rate.c` do.
//!
//! Each segment notes how much had been delivered when it was sent, and when. When it arrives, what was delivered
//! since, over the time since, is a rate. The time is the longer of two: over which the segments were sent, and
//! over which they were acknowledged, so that ACKs that come in a heap do not look like a fast path.

use std::collections::VecDeque;

use wad_model::Time;

use crate::control::RateSample;
use crate::nanos::Nanos;
use crate::tcp::core::Core;
use crate::tcp::push_tightly;

/// Notes of all segments in flight, and the sample being taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    ring: VecDeque<Note>,
    /// The number of the first note.
    first: u32,
    delivered_at: Time,
    /// When the segment was sent that arrived last.
    first_sent: Time,
    lost: u64,
    /// Until so many have been delivered, samples are of a sender short of data.
    app_limited_until: u64,
    sample: Option<Sample>,
}

/// 32 bytes for each segment in flight.
#[derive(Clone, Copy, Debug)]
struct Note {
    delivered_at: Time,
    first_sent: Time,
    delivered: u32,
    lost: u32,
    in_flight: u32,
    app_limited: bool,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    note: Note,
    sent: Time,
    number: u32,
    again: bool,
}

impl Rates {
    /// A segment goes out; `in_flight` with it.
    pub(super) fn note_sent(&mut self, core: &Core, number: u32, in_flight: u32, now: Time) {
        if in_flight <= 1 {
            self.first_sent = now;
            self.delivered_at = now;
        }
        let note = Note {
            delivered: whole(core.total_delivered),
            delivered_at: self.delivered_at,
            first_sent: self.first_sent,
            lost: whole(self.lost),
            in_flight,
            app_limited: core.total_delivered < self.app_limited_until,
        };
        if self.ring.is_empty() {
            self.first = number;
        }
        match self.ring.get_mut(number.wrapping_sub(self.first) as usize) {
            Some(place) => *place = note,
            None => push_tightly(&mut self.ring, note),
        }
    }

    /// The sender has nothing more to send, and the window would let it.
    pub(super) fn note_app_limited(&mut self, core: &Core, in_flight: u32) {
        self.app_limited_until = (core.total_delivered + u64::from(in_flight)).max(1);
    }

    /// A segment has arrived that was last sent at `sent`.
    pub(super) fn note_delivered(&mut self, number: u32, sent: Time, again: bool) {
        let Some(&note) = self.ring.get(number.wrapping_sub(self.first) as usize) else { return };
        let key = (note.delivered, sent, number);
        let newer =
            self.sample.is_none_or(|sample| key > (sample.note.delivered, sample.sent, sample.number));
        if newer {
            self.sample = Some(Sample { note, sent, number, again });
        }
    }

    pub(super) fn forget_before(&mut self, una: u32) {
        while self.first < una && self.ring.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// The sample that an ACK gives; `core.total_delivered` includes what it delivered.
    pub(super) fn sample(&mut self, core: &Core, lost: u32, now: Time) -> Option<RateSample> {
        self.lost += u64::from(lost);
        let Sample { note, sent, again, .. } = self.sample.take()?;
        self.delivered_at = now;
        self.first_sent = sent;
        let sending = Nanos::between(note.first_sent, sent);
        let arriving = Nanos::between(note.delivered_at, now);
        let interval = sending.max(arriving);
        // Less than a round trip cannot be: the ACK was for the original, not for the repetition.
        if interval < core.min_rtt() && (again || interval == Nanos::ZERO) {
            return None;
        }
        Some(RateSample {
            delivered: whole(core.total_delivered - u64::from(note.delivered)),
            interval,
            prior_delivered: note.delivered.into(),
            in_flight_when_sent: note.in_flight,
            lost: whole(self.lost - u64::from(note.lost)),
            app_limited: note.app_limited,
        })
    }
}

/// A count of segments: their numbers have 32 bits.
fn whole(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
