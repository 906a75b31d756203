//! The congestion windows of a transfer over time, all its streams together.

use std::collections::BTreeMap;
use std::ops::Range;

use wad_lab::{Report, TcpSample};

use crate::compose::{RECEIVER, SENDER};
use crate::formula;

/// A stream that carried less is the talk of the application, not its data.
const DATA_BYTES: u64 = 100_000;

/// The streams of a transfer at one time, in the same order each time.
pub(crate) type Instant<'r> = Vec<&'r TcpSample>;

/// The streams of a transfer over time: each instant has all of them.
#[derive(Debug)]
pub(crate) struct Windows<'r> {
    instants: Vec<Instant<'r>>,
}

/// A loss that made streams set their slow-start threshold anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LossEvent {
    /// When it was seen.
    pub(crate) time_s: f64,
    /// How many streams it hit.
    pub(crate) streams: usize,
    /// The window of all streams before.
    pub(crate) before: f64,
    /// And after it.
    pub(crate) after: f64,
    /// Whether all streams were in congestion avoidance before.
    pub(crate) avoidance: bool,
}

impl<'r> Windows<'r> {
    /// Of the senders of the transfer to a port.
    pub(crate) fn of(report: &'r Report, port: u16) -> Self {
        let streams = streams(report, SENDER, |flow| flow.destination.port() == port);
        let mut by_time: BTreeMap<u64, Instant<'r>> = BTreeMap::new();
        for sample in streams.iter().flat_map(|samples| samples.iter()) {
            // Times are not negative, so their bits have their order.
            by_time.entry(sample.time_s.to_bits()).or_default().push(sample);
        }
        let instants = by_time.into_values().filter(|instant| instant.len() == streams.len()).collect();
        Self { instants }
    }

    pub(crate) fn instants(&self) -> &[Instant<'r>] {
        &self.instants
    }

    /// The events, in their order.
    pub(crate) fn events(&self) -> Vec<LossEvent> {
        self.instants.windows(2).filter_map(|pair| event(&pair[0], &pair[1])).collect()
    }

    /// The longest stretch of congestion avoidance in which the window still grew.
    pub(crate) fn avoidance(&self) -> &[Instant<'r>] {
        let longest = self.stretches().into_iter().map(|range| self.growing(range));
        longest.max_by_key(Range::len).map_or(&[], |range| &self.instants[range])
    }

    /// The first slow start, from a window of `from` segments on.
    pub(crate) fn slow_start(&self, from: f64) -> &[Instant<'r>] {
        let slow = |instant: &Instant<'_>| {
            instant.iter().all(|one| {
                one.ssthresh_segments.is_none_or(|threshold| one.cwnd_segments < Some(threshold))
                    && one.lost_segments == Some(0)
            })
        };
        let end = self.instants.iter().position(|instant| !slow(instant)).unwrap_or(self.instants.len());
        let begin = self.instants[..end].iter().position(|instant| window(instant) >= from);
        begin.map_or(&[], |begin| &self.instants[self.growing(begin..end)])
    }

    fn stretches(&self) -> Vec<Range<usize>> {
        let mut all: Vec<Range<usize>> = Vec::new();
        for (at, instant) in self.instants.iter().enumerate() {
            if !in_avoidance(instant) {
                continue;
            }
            let goes_on = at > 0 && event(&self.instants[at - 1], instant).is_none();
            match all.last_mut() {
                Some(last) if goes_on && last.end == at => last.end = at + 1,
                _ => all.push(at..at + 1),
            }
        }
        all
    }

    /// The range up to where its largest window is reached: from there on something else is the limit.
    fn growing(&self, range: Range<usize>) -> Range<usize> {
        let largest = self.instants[range.clone()].iter().map(window).fold(0.0, f64::max);
        let end = range.clone().find(|at| window(&self.instants[*at]) >= largest);
        range.start..end.map_or(range.end, |end| end + 1)
    }
}

/// Bytes that had arrived, over time, over all streams of the transfer to a port.
pub(crate) fn arrivals(report: &Report, port: u16) -> Vec<(f64, u64)> {
    let mut by_time: BTreeMap<u64, u64> = BTreeMap::new();
    for samples in streams(report, RECEIVER, |flow| flow.source.port() == port) {
        for sample in samples {
            *by_time.entry(sample.time_s.to_bits()).or_default() += sample.bytes_received.unwrap_or(0);
        }
    }
    by_time.into_iter().map(|(time, bytes)| (f64::from_bits(time), bytes)).collect()
}

