//! Rate and delay that change over time: radio links, failover to another route, a competitor's reservation.
//!
//! A step gives a new rate, a new delay or both, from a time on until the next step that gives the same. Before the
//! first, the link's own values hold, and again from each repetition on:
//!
//! ```text
//!  rate 100 -----+           +-----------+           +------
//!                |           |           |           |
//!        10      +-----------+           +-----------+
//!       time     at          repeat      repeat + at  2 repeat
//! ```
//!
//! The schedule is known beforehand, so a departure is as exact as with a constant rate: a packet whose sending
//! spans a change is sent at the old rate before it, and at the new one after. A rate of zero is an outage. A
//! lower delay lets no packet overtake: those behind arrive no earlier than those in front.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Rate, Time, serde_duration};

use crate::error::ConfigError;

/// Changes of rate and delay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// In order of time.
    pub steps: Vec<Step>,
    /// After this time all begins again.
    #[serde(default, with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Duration>,
}

/// What changes, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// From the link's origin ([`Link::with_origin`](crate::Link::with_origin)), or from the last repetition.
    #[serde(with = "serde_duration")]
    pub at: Duration,
    /// The rate from then on; zero sends nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The one-way delay from then on.
    #[serde(default, with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
}

impl Schedule {
    pub(crate) fn validate(&self, rate: Option<Rate>) -> Result<(), ConfigError> {
        let fault = |key: String, problem| Err(ConfigError::Schedule { key, problem });
        for (i, step) in self.steps.iter().enumerate() {
            let key = |name: &str| format!("schedule.steps[{i}]{name}");
            if step.rate.is_none() && step.delay.is_none() {
                return fault(key(""), "changes nothing: give a rate, a delay or both");
            }
            if step.rate.is_some() && rate.is_none() {
                return fault(key(".rate"), "has no rate to change: give the link a rate, too");
            }
            if i > 0 && step.at <= self.steps[i - 1].at {
                return fault(key(".at"), "is not after the step before it");
            }
            if self.repeat.is_some_and(|repeat| step.at >= repeat) {
                return fault(key(".at"), "is never reached, because all begins again before it");
            }
        }
        if self.repeat.is_some_and(|repeat| repeat.is_zero()) {
            return fault(
                "schedule.repeat".to_owned(),
                "is 0: leave the key out to go through the steps once",
            );
        }
        Ok(())
    }
}

/// A value over time, in nanoseconds since the origin.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    before: u64,
    /// In order of time.
    changes: Vec<(u64, u64)>,
    repeat: Option<u64>,
    origin: u64,
}

/// A value, and when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) value: u64,
    pub(crate) until: u64,
}

impl Timeline {
    /// The rates of a link, none if it has no changes of its rate.
    pub(crate) fn of_rate(schedule: &Schedule, rate: Option<Rate>) -> Option<Self> {
        let rates = schedule.steps.iter().map(|step| (step.at, step.rate.map(Rate::as_bps)));
        Self::new(rate?.as_bps(), rates, schedule.repeat)
    }

    /// The delays of a link, none if it has no changes of its delay.
    pub(crate) fn of_delay(schedule: &Schedule, delay: Duration) -> Option<Self> {
        let delays = schedule.steps.iter().map(|step| (step.at, step.delay.map(nanos)));
        Self::new(nanos(delay), delays, schedule.repeat)
    }

    fn new(
        before: u64,
        changes: impl Iterator<Item = (Duration, Option<u64>)>,
        repeat: Option<Duration>,
    ) -> Option<Self> {
        let changes: Vec<(u64, u64)> =
            changes.filter_map(|(at, value)| value.map(|value| (nanos(at), value))).collect();
        let sends = before > 0 && changes.first().is_none_or(|&(at, _)| at > 0);
        let sends = sends || changes.iter().any(|&(_, value)| value > 0);
        // What never sends needs no repetition, and a walk over the repetitions would never end.
        let repeat = repeat.map(nanos).filter(|&repeat| repeat > 0 && sends);
        (!changes.is_empty()).then_some(Self { before, changes, repeat, origin: 0 })
    }

    pub(crate) fn set_origin(&mut self, origin: Time) {
        self.origin = origin.as_nanos();
    }

    /// What holds at `time`, and until when.
    pub(crate) fn at(&self, time: u64) -> Span {
        let since = time.saturating_sub(self.origin);
        let begin = self.repeat.map_or(0, |repeat| since - since % repeat);
        let next = self.changes.partition_point(|&(at, _)| at <= since - begin);
        let end = self.changes.get(next).map(|&(at, _)| at).or(self.repeat);
        Span {
            value: next.checked_sub(1).map_or(self.before, |last| self.changes[last].1),
            until: end.map_or(u64::MAX, |end| self.origin.saturating_add(begin).saturating_add(end)),
        }
    }
}

/// Saturating after 584 years.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// An optional duration as text.
mod optional_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};
    use wad_model::serde_duration;

    #[derive(Deserialize)]
    struct Text(#[serde(with = "serde_duration")] Duration);

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Duration>, D::Error> {
        Option::<Text>::deserialize(d).map(|text| text.map(|Text(duration)| duration))
    }

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(duration: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serde_duration::serialize(duration, s),
            None => s.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(repeat: Option<u64>) -> Timeline {
        Timeline { before: 100, changes: vec![(10, 1), (20, 2)], repeat, origin: 5 }
    }

    fn values(timeline: &Timeline, times: &[u64]) -> Vec<(u64, u64)> {
        times.iter().map(|&time| timeline.at(time)).map(|span| (span.value, span.until)).collect()
    }

    #[test]
    fn steps_hold_until_the_next() {
        let found = values(&timeline(None), &[0, 14, 15, 24, 25, 1000]);
        assert_eq!(found, [(100, 15), (100, 15), (1, 25), (1, 25), (2, u64::MAX), (2, u64::MAX)]);
    }

    #[test]
    fn a_repetition_begins_with_the_links_own_value() {
        let found = values(&timeline(Some(30)), &[25, 34, 35, 45, 65, 75]);
        assert_eq!(found, [(2, 35), (2, 35), (100, 45), (1, 55), (100, 75), (1, 85)]);
    }
}
