//! Which segments are lost.

use wad_model::Time;

use super::segments::{Delivered, Segments};
use crate::nanos::Nanos;
use crate::tcp::classic::DUPLICATES;
use crate::tcp::core::{Core, NEVER};
use crate::tcp::rare_queue::RareQueue;

/// How a loss is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// RFC 6675, 4, `IsLost`: three segments above it have arrived.
    Counting,
    /// FACK: it lies more than three before the foremost that has arrived.
    Foremost,
    /// RFC 8985: one that was sent long enough after it has arrived.
    Rack,
}

/// Finds losses.
#[derive(Clone, Debug)]
pub(super) struct Detector {
    rule: Rule,
    /// First transmissions of segments before this have been judged.
    judged_to: u32,
    rack: Rack,
}

/// RFC 8985, 5.2.
#[derive(Clone, Debug)]
struct Rack {
    /// The transmission that was sent last of all that arrived: when, and which segment.
    latest: (Time, u32),
    /// The round trip of that transmission.
    rtt: Nanos,
    /// Whether the network has been seen to change the order of segments.
    reorders: bool,
    /// The window for it in quarters of the smallest round trip; grows by one with each duplicate (step 4).
    quarters: u64,
    /// Repetitions in the order in which they were sent.
    repeated: RareQueue<(u32, Time)>,
    /// When the next segment has waited long enough.
    due: Time,
}

impl Detector {
    pub(super) fn new(rule: Rule) -> Self {
        let rack = Rack {
            latest: (Time::ZERO, 0),
            rtt: Nanos::ZERO,
            reorders: false,
            quarters: 1,
            repeated: RareQueue::default(),
            due: NEVER,
        };
        Self { rule, judged_to: 0, rack }
    }

    /// What was taken for lost was not.
    pub(super) fn judge_again(&mut self, una: u32) {
        self.judged_to = una;
    }

    /// What was sent after this may still arrive: at a time-out it does not count as lost (`tcp_timeout_mark_lost`).
    pub(super) fn recent(&self, now: Time) -> Time {
        match self.rule {
            Rule::Rack => Time::from_nanos(now.as_nanos().saturating_sub(self.rack.rtt.get())),
            Rule::Counting | Rule::Foremost => now,
        }
    }

    /// Whether it sends probes of the tail.
    pub(super) fn probes(&self) -> bool {
        self.rule == Rule::Rack
    }

    /// When it wants to look again.
    #[inline]
    pub(super) fn deadline(&self) -> Time {
        self.rack.due
    }

    /// The receiver had a segment twice: the window for reordering was too small (RFC 8985, 6.2, step 4).
    pub(super) fn note_duplicate(&mut self) {
        if self.rack.reorders {
            self.rack.quarters = (self.rack.quarters + 1).min(16);
        }
    }

    /// A segment goes out again.
    pub(super) fn note_repeated(&mut self, number: u32, now: Time) {
        if self.rule == Rule::Rack {
            self.rack.repeated.push_back((number, now));
        }
    }

    /// After an ACK: marks what is lost; returns how many.
    #[inline]
    pub(super) fn find(
        &mut self,
        core: &Core,
        segments: &mut Segments,
        delivered: &Delivered,
        now: Time,
    ) -> u32 {
        self.judged_to = self.judged_to.max(core.una);
        match self.rule {
            Rule::Rack => {
                self.rack.update(core, delivered, now);
                if segments.selective() == 0 && self.rack.repeated.is_empty() {
                    self.rack.due = NEVER;
                    return 0;
                }
                self.find_late(core, segments, now)
            }
            Rule::Counting | Rule::Foremost => match self.edge(segments) {
                Some(edge) => self.lose_below(core, segments, edge),
                None => 0,
            },
        }
    }

    /// By time: what was sent a round trip and the window for reordering ago, and before one that arrived.
    pub(super) fn find_late(&mut self, core: &Core, segments: &mut Segments, now: Time) -> u32 {
        let wait = self.rack.rtt + self.rack.window(core, segments);
        self.rack.due = NEVER;
        let mut lost = 0;
        while self.judged_to < core.high {
            let number = self.judged_to;
            let Some(segment) = segments.get(core.una, number) else { break };
            let judged = segment.is_selective() || segment.is_lost() || segment.was_repeated();
            if !judged {
                if !self.rack.is_before_latest(segment.sent(), number) {
                    break;
                }
                let due = wait.after(segment.sent());
                if due > now {
                    self.rack.due = due;
                    break;
                }
                lost += u32::from(segments.lose(core.una, number));
            }
            self.judged_to += 1;
        }
        lost + self.find_late_repetitions(core, segments, wait, now)
    }

    fn find_late_repetitions(&mut self, core: &Core, segments: &mut Segments, wait: Nanos, now: Time) -> u32 {
        let mut lost = 0;
        while let Some((number, sent)) = self.rack.repeated.front() {
            let waits = segments.get(core.una, number).is_some_and(|segment| {
                segment.sent() == sent && segment.was_repeated() && !segment.is_selective()
            });
            if waits {
                if !self.rack.is_before_latest(sent, number) {
                    break;
                }
                let due = wait.after(sent);
                if due > now {
                    self.rack.due = self.rack.due.min(due);
                    break;
                }
                lost += u32::from(segments.lose(core.una, number));
            }
            self.rack.repeated.pop_front();
        }
        lost
    }

    /// By count: everything below is lost that has not arrived.
    fn edge(&self, segments: &Segments) -> Option<u32> {
        match self.rule {
            Rule::Foremost => segments.runs().end()?.checked_sub(DUPLICATES),
            _ => segments.runs().nth_from_top(DUPLICATES),
        }
    }

    fn lose_below(&mut self, core: &Core, segments: &mut Segments, edge: u32) -> u32 {
        let mut lost = 0;
        while self.judged_to < edge {
            let known = segments.get(core.una, self.judged_to);
            if known.is_some_and(|segment| !segment.was_repeated()) {
                lost += u32::from(segments.lose(core.una, self.judged_to));
            }
            self.judged_to += 1;
        }
        lost
    }
}

impl Rack {
    /// RFC 8985, 6.2, steps 1 to 3.
    fn update(&mut self, core: &Core, delivered: &Delivered, now: Time) {
        self.reorders |= delivered.out_of_order || delivered.late_originals > 0;
        let Some((sent, number, again)) = delivered.latest else { return };
        let rtt = Nanos::between(sent, now);
        // A repetition that is acknowledged sooner than any round trip: it was the original that arrived.
        if again && rtt < core.min_rtt() {
            return;
        }
        self.rtt = rtt;
        if (sent, number) > self.latest {
            self.latest = (sent, number);
        }
    }

    fn is_before_latest(&self, sent: Time, number: u32) -> bool {
        (sent, number) < self.latest
    }

    /// RFC 8985, 6.2, step 4: none before any reordering was seen, once a recovery runs or three have arrived.
    fn window(&self, core: &Core, segments: &Segments) -> Nanos {
        let recovering = matches!(core.phase, crate::control::Phase::Recovery | crate::control::Phase::Loss);
        if !self.reorders && (recovering || segments.selective() >= DUPLICATES) {
            return Nanos::ZERO;
        }
        let quarter = Nanos::new(core.min_rtt().get() / 4);
        (quarter * self.quarters).min(core.estimator.smoothed())
    }
}
