//! The flows that are followed from sample to sample: pure bookkeeping.

use std::collections::HashMap;
use std::time::Duration;

use wad_linux::FlowSample;
use wad_model::counter::COUNTERS;
use wad_model::{Counter, Counters, FlowKey, Time};
use wad_trace::{Derived, Followed, Value};

/// How many rounds a flow may miss until it counts as gone: one that closes says so itself.
const PATIENCE: u32 = 3;

/// The designated flows that are open.
#[derive(Debug)]
pub(super) struct Flows {
    flows: HashMap<u64, Flow>,
    derived: Derived,
    /// Flows that were established before are counted from their first sample on: what they did until then was
    /// somebody else's to count.
    begun: Time,
}

/// A flow that is followed.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) key: FlowKey,
    pub(super) cookie: u64,
    pub(super) namespace: u32,
    pub(super) path: u32,
    pub(super) time: Time,
    pub(super) counters: Counters,
    followed: Followed,
    /// For each definition whether it is an alert that holds.
    raised: Vec<bool>,
    missed: u32,
}

/// What a sample says beyond itself.
#[derive(Debug)]
pub(super) struct Seen<'f> {
    pub(super) flow: &'f Flow,
    /// By how much the counters have grown, and in what time.
    pub(super) growth: Growth,
    /// The values of the definitions.
    pub(super) values: Vec<Option<Value>>,
    /// Alerts that have become true or false, by their definitions.
    pub(super) turned: Vec<(usize, bool)>,
}

/// What has happened to a flow between two samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Growth {
    before: Option<Counters>,
    now: Counters,
    pub(crate) time: Duration,
}

impl Growth {
    /// By how much a counter has grown. One that falls was set anew, as the kernel's 32 bits are when they wrap.
    pub(crate) fn of(&self, counter: Counter) -> u64 {
        match &self.before {
            Some(before) => self.now.growth(before, counter).unwrap_or_default(),
            None => self.now.get(counter).unwrap_or_default(),
        }
    }
}

impl Flows {
    pub(super) fn new(derived: Derived, begun: Time) -> Self {
        Self { flows: HashMap::new(), derived, begun }
    }

    /// From now on other definitions hold. What was remembered for the old ones is forgotten.
    pub(super) fn define(&mut self, derived: Derived) {
        for flow in self.flows.values_mut() {
            flow.followed = derived.follow(opened(&flow.counters));
            flow.raised = vec![false; derived.definitions().len()];
        }
        self.derived = derived;
    }

    /// A round of samples begins.
    pub(super) fn begin_round(&mut self) {
        for flow in self.flows.values_mut() {
            flow.missed += 1;
        }
    }

    /// Takes a sample of a designated flow; `path` is the entry that designates it.
    pub(super) fn take(&mut self, sample: &FlowSample, path: u32) -> Seen<'_> {
        let (derived, begun) = (&self.derived, self.begun);
        let mut growth = None;
        let flow = self.flows.entry(sample.cookie).or_insert_with(|| {
            let flow = Flow::new(sample, path, derived);
            growth = Some(first(sample, begun));
            flow
        });
        let growth = growth.unwrap_or_else(|| Growth {
            before: Some(flow.counters),
            now: sample.counters,
            time: sample.time - flow.time,
        });
        (flow.path, flow.missed) = (path, 0);
        (flow.time, flow.counters) = (sample.time, sample.counters);
        let column = |place: usize| COUNTERS.get(place).and_then(|row| sample.counters.get(row.counter));
        let values = flow.followed.sample(sample.time, column).to_vec();
        let turned = turned(&mut flow.raised, &values);
        Seen { flow, growth, values, turned }
    }

    /// A flow has given its last sample.
    pub(super) fn close(&mut self, cookie: u64) -> Option<Flow> {
        self.flows.remove(&cookie)
    }

    /// At the end of a round: flows that the kernel shows no more, and whose end was not told.
    pub(super) fn gone(&mut self) -> Vec<Flow> {
        self.flows.extract_if(|_, flow| flow.missed >= PATIENCE).map(|(_, flow)| flow).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Flow> {
        self.flows.values()
    }

    pub(super) fn contains(&self, cookie: u64) -> bool {
        self.flows.contains_key(&cookie)
    }
}

impl Flow {
    fn new(sample: &FlowSample, path: u32, derived: &Derived) -> Self {
        Self {
            key: sample.key,
            cookie: sample.cookie,
            namespace: sample.namespace,
            path,
            time: sample.time,
            counters: sample.counters,
            followed: derived.follow(opened(&sample.counters)),
            raised: vec![false; derived.definitions().len()],
            missed: 0,
        }
    }

