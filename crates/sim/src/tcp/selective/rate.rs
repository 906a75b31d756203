//! The rate of delivery, sampled as `draft-cheng-iccrg-delivery-rate-estimation` and Linux's `tcp_rate.c` do.
//!
//! Each segment notes how much had been delivered when it was sent, and when. When it arrives, what was delivered
//! since, over the time since, is a rate. The time is the longer of two: over which the segments were sent, and
//! over which they were acknowledged, so that ACKs that come in a heap do not look like a fast path.

use std::collections::{BTreeMap, VecDeque};

use wad_model::Time;

use crate::control::RateSample;
use crate::nanos::Nanos;
use crate::tcp::core::Core;
use crate::tcp::push_tightly;

/// Notes of all segments in flight, and the sample being taken.
///
/// Between two ACKs nothing changes that a segment notes, but for what is in flight, which is one more for each. So there
/// is a note for each stretch of segments, and one of its own for each repetition.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    /// The notes of the first segments of stretches.
    stretches: VecDeque<Note>,
    /// One past the last segment of the last stretch.
    next: u32,
    /// The stretch of what arrived last, counted from the first.
    place: usize,
    /// None most of the time.
    #[expect(clippy::box_collection, reason = "every flow has it, few use it")]
    repeated: Option<Box<BTreeMap<u32, Note>>>,
    delivered_at: Time,
    /// When the segment was sent that arrived last.
    first_sent: Time,
    lost: u32,
    /// Until so many have been delivered, samples are of a sender short of data.
    app_limited_until: u32,
    sample: Option<Sample>,
}

/// What a segment notes when it is sent: 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Note {
    /// Which segment it is.
    number: u32,
    delivered_at: Time,
    first_sent: Time,
    delivered: u32,
    lost: u32,
    flight: Flight,
}

/// What was in flight, and in the topmost bit whether the sender was short of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flight(u32);

/// The segment whose note is the sample.
#[derive(Clone, Copy, Debug)]
struct Sample {
    number: u32,
    delivered: u32,
    sent: Time,
    again: bool,
}

impl Flight {
    const APP_LIMITED: u32 = 1 << 31;

    fn new(segments: u32, app_limited: bool) -> Self {
        Self(segments.min(!Self::APP_LIMITED) | if app_limited { Self::APP_LIMITED } else { 0 })
    }

    fn segments(self) -> u32 {
        self.0 & !Self::APP_LIMITED
    }

    fn is_app_limited(self) -> bool {
        self.0 & Self::APP_LIMITED != 0
    }
}

impl Note {
    /// That of a segment further on in the same stretch.
    fn of_later(self, number: u32) -> Self {
        let segments = self.flight.segments().saturating_add(number - self.number);
        Self { number, flight: Flight::new(segments, self.flight.is_app_limited()), ..self }
    }
}

impl Rates {
    /// A segment goes out; `in_flight` with it.
    pub(super) fn note_sent(&mut self, core: &Core, number: u32, in_flight: u32, now: Time) {
        if in_flight <= 1 {
            self.first_sent = now;
            self.delivered_at = now;
        }
        let note = Note {
            number,
            delivered: whole(core.total_delivered),
            delivered_at: self.delivered_at,
            first_sent: self.first_sent,
            lost: self.lost,
            flight: Flight::new(in_flight, core.total_delivered < self.app_limited_until.into()),
        };
        if number < self.next && !self.stretches.is_empty() {
            self.repeated.get_or_insert_default().insert(number, note);
            return;
        }
        let goes_on = self.stretches.back().is_some_and(|last| last.of_later(number) == note);
        if number != self.next || !goes_on {
            push_tightly(&mut self.stretches, note);
        }
        self.next = number + 1;
    }

    /// The sender has nothing more to send, and the window would let it.
    pub(super) fn note_app_limited(&mut self, core: &Core, in_flight: u32) {
        self.app_limited_until = whole(core.total_delivered + u64::from(in_flight)).max(1);
    }

    /// A segment has arrived that was last sent at `sent`.
    pub(super) fn note_delivered(&mut self, number: u32, sent: Time, again: bool) {
        let Some(note) = self.note_of(number) else { return };
        let key = (note.delivered, sent, number);
        let newer = self.sample.is_none_or(|sample| key > (sample.delivered, sample.sent, sample.number));
        if newer {
            self.sample = Some(Sample { number, delivered: note.delivered, sent, again });
        }
    }

    fn forget_before(&mut self, una: u32) {
        if una >= self.next {
            self.stretches.clear();
        }
        while self.stretches.get(1).is_some_and(|second| second.number <= una) {
            self.stretches.pop_front();
            self.place = self.place.saturating_sub(1);
        }
        if let Some(repeated) = &mut self.repeated {
            while repeated.first_key_value().is_some_and(|(&number, _)| number < una) {
                repeated.pop_first();
            }
            if repeated.is_empty() {
                self.repeated = None;
            }
        }
    }

    fn note_of(&mut self, number: u32) -> Option<Note> {
        if let Some(note) = self.repeated.as_ref().and_then(|repeated| repeated.get(&number)) {
            return Some(*note);
        }
        // What arrives is mostly of the stretch of what arrived before, or of the next.
        if !self.is_of(self.place, number) {
            self.place += 1;
            if !self.is_of(self.place, number) {
                let later = self.stretches.partition_point(|first| first.number <= number);
                self.place = later.checked_sub(1)?;
            }
        }
        let first = self.stretches.get(self.place)?;
        (number < self.next).then(|| first.of_later(number))
    }

    /// Whether a segment is of the stretch at this place.
    fn is_of(&self, place: usize, number: u32) -> bool {
        self.stretches.get(place).is_some_and(|first| first.number <= number)
            && self.stretches.get(place + 1).is_none_or(|second| number < second.number)
    }

    /// The sample that an ACK gives; `core.total_delivered` includes what it delivered.
    pub(super) fn sample(&mut self, core: &Core, lost: u32, now: Time) -> Option<RateSample> {
        self.lost += lost;
        let sample = self.sample.take();
        let note = sample.and_then(|sample| self.note_of(sample.number));
        self.forget_before(core.una);
        let (Sample { sent, again, .. }, note) = sample.zip(note)?;
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
            in_flight_when_sent: note.flight.segments(),
            lost: self.lost - note.lost,
            app_limited: note.flight.is_app_limited(),
        })
    }
}

/// A count of segments: their numbers have 32 bits.
fn whole(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
