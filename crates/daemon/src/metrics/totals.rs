//! What flows have done, summed: pure arithmetic over the growth of their counters.

use std::collections::BTreeMap;
use std::time::Duration;

use wad_linux::FlowSample;
use wad_model::{Counter, Counters, FlowKey, Time};

use super::table::Metric;
use super::text::{Number, Rows};
use crate::observe::Growth;

/// The counters that are summed, and what they are called. Those in microseconds are told in seconds; the last word is
/// the label of what limited the flow.
const SUMMED: [(Counter, Metric, &str); 18] = [
    (Counter::DataBytesOut, Metric::SentBytes, ""),
    (Counter::BytesRetrans, Metric::RetransmittedBytes, ""),
    (Counter::ThruBytesAcked, Metric::AckedBytes, ""),
    (Counter::ThruBytesReceived, Metric::ReceivedBytes, ""),
    (Counter::PktsOut, Metric::SentSegments, ""),
    (Counter::PktsIn, Metric::ReceivedSegments, ""),
    (Counter::PktsRetrans, Metric::RetransmittedSegments, ""),
    (Counter::OutOfOrderIn, Metric::OutOfOrderSegments, ""),
    (Counter::DSACKDups, Metric::NeedlessSegments, ""),
    (Counter::CongSignals, Metric::CongestionSignals, ""),
    (Counter::FastRetran, Metric::FastRetransmits, ""),
    (Counter::ECNSignals, Metric::EcnSignals, ""),
    (Counter::Timeouts, Metric::Timeouts, ""),
    (Counter::CountRTT, Metric::RoundTrips, ""),
    (Counter::SumRTT, Metric::RoundTripSeconds, ""),
    (Counter::SndLimTimeRwin, Metric::LimitedSeconds, "receiver"),
    (Counter::SndLimTimeSnd, Metric::LimitedSeconds, "send_buffer"),
    (Counter::SndLimTimeCwnd, Metric::LimitedSeconds, "network"),
];
const ACKED: usize = 2;
const RECEIVED: usize = 3;

/// What is told of single flows.
const OF_A_FLOW: [(Counter, Metric); 6] = [
    (Counter::ThruBytesAcked, Metric::FlowAckedBytes),
    (Counter::ThruBytesReceived, Metric::FlowReceivedBytes),
    (Counter::PktsRetrans, Metric::FlowRetransmittedSegments),
    (Counter::CongSignals, Metric::FlowCongestionSignals),
    (Counter::SmoothedRTT, Metric::FlowRttSeconds),
    (Counter::CurCwnd, Metric::FlowWindowSegments),
];

/// A number for each of [`SUMMED`].
pub(crate) type Tally = [u64; SUMMED.len()];

/// The numbers of a flow.
pub(crate) fn tally(of: impl Fn(Counter) -> u64) -> Tally {
    SUMMED.map(|(counter, ..)| of(counter))
}

/// The bounds of the histogram of round-trip times, in seconds.
const RTT_BOUNDS: [f64; 13] =
    [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, f64::INFINITY];

/// Which flows are summed together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Group {
    /// Those of a path.
    Path(String),
    /// Those of no path.
    Other,
}

impl Group {
    fn labels(&self) -> Vec<String> {
        match self {
            Self::Path(name) => vec!["designated".to_owned(), name.clone()],
            Self::Other => vec!["other".to_owned(), String::new()],
        }
    }
}

/// The sums of a group.
#[derive(Clone, Debug, Default)]
struct Sums {
    open: u64,
    opened: u64,
    closed: u64,
    tally: Tally,
    /// Microseconds in which applications had nothing to send.
    idle_us: u64,
    rtt: RttHistogram,
    refused: BTreeMap<&'static str, u64>,
    /// For each alert, flows for which it holds, and how often it became true.
    alerts: BTreeMap<String, (u64, u64)>,
    /// Bytes a second, sent and received.
    goodput: [f64; 2],
    /// The tally when the goodput was computed last.
    before: Tally,
}

#[derive(Clone, Debug, Default)]
struct RttHistogram {
    counts: [u64; RTT_BOUNDS.len()],
    sum: f64,
}

