//! The record of every segment in flight: when it was sent, and what is known of it.
//!
//! Eight bytes a segment, in a ring from `una` to `high`. Counts are kept as segments change, so that what is in flight
//! is never counted anew, and each segment is looked at once when it is acknowledged, once when it is acknowledged
//! selectively, and once when it is lost, whatever the window.

use std::collections::VecDeque;

use wad_model::Time;

use super::rate::Rates;
use crate::nanos::Nanos;
use crate::tcp::core::Core;
use crate::tcp::push_tightly;
use crate::tcp::rare_queue::RareQueue;
use crate::tcp::runs::{Run, Runs};

/// All segments in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct Segments {
    /// From `una`.
    ring: VecDeque<Segment>,
    selective: Runs,
    lost: u32,
    repeated: u32,
    /// Segments that were lost, in the order in which that was found; some have arrived since.
    to_repeat: RareQueue<u32>,
    /// Nothing is repeated for now.
    held: bool,
}

/// What is known of a segment: the time of its last transmission, and flags in the topmost bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment(u64);

/// It is acknowledged selectively.
const SELECTIVE: u64 = 1 << 63;
/// It is taken for lost, and its repetition, if there was one, too.
const LOST: u64 = 1 << 62;
/// A repetition is under way.
const REPEATED: u64 = 1 << 61;
/// It was sent more than once.
const EVER_REPEATED: u64 = 1 << 60;
const TIME: u64 = EVER_REPEATED - 1;

impl Segment {
    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    pub(super) fn sent(self) -> Time {
        Time::from_nanos(self.0 & TIME)
    }

    pub(super) fn is_selective(self) -> bool {
        self.has(SELECTIVE)
    }

    pub(super) fn is_lost(self) -> bool {
        self.has(LOST)
    }

    pub(super) fn was_repeated(self) -> bool {
        self.has(EVER_REPEATED)
    }
}

/// What an ACK delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivered {
    /// Acknowledged cumulatively.
    pub(super) acked: u32,
    /// Of these, those that had not been acknowledged selectively before.
    fresh: u32,
    /// Acknowledged selectively now.
    pub(super) selective: u32,
    /// When the latest of them was sent that was sent once.
    pub(super) sent_once: Option<Time>,
    /// The transmission of all of them that was sent last: when, which segment, and whether it was a repetition.
    pub(super) latest: Option<(Time, u32, bool)>,
    /// The lowest of them that was sent once.
    pub(super) first_original: Option<u32>,
    /// A segment that was sent once came after later ones.
    pub(super) out_of_order: bool,
    /// Repeated segments that arrived sooner after their repetition than any round trip takes: it was the original that
    /// arrived, late (what RFC 3522 finds by timestamps).
    pub(super) late_originals: u32,
}

/// What was known when the ACK arrived.
#[derive(Clone, Copy, Debug)]
struct Seen {
    now: Time,
    min_rtt: Nanos,
    /// One past the foremost segment acknowledged selectively.
    foremost: u32,
}

impl Delivered {
    pub(super) fn total(&self) -> u32 {
        self.fresh + self.selective
    }

    fn note(&mut self, number: u32, segment: Segment, seen: &Seen) {
        let sent = segment.sent();
        let again = segment.was_repeated();
        if again {
            self.late_originals += u32::from(Nanos::between(sent, seen.now) < seen.min_rtt);
        } else {
            self.sent_once = self.sent_once.max(Some(sent));
            self.first_original = Some(self.first_original.map_or(number, |first| first.min(number)));
            self.out_of_order |= number < seen.foremost;
        }
        if self.latest.is_none_or(|(time, latest, _)| (sent, number) > (time, latest)) {
            self.latest = Some((sent, number, again));
        }
    }
}

