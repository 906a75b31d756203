//! What a flow's samples come to: the numbers that signatures ask for.

use wad_model::{Counter, Counters};

use crate::evidence::Evidence;
use crate::thresholds::{FEWEST_SAMPLES, RATE_WINDOW_S, SHORTEST_S};

/// A flow's samples, and numbers of them.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) evidence: &'a Evidence,
    /// The samples in which the flow can send.
    pub(crate) moments: Vec<Moment>,
    /// The payload of a full segment.
    pub(crate) mss_bytes: f64,
    /// The least round-trip time.
    pub(crate) min_rtt_s: Option<f64>,
}

/// One sample in plain numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) time_s: f64,
    /// Payload that has arrived, as far as the sender knows.
    pub(crate) delivered_bytes: Option<f64>,
    pub(crate) rtt_s: Option<f64>,
    pub(crate) cwnd: Option<f64>,
    pub(crate) ssthresh: Option<f64>,
    pub(crate) unacked: Option<f64>,
    pub(crate) notsent_bytes: Option<f64>,
    pub(crate) retransmits: Option<f64>,
    pub(crate) window_bytes: Option<f64>,
    pub(crate) buffer_bytes: Option<f64>,
    pub(crate) queued_bytes: Option<f64>,
    pub(crate) busy_s: Option<f64>,
    pub(crate) rwnd_limited_s: Option<f64>,
    pub(crate) sndbuf_limited_s: Option<f64>,
    pub(crate) pacing_bps: Option<f64>,
    pub(crate) idle_s: Option<f64>,
    pub(crate) state: Option<u64>,
}

impl<'a> View<'a> {
    /// Takes the samples of a flow apart.
    pub(crate) fn new(evidence: &'a Evidence) -> Self {
        let mss = evidence.last(Counter::CurMSS).filter(|mss| *mss > 0).map_or(1448.0, float);
        let start = evidence.first(Counter::CurrTime).unwrap_or(0);
        // Where an application writes little at a time a segment is not a full one.
        let payload = mean_payload(evidence).map_or(mss, |mean| mean.min(mss));
        let mut moments: Vec<Moment> = Vec::new();
        for sample in &evidence.samples {
            let moment = Moment::new(sample, start, payload);
            // Two samples at one time, or a clock that went back, make no rate.
            if moments.last().is_none_or(|last| moment.time_s > last.time_s) {
                moments.push(moment);
            }
        }
        let rtts = evidence.values(Counter::MinRTT).chain(evidence.values(Counter::SmoothedRTT));
        let min_rtt_s = rtts.filter(|rtt| *rtt > 0).min().map(|rtt| float(rtt) / 1e6);
        Self { evidence, moments, mss_bytes: mss, min_rtt_s }
    }

    /// Whether there is enough for a verdict on growth or loss.
    pub(crate) fn is_long_enough(&self) -> bool {
        self.moments.len() >= FEWEST_SAMPLES && self.span_s() >= SHORTEST_S
    }

    /// From the first sample to the last.
    pub(crate) fn span_s(&self) -> f64 {
        match (self.moments.first(), self.moments.last()) {
            (Some(first), Some(last)) => last.time_s - first.time_s,
            _ => 0.0,
        }
    }

    /// The mean rate at which payload arrived.
    pub(crate) fn goodput_bps(&self) -> Option<f64> {
        rate(self.moments.first()?, self.moments.last()?)
    }

    /// Mean rates over windows of a few tenths of a second, each with the index of the moment at its end.
    pub(crate) fn rates(&self) -> Vec<(usize, f64)> {
        let mut rates = Vec::new();
        let mut from = 0;
        for (to, moment) in self.moments.iter().enumerate().skip(1) {
            if moment.time_s - self.moments[from].time_s < RATE_WINDOW_S * 0.95 {
                continue;
            }
            if let Some(rate) = rate(&self.moments[from], moment) {
                rates.push((to, rate));
            }
            from = to;
        }
        rates
    }

    /// As [`rates`](Self::rates), but a window ends at every moment, so that they overlap.
    pub(crate) fn sliding_rates(&self) -> Vec<(usize, f64)> {
        let mut from = 0;
        let ends = self.moments.iter().enumerate().skip(1);
        ends.filter_map(|(to, moment)| {
            let starts = moment.time_s - RATE_WINDOW_S * 0.95;
            while self.moments[from + 1].time_s <= starts {
                from += 1;
            }
            let is_whole = self.moments[from].time_s <= starts;
            rate(&self.moments[from], moment).filter(|_| is_whole).map(|rate| (to, rate))
        })
        .collect()
    }

    /// Whether the flow repaired losses somewhere in the window of [`rates`](Self::rates) that ends at a moment.
    pub(crate) fn is_recovering_before(&self, at: usize) -> bool {
        let end = self.moments[at].time_s;
        let mut window =
            self.moments[..=at].iter().rev().take_while(|one| end - one.time_s < RATE_WINDOW_S * 1.05);
        window.any(Moment::is_recovering)
    }

    /// The best of these.
    pub(crate) fn best_rate_bps(&self) -> Option<f64> {
        self.rates().into_iter().map(|(_, rate)| rate).max_by(f64::total_cmp)
    }

    /// Round-trip time over the least one, at a moment.
    pub(crate) fn inflation(&self, moment: &Moment) -> Option<f64> {
        Some(moment.rtt_s? / self.min_rtt_s?)
    }