/// The samples of the flows of a host that carried data.
pub(crate) fn streams<'r>(
    report: &'r Report,
    host: &str,
    wanted: impl Fn(&wad_lab::report::FlowReport) -> bool,
) -> Vec<&'r [TcpSample]> {
    let carried = |sample: &TcpSample| sample.bytes_acked.max(sample.bytes_received).unwrap_or(0);
    let flows = report.flows.iter().filter(|flow| flow.host == host && wanted(flow));
    flows
        .map(|flow| flow.samples.as_slice())
        .filter(|samples| samples.iter().map(carried).max().unwrap_or(0) >= DATA_BYTES)
        .collect()
}

/// The window of all streams, in segments.
pub(crate) fn window(instant: &Instant<'_>) -> f64 {
    instant.iter().map(|sample| segments(sample.cwnd_segments)).sum()
}

/// The mean round-trip time of the streams.
pub(crate) fn rtt(instant: &Instant<'_>) -> Option<f64> {
    crate::statistics::mean(&instant.iter().filter_map(|sample| sample.srtt_s).collect::<Vec<_>>())
}

/// Samples of (round trips, window).
pub(crate) fn over_round_trips(stretch: &[Instant<'_>]) -> Vec<(f64, f64)> {
    let outstanding: Vec<(f64, f64)> = stretch.iter().filter_map(flight).collect();
    let passed = if outstanding.len() == stretch.len() {
        formula::rounds(&outstanding)
    } else {
        let time = |instant: &Instant<'_>| Some((instant.first()?.time_s, rtt(instant)?));
        formula::round_trips(&stretch.iter().filter_map(time).collect::<Vec<_>>())
    };
    passed.into_iter().zip(stretch.iter().map(window)).collect()
}

/// Acknowledged and outstanding segments, if there is one stream.
fn flight(instant: &Instant<'_>) -> Option<(f64, f64)> {
    let [one] = instant.as_slice() else { return None };
    Some((acknowledged(one)?, f64::from(one.unacked_segments?)))
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^53 bytes")]
fn acknowledged(sample: &TcpSample) -> Option<f64> {
    Some(sample.bytes_acked? as f64 / f64::from(sample.segment_bytes?))
}

/// Samples of (acknowledged segments, window) of a transfer of one stream.
pub(crate) fn over_acknowledged(stretch: &[Instant<'_>]) -> Vec<(f64, f64)> {
    stretch.iter().filter_map(|instant| Some((flight(instant)?.0, window(instant)))).collect()
}

fn event(before: &Instant<'_>, after: &Instant<'_>) -> Option<LossEvent> {
    let hit = |pair: &(&&TcpSample, &&TcpSample)| is_loss(pair.0, pair.1);
    let streams = before.iter().zip(after).filter(hit).count();
    let left = |pair: (&&TcpSample, &&TcpSample)| {
        segments(if hit(&pair) { pair.1.ssthresh_segments } else { pair.1.cwnd_segments })
    };
    (streams > 0).then(|| LossEvent {
        time_s: after.first().map_or(0.0, |sample| sample.time_s),
        streams,
        before: window(before),
        after: before.iter().zip(after).map(left).sum(),
        avoidance: in_avoidance(before),
    })
}

/// A threshold that moves without a loss is not an event: a ceiling of the window moves it too.
fn is_loss(before: &TcpSample, after: &TcpSample) -> bool {
    after.ssthresh_segments.is_some()
        && before.ssthresh_segments != after.ssthresh_segments
        && (after.retransmits > before.retransmits || after.lost_segments > Some(0))
}

fn in_avoidance(instant: &Instant<'_>) -> bool {
    instant.iter().all(|sample| {
        sample.ssthresh_segments.is_some()
            && sample.cwnd_segments > sample.ssthresh_segments
            && sample.lost_segments == Some(0)
    })
}

fn segments(count: Option<u32>) -> f64 {
    count.map_or(0.0, f64::from)
}
