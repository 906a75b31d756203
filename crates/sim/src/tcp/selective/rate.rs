//! The rate of delivery, sampled as `draft-cheng-iccrg-delivery-rate-estimation` and Linux's `tcp_rate.c` do.
//!
//! Each segment notes how much had been delivered when it was sent, and when. When it arrives, what was delivered
//! since, over the time since, is a rate. The time is the longer of two: over which the segments were sent, and
//! over which they were acknowledged, so that ACKs that come in a heap do not look like a fast path.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use wad_model::Time;

use crate::control::RateSample;
use crate::nanos::Nanos;
use crate::tcp::core::Core;
use crate::tcp::push_tightly;

/// Notes of all segments in flight, and the sample being taken.
///
/// Between two ACKs nothing changes that a segment notes, but for what is in flight, which is one more for each. So there
/// is a note for each stretch of segments, and one of its own for each repetition. A stretch keeps by how much it
/// differs from the first of its [`Era`].
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    stretches: VecDeque<Stretch>,
    /// That of the last stretches.
    era: Era,
    /// One past the last segment of the last stretch.
    next: u32,
    /// The stretch of what arrived last, counted from the first.
    place: usize,
    /// None most of the time.
    rare: Option<Box<Rare>>,
    delivered_at: Time,
    /// When the segment was sent that arrived last.
    first_sent: Time,
    lost: u32,
    /// Until so many have been delivered, samples are of a sender short of data.
    app_limited_until: u32,
    sample: Option<Sample>,
}

/// What a segment notes when it is sent.
#[derive(Clone, Copy, Debug)]
struct Note {
    delivered_at: Time,
    first_sent: Time,
    delivered: u32,
    lost: u32,
    /// With the segment itself.
    in_flight: u32,
    /// Whether the sender was short of data.
    app_limited: bool,
}

/// Segments between two ACKs, all of one era: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// The first of them.
    number: u32,
    /// Nanoseconds after that of the era.
    delivered_at: u32,
    /// Nanoseconds after that of the era.
    first_sent: u32,
    /// With the first of them.
    in_flight: u32,
}

/// What many stretches have in common: until a segment is lost or repeated, the sender runs out of data, or four
/// seconds have passed.
#[derive(Clone, Copy, Debug, Default)]
struct Era {
    /// The first segment.
    first: u32,
    /// At the first segment.
    delivered_at: Time,
    /// At the first segment.
    first_sent: Time,
    /// What had been delivered and what was in flight, less the number of the segment; modulo 2^32.
    ahead: u32,
    lost: u32,
    app_limited: bool,
}

/// What there is of a window in which segments were lost, repeated, or short.
#[derive(Clone, Debug, Default)]
struct Rare {
    /// The eras before the last, oldest first.
    earlier: VecDeque<Era>,
    /// What segments noted when they were sent again, by rising numbers: mostly they are repeated in that order.
    repeated: VecDeque<(u32, Note)>,
}

/// The segment whose note is the sample.
#[derive(Clone, Copy, Debug)]
struct Sample {
    number: u32,
    delivered: u32,
    sent: Time,
    again: bool,
}

impl Stretch {
    /// The same stretch, if this were its first segment.
    fn beginning_at(self, number: u32) -> Self {
        Self { number, in_flight: self.in_flight.wrapping_add(number - self.number), ..self }
    }
}

impl Era {
    fn new(number: u32, note: &Note) -> Self {
        let &Note { delivered_at, first_sent, lost, app_limited, .. } = note;
        Self { first: number, delivered_at, first_sent, ahead: note.ahead(number), lost, app_limited }
    }

    /// The stretch that a segment begins; none if it is not of this era.
    fn stretch(&self, number: u32, note: &Note) -> Option<Stretch> {
        let alike =
            (self.ahead, self.lost, self.app_limited) == (note.ahead(number), note.lost, note.app_limited);
        let after =
            |time: Time, first: Time| u32::try_from(time.as_nanos().checked_sub(first.as_nanos())?).ok();
        Some(Stretch {
            number,
            delivered_at: after(note.delivered_at, self.delivered_at).filter(|_| alike)?,
            first_sent: after(note.first_sent, self.first_sent)?,
            in_flight: note.in_flight,
        })
    }