    /// All of these, sorted. A round-trip time stays what it was while nothing is acknowledged, so moments without
    /// progress do not count.
    pub(crate) fn inflations(&self) -> Vec<f64> {
        let moved = |pair: &&[Moment]| {
            pair[1].delivered_bytes > pair[0].delivered_bytes || pair[1].delivered_bytes.is_none()
        };
        let values = self.moments.windows(2).filter(moved).filter_map(|pair| self.inflation(&pair[1]));
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        values
    }

    /// What the flow can have under way without a queue at `rate_bps`, in segments.
    pub(crate) fn bdp_segments(&self, rate_bps: f64) -> Option<f64> {
        Some(rate_bps / 8.0 * self.min_rtt_s? / self.mss_bytes)
    }

    /// How much a counter grew between the first and the last sample that have it.
    pub(crate) fn growth(&self, counter: Counter) -> Option<f64> {
        let (first, last) = (self.evidence.first(counter)?, self.evidence.last(counter)?);
        Some(float(last.saturating_sub(first)))
    }

    /// The last value of a counter.
    pub(crate) fn last(&self, counter: Counter) -> Option<f64> {
        self.evidence.last(counter).map(float)
    }

    /// Segments sent again, for each segment with data.
    pub(crate) fn loss_rate(&self) -> Option<f64> {
        let sent = self
            .last(Counter::DataPktsOut)
            .or_else(|| Some(self.last(Counter::DataBytesOut)? / self.mss_bytes))
            .filter(|sent| *sent > 0.0)?;
        Some(self.last(Counter::PktsRetrans)? / sent)
    }
}

impl Moment {
    /// Whether losses are being repaired (linux/tcp.h: recovery, loss).
    pub(crate) fn is_recovering(&self) -> bool {
        self.state.is_some_and(|state| matches!(state, 3 | 4))
    }

    /// `payload` is what a segment carries, in bytes.
    fn new(sample: &Counters, start_us: u64, payload: f64) -> Self {
        let get = |counter| sample.get(counter).map(float);
        let seconds = |counter| get(counter).map(|micros| micros / 1e6);
        // Segments that arrived out of order have arrived: bytes acknowledged jump when a hole is filled.
        let delivered = get(Counter::Delivered).map(|segments| segments * payload);
        let delivered =
            delivered.or_else(|| get(Counter::ThruBytesAcked)).or_else(|| get(Counter::DataBytesOut));
        Self {
            time_s: sample
                .get(Counter::CurrTime)
                .map_or(0.0, |time| float(time.saturating_sub(start_us)) / 1e6),
            delivered_bytes: delivered,
            rtt_s: seconds(Counter::SmoothedRTT),
            cwnd: get(Counter::CurCwnd),
            ssthresh: get(Counter::CurSsthresh),
            unacked: get(Counter::UnackedPkts),
            notsent_bytes: get(Counter::CurAppWQueue),
            retransmits: get(Counter::PktsRetrans),
            window_bytes: get(Counter::CurRwinRcvd),
            buffer_bytes: get(Counter::X_Sndbuf),
            queued_bytes: get(Counter::X_WmemQueued),
            busy_s: seconds(Counter::BusyTime),
            rwnd_limited_s: seconds(Counter::SndLimTimeRwin),
            sndbuf_limited_s: seconds(Counter::SndLimTimeSnd),
            pacing_bps: get(Counter::PacingRate).map(|bytes| bytes * 8.0),
            idle_s: seconds(Counter::LastDataSent),
            state: sample.get(Counter::CAState),
        }
    }

    /// Whether the congestion window has room that is not used.
    pub(crate) fn has_room(&self) -> Option<bool> {
        Some(self.unacked? + 1.0 < self.cwnd?)
    }
}

/// Payload of a segment, over all that the flow sent.
fn mean_payload(evidence: &Evidence) -> Option<f64> {
    let segments = evidence.last(Counter::DataPktsOut).filter(|segments| *segments > 0)?;
    Some(float(evidence.last(Counter::DataBytesOut)?) / float(segments))
}

fn rate(from: &Moment, to: &Moment) -> Option<f64> {
    let bytes = to.delivered_bytes? - from.delivered_bytes?;
    Some(bytes.max(0.0) * 8.0 / (to.time_s - from.time_s))
}

/// The `q`-quantile of sorted values.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "q is from 0 to 1")]
    let index = (count(last) * q).round() as usize;
    sorted.get(index.min(last)).copied()
}

/// The mean, and the standard deviation over it.
pub(crate) fn spread(values: &[f64]) -> Option<(f64, f64)> {
    if values.is_empty() {
        return None;
    }
    let mean = values.iter().sum::<f64>() / count(values.len());
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count(values.len());
    (mean > 0.0).then(|| (mean, variance.sqrt() / mean))
}

/// A number of things as a number to compute with.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

/// A counter as a number to compute with; beyond 2^53 it is rounded.
#[expect(clippy::cast_precision_loss, reason = "signatures compare ratios")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1000 writes of 100 bytes a second are 800 kbit/s, whatever a full segment would carry.
    #[test]
    fn segments_count_with_what_they_carry() {
        let sample = |second: u64| {
            let segments = 1000 * second;
            let counters = [
                (Counter::CurrTime, second * 1_000_000),
                (Counter::CurMSS, 1448),
                (Counter::Delivered, 1 + segments),
                (Counter::DataPktsOut, segments),
                (Counter::DataBytesOut, 100 * segments),
            ];
            Counters::from_iter(counters)
        };
        let evidence = Evidence { samples: (1..=10).map(sample).collect(), ..Evidence::default() };
        let goodput = View::new(&evidence).goodput_bps().unwrap();
        assert!((goodput - 800e3).abs() < 1.0, "{goodput}");
    }
}
