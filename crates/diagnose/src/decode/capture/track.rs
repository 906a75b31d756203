//! One direction of a connection: what its sender did, as tcptrace would tell.

use std::collections::BTreeMap;

use wad_model::{Counter, Counters};

use super::frame::Segment;
use super::sequence::Unwrapper;
use crate::evidence::PacketFacts;

/// A retransmission after so long a silence is one of a time-out: no sender's is shorter (RFC 6298 wants a second, Linux
/// has a fifth of one).
const TIMEOUT_US: u64 = 190_000;
/// A segment that fills a gap so soon after the one that made it was overtaken, where the round trip is not known.
const OVERTAKEN_US: u64 = 3_000;
/// How often a sample is made.
const INTERVAL_US: u64 = 100_000;

/// What has been seen of a direction.
#[derive(Debug, Default)]
pub(super) struct Track {
    numbers: Unwrapper,
    /// The end of what was sent.
    highest: Option<u64>,
    /// What was acknowledged.
    acknowledged: Option<u64>,
    first: Option<u64>,
    /// Segments under way by their end: when they were sent, and whether they were sent again.
    under_way: BTreeMap<u64, (u64, bool)>,
    /// Holes in what was captured: begin to end, and when they appeared.
    holes: BTreeMap<u64, (u64, u64)>,
    /// The window that the other end offers.
    window: Option<u64>,
    pub(super) payload_bytes: u64,
    segments: u64,
    retransmits: u64,
    retransmitted_bytes: u64,
    smoothed_us: Option<u64>,
    least_us: Option<u64>,
    largest_segment: u64,
    last_sent_us: Option<u64>,
    idle_since_us: Option<u64>,
    idle_us: u64,
    longest_idle_us: u64,
    next_sample_us: Option<u64>,
    pub(super) samples: Vec<Counters>,
    pub(super) facts: PacketFacts,
}

impl Track {
    /// The sender sends a segment; `mss` is what the other end allows.
    pub(super) fn send(&mut self, now: u64, segment: &Segment, mss: Option<u64>) {
        let begin = self.numbers.unwrap(segment.sequence);
        let length = u64::from(segment.payload) + u64::from(segment.syn) + u64::from(segment.fin);
        let end = begin + length;
        self.first.get_or_insert(begin);
        let highest = self.highest.unwrap_or(begin);
        // A probe of keepalive repeats the last byte, or sends none before it.
        if segment.payload <= 1 && end <= highest && end + 1 >= highest && !segment.syn && !segment.fin {
            return;
        }
        if length == 0 {
            return;
        }
        if segment.payload > 0 {
            self.count(segment, mss);
        }
        if let Some(since) = self.idle_since_us.take() {
            let idle = now.saturating_sub(since);
            self.idle_us += idle;
            self.longest_idle_us = self.longest_idle_us.max(idle);
        }
        if begin >= highest {
            if begin > highest && self.highest.is_some() {
                self.holes.insert(highest, (begin, now));
            }
            self.under_way.insert(end, (now, false));
            self.highest = Some(end);
        } else if segment.payload > 0 {
            self.repeat(now, begin, end, u64::from(segment.payload), mss);
        }
        self.last_sent_us = Some(now);
    }

    fn count(&mut self, segment: &Segment, mss: Option<u64>) {
        let payload = u64::from(segment.payload);
        self.payload_bytes += payload;
        // The size on the wire, where a packet was captured before it was cut.
        let size = mss.unwrap_or(1448).max(1);
        self.segments += payload.div_ceil(size);
        self.facts.super_packets += u64::from(payload > size);
        self.largest_segment = self.largest_segment.max(payload.min(size));
    }

    /// Something that was sent before, or was overtaken on the way to where it was captured.
    fn repeat(&mut self, now: u64, begin: u64, end: u64, payload: u64, mss: Option<u64>) {
        let hole = self.holes.range(..=begin).next_back().map(|(from, hole)| (*from, *hole));
        if let Some((from, (to, since))) = hole.filter(|(_, (to, _))| end <= *to) {
            self.holes.remove(&from);
            if from < begin {
                self.holes.insert(from, (begin, since));
            }
            if end < to {
                self.holes.insert(end, (to, since));
            }
            let soon = self.least_us.map_or(OVERTAKEN_US, |rtt| rtt / 2);
            if now.saturating_sub(since) < soon {
                self.facts.out_of_order += 1;
                return;
            }
        }
        self.retransmits += payload.div_ceil(mss.unwrap_or(1448).max(1));
        self.retransmitted_bytes += payload;
        let silent = self.last_sent_us.is_some_and(|last| now.saturating_sub(last) >= TIMEOUT_US);
        self.facts.timeouts += u64::from(silent);
        // Karn: an acknowledgement of this may be for either.
        for (_, (_, again)) in self.under_way.range_mut(begin + 1..).take_while(|(other, _)| **other <= end) {
            *again = true;
        }
        self.under_way.insert(end, (now, true));
    }

