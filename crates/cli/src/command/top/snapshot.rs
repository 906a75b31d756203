//! What is shown at one time: a row for each flow, and one flow closely.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};

use wad_linux::{ControlName, FlowSample};
use wad_model::{Counter, FlowKey};

use crate::flow_filter::state_name;

/// How many samples of the flow that is shown closely are kept.
const HISTORY: usize = 300;

/// A flow in the table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) cookie: u64,
    pub(crate) key: FlowKey,
    pub(crate) namespace: u32,
    pub(crate) path: Option<String>,
    pub(crate) state: &'static str,
    pub(crate) control: ControlName,
    /// Bytes a second, over the time between two samples.
    pub(crate) out: Option<f64>,
    pub(crate) into: Option<f64>,
    pub(crate) rtt_us: Option<u64>,
    pub(crate) window: Option<u64>,
    pub(crate) retransmits: Option<u64>,
}

/// All of it at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) number: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) focus: Option<Focus>,
    /// How long it took to collect, in seconds.
    pub(crate) took_s: f64,
}

/// A flow that is shown closely.
#[derive(Clone, Debug)]
pub(crate) struct Focus {
    pub(crate) sample: FlowSample,
    pub(crate) path: Option<String>,
    pub(crate) history: History,
    /// It has closed; these are the last numbers that were seen.
    pub(crate) gone: bool,
}

/// Its latest numbers, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) out: VecDeque<u64>,
    pub(crate) into: VecDeque<u64>,
    pub(crate) rtt_us: VecDeque<u64>,
    pub(crate) window: VecDeque<u64>,
    pub(crate) retransmits: VecDeque<u64>,
}

/// Rates from one sample of a flow to the next.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    before: HashMap<u64, Last>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    micros: u64,
    out: Option<u64>,
    into: Option<u64>,
}

impl Rates {
    /// A row for each sample; to be called with all of them.
    pub(crate) fn rows<'p>(
        &mut self,
        samples: &[FlowSample],
        path: impl Fn(&FlowSample) -> Option<&'p str>,
    ) -> Vec<Row> {
        let mut now = HashMap::with_capacity(samples.len());
        let rows = samples.iter().map(|sample| {
            let last = Last::of(sample);
            let before = self.before.get(&sample.cookie);
            now.insert(sample.cookie, last);
            Row {
                cookie: sample.cookie,
                key: sample.key,
                namespace: sample.namespace,
                path: path(sample).map(str::to_owned),
                state: state_name(sample),
                control: sample.control,
                out: before.and_then(|before| last.rate(before, |at| at.out)),
                into: before.and_then(|before| last.rate(before, |at| at.into)),
                rtt_us: sample.counters.get(Counter::SmoothedRTT),
                window: sample.counters.get(Counter::CurCwnd),
                retransmits: sample.counters.get(Counter::PktsRetrans),
            }
        });
        let rows = rows.collect();
        self.before = now;
        rows
    }
}

impl Last {
    fn of(sample: &FlowSample) -> Self {
        Self {
            micros: sample.time.as_nanos() / 1000,
            out: sample.counters.get(Counter::ThruBytesAcked),
            into: sample.counters.get(Counter::ThruBytesReceived),
        }
    }

    fn rate(&self, before: &Self, bytes: impl Fn(&Self) -> Option<u64>) -> Option<f64> {
        let elapsed = self.micros.checked_sub(before.micros).filter(|micros| *micros > 0)?;
        let grown = bytes(self)?.checked_sub(bytes(before)?)?;
        #[expect(clippy::cast_precision_loss, reason = "a rate that people read")]
        Some(grown as f64 * 1e6 / elapsed as f64)
    }
}

impl History {
    /// Adds a sample of the flow; retransmits are those since the sample before.
    pub(crate) fn push(&mut self, row: &Row, before: Option<u64>) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bars have no fractions")]
        let whole = |rate: Option<f64>| rate.map_or(0, |rate| rate as u64);
        let again = row.retransmits.zip(before).map_or(0, |(now, before)| now.saturating_sub(before));
        for (series, value) in [
            (&mut self.out, whole(row.out)),
            (&mut self.into, whole(row.into)),
            (&mut self.rtt_us, row.rtt_us.unwrap_or(0)),
            (&mut self.window, row.window.unwrap_or(0)),
            (&mut self.retransmits, again),
        ] {
            if series.len() == HISTORY {
                series.pop_front();
            }
            series.push_back(value);
        }
    }
}

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Flow,
    Out,
    In,
    Rtt,
    Window,
    Retransmits,
    Control,
    Path,
}

impl Order {
    pub(crate) const ALL: [Self; 8] = [
        Self::Flow,
        Self::Out,
        Self::In,
        Self::Rtt,
        Self::Window,
        Self::Retransmits,
        Self::Control,
        Self::Path,
    ];

    /// What a row is sorted by, where that is a number; what is absent comes first. Numbers are sorted faster than rows
    /// are compared.
    pub(crate) fn number(self, row: &Row) -> Option<u64> {
        // The bits of numbers that are not negative are in the order of the numbers.
        let rate = |rate: Option<f64>| rate.map_or(0, |rate| rate.to_bits() + 1);
        let whole = |value: Option<u64>| value.map_or(0, |value| value.saturating_add(1));
        match self {
            Self::Out => Some(rate(row.out)),
            Self::In => Some(rate(row.into)),
            Self::Rtt => Some(whole(row.rtt_us)),
            Self::Window => Some(whole(row.window)),
            Self::Retransmits => Some(whole(row.retransmits)),
            Self::Flow | Self::Control | Self::Path => None,
        }
    }

    /// Compares two rows by what is no number.
    pub(crate) fn compare(self, left: &Row, right: &Row) -> Ordering {
        let order = match self {
            Self::Control => left.control.as_str().cmp(right.control.as_str()),
            Self::Path => left.path.cmp(&right.path),
            _ => Ordering::Equal,
        };
        // Rows that are alike keep their places from one sample to the next.
        order.then_with(|| left.key.cmp(&right.key)).then(left.cookie.cmp(&right.cookie))
    }
}
