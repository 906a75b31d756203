//! A flow of an experiment at one time, in the units of reports.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use wad_model::{Counter, Counters};

/// A flow at one time. A value that the kernel did not give is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TcpSample {
    /// When.
    pub time_s: f64,
    /// The congestion window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cwnd_segments: Option<u32>,
    /// The slow start threshold; absent as long as there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssthresh_segments: Option<u32>,
    /// The size of a segment that the flow sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment_bytes: Option<u32>,
    /// The smoothed round-trip time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srtt_s: Option<f64>,
    /// The least round-trip time of late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rtt_s: Option<f64>,
    /// Segments sent and not yet acknowledged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unacked_segments: Option<u32>,
    /// Segments sent again, from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u32>,
    /// Segments that the flow takes for lost, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_segments: Option<u32>,
    /// Bytes acknowledged, from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_acked: Option<u64>,
    /// Bytes received, from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_received: Option<u64>,
    /// Segments with data sent, from the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_segments_out: Option<u32>,
    /// The rate of delivery that the flow last measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery_rate_bps: Option<u64>,
    /// The rate at which the flow is paced; absent if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pacing_rate_bps: Option<u64>,
    /// How long the flow had data to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_s: Option<f64>,
    /// How long of that the receiver's window held it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_window_limited_s: Option<f64>,
    /// How long of that its own send buffer held it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_buffer_limited_s: Option<f64>,
    /// The window that the other end offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_window_bytes: Option<u32>,
    /// The send buffer, as the kernel counts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_buffer_bytes: Option<u32>,
    /// The receive buffer, as the kernel counts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive_buffer_bytes: Option<u32>,
}

impl TcpSample {
    /// What the counters say, some time after the start.
    pub(crate) fn new(counters: &Counters, since_start: Duration) -> Self {
        let long = |counter| counters.get(counter);
        let word = |counter| long(counter).and_then(|value| u32::try_from(value).ok());
        let seconds = |counter| long(counter).map(|micros| Duration::from_micros(micros).as_secs_f64());
        let rate = |counter| long(counter).filter(|rate| *rate != 0).map(|rate: u64| rate.saturating_mul(8));
        Self {
            time_s: since_start.as_secs_f64(),
            cwnd_segments: word(Counter::CurCwnd),
            ssthresh_segments: word(Counter::CurSsthresh),
            segment_bytes: word(Counter::CurMSS),
            srtt_s: seconds(Counter::SmoothedRTT),
            min_rtt_s: seconds(Counter::MinRTT),
            unacked_segments: word(Counter::UnackedPkts),
            retransmits: word(Counter::PktsRetrans),
            lost_segments: word(Counter::LostPkts),
            bytes_acked: long(Counter::ThruBytesAcked),
            bytes_received: long(Counter::ThruBytesReceived),
            data_segments_out: word(Counter::DataPktsOut),
            delivery_rate_bps: rate(Counter::DeliveryRate),
            pacing_rate_bps: rate(Counter::PacingRate),
            busy_s: seconds(Counter::BusyTime),
            receive_window_limited_s: seconds(Counter::SndLimTimeRwin),
            send_buffer_limited_s: seconds(Counter::SndLimTimeSnd),
            send_window_bytes: word(Counter::CurRwinRcvd),
            send_buffer_bytes: word(Counter::X_Sndbuf),
            receive_buffer_bytes: word(Counter::X_Rcvbuf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_not_give_is_absent() {
        let mut counters = Counters::EMPTY;
        counters.set(Counter::CurCwnd, 10);
        counters.set(Counter::SmoothedRTT, 70_000);
        counters.set(Counter::PacingRate, 1_000_000);
        let sample = TcpSample::new(&counters, Duration::from_secs(1));
        assert_eq!((sample.cwnd_segments, sample.srtt_s, sample.time_s), (Some(10), Some(0.07), 1.0));
        assert_eq!(sample.pacing_rate_bps, Some(8_000_000));
        assert_eq!((sample.bytes_acked, sample.send_window_bytes), (None, None));
    }
}