impl RttHistogram {
    fn add(&mut self, seconds: f64) {
        let place = RTT_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(RTT_BOUNDS.len() - 1);
        self.counts[place] += 1;
        self.sum += seconds;
    }
}

/// A flow that has series of its own.
#[derive(Clone, Debug)]
struct FlowRow {
    labels: Vec<String>,
    values: [Option<u64>; OF_A_FLOW.len()],
}

/// What flows have done since the observer began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    groups: BTreeMap<Group, Sums>,
    flows: Vec<FlowRow>,
    beyond_bound: u64,
    published: Option<Time>,
    pub(crate) lost_records: u64,
    pub(crate) lost_closings: u64,
    pub(crate) late_rounds: u64,
    rounds: u64,
    sampling: Duration,
}

impl Totals {
    /// Paths have sums, also before their first flow.
    pub(crate) fn name_paths<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        for name in names {
            self.groups.entry(Group::Path(name.to_owned())).or_default();
        }
    }

    pub(crate) fn opened(&mut self, path: &str, refused: impl Iterator<Item = &'static str>) {
        let sums = self.path(path);
        sums.opened += 1;
        for setting in refused {
            *sums.refused.entry(setting).or_default() += 1;
        }
    }

    pub(crate) fn closed(&mut self, path: &str) {
        self.path(path).closed += 1;
    }

    /// A sample of a designated flow, and what it has done since the one before.
    pub(crate) fn sampled(&mut self, path: &str, growth: &Growth, sample: &FlowSample) {
        let sums = self.path(path);
        sums.add(&tally(|counter| growth.of(counter)));
        let lived = u64::try_from(growth.time.as_micros()).unwrap_or(u64::MAX);
        sums.idle_us += lived.saturating_sub(growth.of(Counter::BusyTime));
        if let Some(rtt) = sample.counters.get(Counter::SmoothedRTT).filter(|_| !sample.is_final) {
            sums.rtt.add(Duration::from_micros(rtt).as_secs_f64());
        }
    }

    pub(crate) fn raised(&mut self, path: &str, alert: &str) {
        self.path(path).alerts.entry(alert.to_owned()).or_default().1 += 1;
    }

    pub(crate) fn add(&mut self, group: &Group, growth: &Tally) {
        self.groups.entry(group.clone()).or_default().add(growth);
    }

    pub(crate) fn note_others(&mut self, open: u64, came: u64, went: u64) {
        let sums = self.groups.entry(Group::Other).or_default();
        sums.open = open;
        sums.opened += came;
        sums.closed += went;
    }

    pub(crate) fn note_round(&mut self, took: Duration) {
        self.rounds += 1;
        self.sampling += took;
    }

    /// What is true at this moment is told anew; `alerts` are the names of all that there are.
    pub(crate) fn begin_gauges(&mut self, alerts: &[&str]) {
        self.flows.clear();
        self.beyond_bound = 0;
        for (group, sums) in &mut self.groups {
            if *group == Group::Other {
                continue;
            }
            sums.open = 0;
            sums.alerts.retain(|name, _| alerts.contains(&name.as_str()));
            for name in alerts {
                sums.alerts.entry((*name).to_owned()).or_default().0 = 0;
            }
        }
    }

    pub(crate) fn note_open<'a>(&mut self, path: &str, raised: impl Iterator<Item = &'a str>) {
        let sums = self.path(path);
        sums.open += 1;
        for alert in raised {
            sums.alerts.entry(alert.to_owned()).or_default().0 += 1;
        }
    }

    /// A flow with series of its own, if there are fewer than `most`.
    pub(crate) fn note_flow(
        &mut self,
        most: usize,
        path: &str,
        key: &FlowKey,
        namespace: u32,
        cookie: u64,
        counters: &Counters,
    ) {
        if self.flows.len() >= most {
            self.beyond_bound += 1;
            return;
        }
        let labels = vec![
            path.to_owned(),
            key.source.to_string(),
            key.destination.to_string(),
            namespace.to_string(),
            cookie.to_string(),
        ];
        self.flows.push(FlowRow { labels, values: OF_A_FLOW.map(|(counter, _)| counters.get(counter)) });
    }

    /// Rates are those since they were computed last.
    pub(crate) fn end_gauges(&mut self, now: Time) {
        let elapsed = self.published.replace(now).map(|before| (now - before).as_secs_f64());
        for sums in self.groups.values_mut() {
            for (rate, at) in sums.goodput.iter_mut().zip([ACKED, RECEIVED]) {
                let grown = real(sums.tally[at] - sums.before[at]);
                *rate = elapsed.filter(|elapsed| *elapsed > 0.0).map_or(0.0, |elapsed| grown / elapsed);
            }
            sums.before = sums.tally;
        }
    }

    fn path(&mut self, name: &str) -> &mut Sums {
        self.groups.entry(Group::Path(name.to_owned())).or_default()
    }

    /// All of it as rows.
    pub(super) fn rows(&self, rows: &mut Rows) {
        for (group, sums) in &self.groups {
            sums.rows(group, rows);
        }
        for flow in &self.flows {
            flow.rows(rows);
        }
        for (metric, number) in [
            (Metric::FlowsBeyondBound, self.beyond_bound),
            (Metric::LostRecords, self.lost_records),
            (Metric::LostClosings, self.lost_closings),
            (Metric::SampleRounds, self.rounds),
            (Metric::LateRounds, self.late_rounds),
        ] {
            rows.put(metric, Vec::new(), Number::Whole(number));
        }
        rows.put(Metric::SamplingSeconds, Vec::new(), Number::Real(self.sampling.as_secs_f64()));
    }
}

