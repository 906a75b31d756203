//! What a transfer came to, from the report of its run.

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use wad_lab::{Report, TcpSample};

use crate::failure::Failure;

/// The path of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct PathFacts {
    pub(super) rate_bps: u64,
    pub(super) rtt_s: f64,
    pub(super) queue_bytes: u64,
}

impl PathFacts {
    pub(super) fn of(report: &Report) -> Self {
        let (forward, backward) = (&report.path.forward, &report.path.backward);
        Self {
            rate_bps: forward.rate_bps.unwrap_or_default(),
            rtt_s: forward.delay_s + backward.delay_s,
            queue_bytes: forward.queue_bytes.unwrap_or_default(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
    pub(super) fn rate_bps_f64(self) -> f64 {
        self.rate_bps as f64
    }
}

/// One of the two transfers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Measurement {
    /// Payload that arrived, over the whole transfer, as iperf3 says.
    pub(super) goodput_bps: f64,
    /// The same over the second half of it, when the window has opened.
    pub(super) second_half_bps: f64,
    pub(super) largest_window_segments: u32,
    /// The largest window that the receiver offered.
    pub(super) offered_window_bytes: u32,
    /// The most that this window allows: all of it in each round trip.
    pub(super) offered_window_bps: f64,
    /// Mean of the smoothed round-trip time.
    pub(super) rtt_mean_s: f64,
    pub(super) retransmits: u64,
}

impl Measurement {
    pub(super) fn of(report: &Report) -> Result<Self, Failure> {
        let iperf3 = report
            .applications
            .iter()
            .find(|application| application.name == "iperf3")
            .and_then(|application| application.iperf3.as_ref())
            .context("iperf3 said nothing")?;
        let sender = sender(report)?;
        let arrived: Vec<(f64, u64)> = arrivals(report)?;
        let rtts: Vec<f64> = sender.iter().filter_map(|sample| sample.srtt_s).collect();
        let rtt_mean_s = mean(&rtts).context("no round-trip time was recorded")?;
        let largest = |value: fn(&TcpSample) -> Option<u32>| sender.iter().filter_map(value).max();
        let offered_window_bytes =
            largest(|sample| sample.send_window_bytes).context("the receiver's window was not recorded")?;
        Ok(Self {
            goodput_bps: iperf3.goodput_bps.context("iperf3 gave no goodput")?,
            second_half_bps: second_half(&arrived).context("the transfer was not recorded")?,
            largest_window_segments: largest(|sample| sample.cwnd_segments).unwrap_or(0),
            offered_window_bytes,
            offered_window_bps: f64::from(offered_window_bytes) * 8.0 / rtt_mean_s,
            rtt_mean_s,
            retransmits: iperf3.retransmits.unwrap_or_default(),
        })
    }
}

/// The samples of the end that sent the data.
pub(super) fn sender(report: &Report) -> Result<&[TcpSample], Failure> {
    busiest(report, |sample| sample.bytes_acked)
}

/// Bytes that had arrived at the other end, over time.
fn arrivals(report: &Report) -> Result<Vec<(f64, u64)>, Failure> {
    let samples = busiest(report, |sample| sample.bytes_received)?;
    Ok(samples.iter().filter_map(|sample| Some((sample.time_s, sample.bytes_received?))).collect())
}

/// The samples of the end whose counter came furthest.
fn busiest(report: &Report, counter: fn(&TcpSample) -> Option<u64>) -> Result<&[TcpSample], Failure> {
    let furthest = |samples: &[TcpSample]| samples.iter().filter_map(counter).max().unwrap_or(0);
    report
        .flows
        .iter()
        .map(|flow| flow.samples.as_slice())
        .max_by_key(|samples| furthest(samples))
        .filter(|samples| furthest(samples) > 0)
        .ok_or_else(|| anyhow!("no flow was recorded").into())
}

/// The rate over the second half of the time in which anything arrived, in bits a second.
fn second_half(arrived: &[(f64, u64)]) -> Option<f64> {
    let moving: Vec<(f64, u64)> =
        arrived.windows(2).filter(|pair| pair[1].1 > pair[0].1).map(|pair| pair[1]).collect();
    let (first, last) = (moving.first()?, moving.last()?);
    let middle = f64::midpoint(first.0, last.0);
    let from = moving.iter().find(|(time, _)| *time >= middle)?;
    let seconds = last.0 - from.0;
    #[expect(clippy::cast_precision_loss, reason = "a transfer of the demo is far below 2^53 bytes")]
    let bits = (last.1 - from.1) as f64 * 8.0;
    (seconds > 0.0).then(|| bits / seconds)
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred samples")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_half_leaves_out_the_start_and_the_silence_at_the_end() {
        let arrived = [(0.0, 0), (1.0, 10), (2.0, 20), (3.0, 120), (4.0, 220), (5.0, 320), (6.0, 320)];
        assert_eq!(second_half(&arrived), Some(800.0));
        assert_eq!(second_half(&[(0.0, 5), (1.0, 5)]), None);
    }
}