    fn note(&self, Stretch { number, delivered_at, first_sent, in_flight }: Stretch) -> Note {
        Note {
            delivered_at: self.delivered_at + Duration::from_nanos(delivered_at.into()),
            first_sent: self.first_sent + Duration::from_nanos(first_sent.into()),
            delivered: self.ahead.wrapping_add(number).wrapping_sub(in_flight),
            lost: self.lost,
            in_flight,
            app_limited: self.app_limited,
        }
    }
}

impl Note {
    /// See [`Era::ahead`].
    fn ahead(&self, number: u32) -> u32 {
        self.delivered.wrapping_add(self.in_flight).wrapping_sub(number)
    }
}

impl Rare {
    fn note_repeated(&mut self, number: u32, note: Note) {
        if self.repeated.back().is_none_or(|&(last, _)| last < number) {
            push_tightly(&mut self.repeated, (number, note));
            return;
        }
        match self.repeated.binary_search_by_key(&number, |&(number, _)| number) {
            Ok(place) => self.repeated[place].1 = note,
            Err(place) => self.repeated.insert(place, (number, note)),
        }
    }

    fn note_of_repeated(&self, number: u32) -> Option<Note> {
        let place = self.repeated.binary_search_by_key(&number, |&(number, _)| number).ok()?;
        Some(self.repeated[place].1)
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
            delivered_at: self.delivered_at,
            first_sent: self.first_sent,
            delivered: whole(core.total_delivered),
            lost: self.lost,
            in_flight,
            app_limited: core.total_delivered < self.app_limited_until.into(),
        };
        if number < self.next && !self.stretches.is_empty() {
            self.rare.get_or_insert_default().note_repeated(number, note);
            return;
        }
        let stretch = self.stretch(number, &note);
        let goes_on = self.stretches.back().is_some_and(|last| last.beginning_at(number) == stretch);
        if number != self.next || number == self.era.first || !goes_on {
            push_tightly(&mut self.stretches, stretch);
        }
        self.next = number + 1;
    }

    /// The stretch that a new segment begins, in a new era if it must be.
    fn stretch(&mut self, number: u32, note: &Note) -> Stretch {
        if let Some(stretch) = self.era.stretch(number, note) {
            return stretch;
        }
        let era = mem::replace(&mut self.era, Era::new(number, note));
        if !self.stretches.is_empty() {
            push_tightly(&mut self.rare.get_or_insert_default().earlier, era);
        }
        Stretch { number, delivered_at: 0, first_sent: 0, in_flight: note.in_flight }
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
        if let Some(Rare { earlier, repeated }) = self.rare.as_deref_mut() {
            let first = self.stretches.front().map_or(u32::MAX, |first| first.number);
            while !earlier.is_empty() && earlier.get(1).unwrap_or(&self.era).first <= first {
                earlier.pop_front();
            }
            while repeated.front().is_some_and(|&(number, _)| number < una) {
                repeated.pop_front();
            }
            if earlier.is_empty() && repeated.is_empty() {
                self.rare = None;
            }
        }
    }

    fn note_of(&mut self, number: u32) -> Option<Note> {
        if let Some(note) = self.rare.as_ref().and_then(|rare| rare.note_of_repeated(number)) {
            return Some(note);
        }
        // What arrives is mostly of the stretch of what arrived before, or of the next.
        if !self.is_of(self.place, number) {
            self.place += 1;
            if !self.is_of(self.place, number) {
                let later = self.stretches.partition_point(|first| first.number <= number);
                self.place = later.checked_sub(1)?;
            }
        }
        let stretch = self.stretches.get(self.place)?;
        (number < self.next).then(|| self.era_of(stretch.number).note(stretch.beginning_at(number)))
    }

    /// Whether a segment is of the stretch at this place.
    fn is_of(&self, place: usize, number: u32) -> bool {
        self.stretches.get(place).is_some_and(|first| first.number <= number)
            && self.stretches.get(place + 1).is_none_or(|second| number < second.number)
    }

    /// That of a segment in flight.
    fn era_of(&self, number: u32) -> &Era {
        if number >= self.era.first {
            return &self.era;
        }
        let earlier = self.rare.as_ref().and_then(|rare| {
            let later = rare.earlier.partition_point(|era| era.first <= number);
            rare.earlier.get(later.checked_sub(1)?)
        });
        earlier.unwrap_or(&self.era)
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
            in_flight_when_sent: note.in_flight,
            lost: self.lost - note.lost,
            app_limited: note.app_limited,
        })
    }
}

/// A count of segments: their numbers have 32 bits.
fn whole(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