    /// The other end acknowledges.
    pub(super) fn acknowledge(&mut self, now: u64, segment: &Segment, scale: u8) {
        let mut numbers = self.numbers;
        let number = numbers.unwrap(segment.acknowledgement);
        let window = u64::from(segment.window) << if segment.syn { 0 } else { scale };
        let before = self.acknowledged.unwrap_or(0);
        let waits = self.highest.is_some_and(|highest| highest > before);
        if self.acknowledged == Some(number)
            && segment.payload == 0
            && self.window == Some(window)
            && waits
            && !segment.fin
        {
            self.facts.duplicate_acks += 1;
        }
        if window == 0 && self.window != Some(0) && !segment.syn {
            self.facts.zero_windows += 1;
        }
        self.window = Some(window);
        if let Some((from, to)) = segment.options.first_block {
            let (from, to) = (numbers.unwrap(from), numbers.unwrap(to));
            // A block below the acknowledgement is a duplicate's (RFC 2883, section 4).
            self.facts.spurious_retransmits += u64::from(to <= number && from < to);
        }
        // What was never seen to be sent cannot be acknowledged: the capture lacks it.
        if number > before && self.highest.is_some_and(|highest| number <= highest) {
            self.acknowledged = Some(number);
            self.sample_round_trip(now, number);
            if self.highest == Some(number) {
                self.idle_since_us = Some(now);
            }
        }
    }

    fn sample_round_trip(&mut self, now: u64, number: u64) {
        let rest = self.under_way.split_off(&(number + 1));
        let covered = std::mem::replace(&mut self.under_way, rest);
        let any_again = covered.values().any(|(_, again)| *again);
        let Some((_, (sent, _))) = covered.last_key_value().filter(|_| !any_again) else { return };
        let sample = now.saturating_sub(*sent).max(1);
        self.least_us = Some(self.least_us.map_or(sample, |least| least.min(sample)));
        self.smoothed_us = Some(self.smoothed_us.map_or(sample, |smoothed| (smoothed * 7 + sample) / 8));
    }

    /// Makes a sample if one is due; `last` makes one in any case.
    pub(super) fn tick(&mut self, now: u64, last: bool) {
        if self.payload_bytes == 0 || (!last && self.next_sample_us.is_some_and(|next| now < next)) {
            return;
        }
        let mss = self.largest_segment.max(1);
        let mut sample = Counters::EMPTY;
        let under_way =
            self.highest.unwrap_or(0).saturating_sub(self.acknowledged.or(self.first).unwrap_or(0));
        let acknowledged = self.acknowledged.zip(self.first).map_or(0, |(to, from)| to.saturating_sub(from));
        for (counter, value) in [
            (Counter::CurrTime, now),
            (Counter::CurMSS, mss),
            (Counter::DataPktsOut, self.segments),
            (Counter::DataBytesOut, self.payload_bytes),
            (Counter::BytesRetrans, self.retransmitted_bytes),
            (Counter::PktsRetrans, self.retransmits),
            (Counter::ThruBytesAcked, acknowledged),
            (Counter::UnackedPkts, under_way.div_ceil(mss)),
            (Counter::DSACKDups, self.facts.spurious_retransmits),
            (Counter::Timeouts, self.facts.timeouts),
            (Counter::LastDataSent, now.saturating_sub(self.last_sent_us.unwrap_or(now))),
        ] {
            sample.set(counter, value);
        }
        sample.put(Counter::SmoothedRTT, self.smoothed_us);
        sample.put(Counter::MinRTT, self.least_us);
        sample.put(Counter::CurRwinRcvd, self.window);
        self.samples.push(sample);
        self.next_sample_us = Some(now + INTERVAL_US);
    }

    /// The facts, with what was summed up.
    pub(super) fn into_parts(mut self) -> (Vec<Counters>, PacketFacts) {
        #[expect(clippy::cast_precision_loss, reason = "microseconds of a capture")]
        let seconds = |micros: u64| micros as f64 / 1e6;
        self.facts.idle_s = seconds(self.idle_us);
        self.facts.longest_idle_s = seconds(self.longest_idle_us);
        (self.samples, self.facts)
    }
}