    /// The alerts that hold, by their definitions.
    pub(super) fn raised(&self) -> impl Iterator<Item = usize> + '_ {
        self.raised.iter().enumerate().filter(|(_, raised)| **raised).map(|(index, _)| index)
    }
}

fn opened(counters: &Counters) -> Option<Time> {
    counters.get(Counter::StartTime).map(|micros| Time::from_nanos(micros.saturating_mul(1000)))
}

/// What the first sample of a flow adds: all that it did, if somebody watched from its beginning. Of a flow that ran
/// before it was tuned, nobody knows who connected.
fn first(sample: &FlowSample, begun: Time) -> Growth {
    let opened = opened(&sample.counters).filter(|opened| *opened >= begun);
    let known = opened.filter(|_| sample.counters.has(Counter::ActiveOpen));
    Growth {
        before: known.is_none().then_some(sample.counters),
        now: sample.counters,
        time: known.map_or(Duration::ZERO, |opened| sample.time - opened),
    }
}

/// Notes which alerts hold; what is not known changes nothing.
fn turned(raised: &mut [bool], values: &[Option<Value>]) -> Vec<(usize, bool)> {
    let mut turned = Vec::new();
    for (index, (held, value)) in raised.iter_mut().zip(values).enumerate() {
        let Some(truth) = value.and_then(Value::truth) else { continue };
        if std::mem::replace(held, truth) != truth {
            turned.push((index, truth));
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use wad_linux::ControlName;
    use wad_model::counter::COUNTERS;
    use wad_trace::Schema;

    use super::*;

    fn derived() -> Derived {
        let texts = [
            "AveBW = DataBytesOut * 8 / (CurrTime - StartTime)",
            "Busy = rate(DataBytesOut) > 1 MB/s for 2 s",
        ];
        Derived::compile(texts, &Schema::of("samples", &COUNTERS)).unwrap()
    }

    fn seconds(seconds: u64) -> Time {
        Time::from_nanos(seconds * 1_000_000_000)
    }

    /// A sample of a flow that was established at the second `opened`.
    fn sample(opened: u64, time: u64, bytes: u64) -> FlowSample {
        let counters = [
            (Counter::StartTime, opened * 1_000_000),
            (Counter::ActiveOpen, 1),
            (Counter::DataBytesOut, bytes),
        ];
        FlowSample {
            time: seconds(time),
            cookie: 7,
            namespace: 1,
            key: FlowKey::new("10.0.0.1:40000".parse().unwrap(), "192.0.2.1:5201".parse().unwrap()),
            path: Some(0),
            is_final: false,
            control: ControlName::default(),
            owner: None,
            counters: counters.into_iter().collect(),
        }
    }

    #[test]
    fn a_flow_is_counted_from_its_beginning_if_somebody_watched_then() {
        for (opened, expected) in [(20, 1000), (5, 0)] {
            let mut flows = Flows::new(derived(), seconds(10));
            let first = flows.take(&sample(opened, 21, 1000), 0).growth;
            assert_eq!(first.of(Counter::DataBytesOut), expected, "opened at {opened} s");
            let growth = flows.take(&sample(opened, 23, 1500), 0).growth;
            assert_eq!((growth.of(Counter::DataBytesOut), growth.time.as_secs()), (500, 2));
        }
        let mut adopted = sample(20, 21, 1000);
        adopted.counters.remove(Counter::ActiveOpen);
        let mut flows = Flows::new(derived(), seconds(10));
        assert_eq!(flows.take(&adopted, 0).growth.of(Counter::DataBytesOut), 0);
    }

    #[test]
    fn definitions_are_computed_and_alerts_turn() {
        let mut flows = Flows::new(derived(), Time::ZERO);
        let mut turns = Vec::new();
        for (time, bytes) in [(11, 0), (12, 2_000_000), (13, 4_000_000), (14, 6_000_000), (15, 6_000_000)] {
            let seen = flows.take(&sample(10, time, bytes), 0);
            turns.extend(seen.turned.iter().map(|(index, on)| (time, *index, *on)));
            if time == 14 {
                assert_eq!(seen.values[0].and_then(Value::number), Some(12e6));
                assert_eq!(seen.flow.raised().collect::<Vec<_>>(), [1]);
            }
        }
        assert_eq!(turns, [(14, 1, true), (15, 1, false)]);
    }

    #[test]
    fn a_flow_that_is_shown_no_more_is_gone_after_some_rounds() {
        let mut flows = Flows::new(derived(), Time::ZERO);
        flows.take(&sample(10, 11, 0), 0);
        for round in 1..=PATIENCE {
            flows.begin_round();
            assert_eq!(flows.gone().len(), usize::from(round == PATIENCE));
        }
        assert!(!flows.contains(7) && flows.close(7).is_none());
    }
}