impl Sums {
    fn add(&mut self, growth: &Tally) {
        for (sum, grown) in self.tally.iter_mut().zip(growth) {
            *sum = sum.saturating_add(*grown);
        }
    }

    fn rows(&self, group: &Group, rows: &mut Rows) {
        let labels = group.labels();
        let with = |more: &str| labels.iter().cloned().chain([more.to_owned()]).collect::<Vec<_>>();
        for (metric, number) in [
            (Metric::FlowsOpen, self.open),
            (Metric::FlowsOpened, self.opened),
            (Metric::FlowsClosed, self.closed),
        ] {
            rows.put(metric, labels.clone(), Number::Whole(number));
        }
        for ((_, metric, by), number) in SUMMED.iter().zip(self.tally) {
            let labels = if by.is_empty() { labels.clone() } else { with(by) };
            let is_time = metric.info().unit == "seconds";
            rows.put(*metric, labels, if is_time { seconds(number) } else { Number::Whole(number) });
        }
        for (direction, rate) in ["sent", "received"].into_iter().zip(self.goodput) {
            rows.put(Metric::Goodput, with(direction), Number::Real(rate));
        }
        let Group::Path(path) = group else { return };
        // Of flows of no path nobody knows when they opened.
        rows.put(Metric::LimitedSeconds, with("application"), seconds(self.idle_us));
        let buckets = RTT_BOUNDS.into_iter().zip(self.rtt.counts).collect();
        rows.put(Metric::RttSeconds, labels, Number::Histogram { sum: self.rtt.sum, buckets });
        for (setting, times) in &self.refused {
            rows.put(
                Metric::RefusedSettings,
                vec![path.clone(), (*setting).to_owned()],
                Number::Whole(*times),
            );
        }
        for (alert, (holds, raised)) in &self.alerts {
            let labels = vec![path.clone(), alert.clone()];
            rows.put(Metric::Alerts, labels.clone(), Number::Whole(*holds));
            rows.put(Metric::AlertsRaised, labels, Number::Whole(*raised));
        }
    }
}

impl FlowRow {
    fn rows(&self, rows: &mut Rows) {
        for ((_, metric), value) in OF_A_FLOW.into_iter().zip(self.values) {
            let Some(value) = value else { continue };
            let is_time = metric.info().unit == "seconds";
            rows.put(
                metric,
                self.labels.clone(),
                if is_time { seconds(value) } else { Number::Whole(value) },
            );
        }
    }
}

fn seconds(micros: u64) -> Number {
    Number::Real(Duration::from_micros(micros).as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "above 2^53 the nearest number is near enough")]
const fn real(number: u64) -> f64 {
    number as f64
}