impl Segments {
    /// Segments in flight: sent, less those that arrived or are lost, and the repetitions (RFC 6675's "pipe").
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "segments are counted by 32 bits")]
    pub(super) fn in_flight(&self) -> u32 {
        (self.ring.len() as u32 + self.repeated).saturating_sub(self.selective.total() + self.lost)
    }

    /// Segments that are lost and have not arrived.
    pub(super) fn lost(&self) -> u32 {
        self.lost
    }

    /// Segments acknowledged selectively.
    pub(super) fn selective(&self) -> u32 {
        self.selective.total()
    }

    pub(super) fn runs(&self) -> &Runs {
        &self.selective
    }

    pub(super) fn is_selective(&self, una: u32, number: u32) -> bool {
        self.get(una, number).is_some_and(Segment::is_selective)
    }

    pub(super) fn get(&self, una: u32, number: u32) -> Option<Segment> {
        self.ring.get(number.checked_sub(una)? as usize).copied()
    }

    /// A segment goes out.
    #[inline]
    pub(super) fn send(&mut self, una: u32, number: u32, now: Time) {
        match self.ring.get_mut((number - una) as usize) {
            None => push_tightly(&mut self.ring, Segment(now.as_nanos() & TIME)),
            Some(segment) => {
                self.repeated += u32::from(!segment.has(REPEATED));
                let flags = (segment.0 & !TIME) | REPEATED | EVER_REPEATED;
                *segment = Segment(flags | (now.as_nanos() & TIME));
            }
        }
    }

    /// Takes in what an ACK acknowledges. `core.una` moves on.
    #[inline]
    pub(super) fn acknowledge(
        &mut self,
        core: &mut Core,
        next: u32,
        blocks: &[Run],
        rates: &mut Option<Box<Rates>>,
        now: Time,
    ) -> Delivered {
        let mut delivered = Delivered::default();
        let seen = Seen { now, min_rtt: core.min_rtt(), foremost: self.selective.end().unwrap_or(0) };
        while core.una < next {
            let Some(segment) = self.ring.pop_front() else { break };
            delivered.acked += 1;
            if !segment.is_selective() {
                delivered.fresh += 1;
                self.count_out(segment);
                delivered.note(core.una, segment, &seen);
                if let Some(rates) = rates {
                    rates.note_delivered(core.una, segment.sent(), segment.was_repeated());
                }
            }
            core.una += 1;
        }
        core.nxt = core.nxt.max(core.una);
        if !self.selective.is_empty() {
            self.selective.remove_before(core.una);
        }
        for block in blocks {
            let block = Run { start: block.start.max(core.una), end: block.end.min(core.high) };
            self.acknowledge_block(core.una, block, &seen, rates, &mut delivered);
        }
        if self.ring.is_empty() {
            self.to_repeat.clear();
        }
        delivered
    }

    fn acknowledge_block(
        &mut self,
        una: u32,
        block: Run,
        seen: &Seen,
        rates: &mut Option<Box<Rates>>,
        delivered: &mut Delivered,
    ) {
        let mut from = block.start;
        while let Some(gap) = self.selective.next_gap(Run { start: from, end: block.end }) {
            for number in gap.start..gap.end {
                let Some(segment) = self.ring.get((number - una) as usize).copied() else { continue };
                self.count_out(segment);
                delivered.selective += 1;
                delivered.note(number, segment, seen);
                if let Some(rates) = rates {
                    rates.note_delivered(number, segment.sent(), segment.was_repeated());
                }
                self.ring[(number - una) as usize] = Segment((segment.0 | SELECTIVE) & !(LOST | REPEATED));
            }
            from = gap.end;
        }
        self.selective.insert(block);
    }

    /// Takes a segment for lost; returns whether that is news.
    pub(super) fn lose(&mut self, una: u32, number: u32) -> bool {
        let Some(place) = number.checked_sub(una) else { return false };
        let Some(segment) = self.ring.get_mut(place as usize) else { return false };
        if segment.is_selective() || (segment.is_lost() && !segment.has(REPEATED)) {
            return false;
        }
        self.lost += u32::from(!segment.is_lost());
        self.repeated -= u32::from(segment.has(REPEATED));
        *segment = Segment((segment.0 | LOST) & !REPEATED);
        self.to_repeat.push_back(number);
        true
    }

    /// After a time-out: everything that is not acknowledged is lost, repetitions too, but what was sent after `recent`,
    /// the first segment apart.
    pub(super) fn lose_all(&mut self, una: u32, recent: Time) {
        self.to_repeat.clear();
        for (number, segment) in (una..).zip(&mut self.ring) {
            if !segment.is_selective() && (number == una || segment.sent() <= recent) {
                self.lost += u32::from(!segment.is_lost());
                self.repeated -= u32::from(segment.has(REPEATED));
                *segment = Segment((segment.0 | LOST) & !REPEATED);
            }
            if segment.is_lost() && !segment.has(REPEATED) {
                self.to_repeat.push_back(number);
            }
        }
    }

    /// Nothing was lost after all.
    pub(super) fn find_all(&mut self) {
        self.to_repeat.clear();
        self.lost = 0;
        for segment in &mut self.ring {
            segment.0 &= !LOST;
        }
    }

    /// The next segment to be repeated.
    pub(super) fn next_to_repeat(&mut self, una: u32) -> Option<u32> {
        if self.held {
            return None;
        }
        while let Some(number) = self.to_repeat.front() {
            let wanted = self
                .get(una, number)
                .is_some_and(|segment| segment.is_lost() && !segment.has(REPEATED | SELECTIVE));
            if wanted {
                return Some(number);
            }
            self.to_repeat.pop_front();
        }
        None
    }

    pub(super) fn hold_repetitions(&mut self, held: bool) {
        self.held = held;
    }

    fn count_out(&mut self, segment: Segment) {
        self.lost -= u32::from(segment.is_lost());
        self.repeated -= u32::from(segment.has(REPEATED));
    }
}
