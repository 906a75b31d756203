//! The kernel's view of a TCP flow (`struct tcp_info`), decoded tolerant of its length.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::netlink::{read_u32, read_u64};

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

/// The kernel's "no threshold yet" (`TCP_INFINITE_SSTHRESH`).
const NO_THRESHOLD: u32 = 0x7fff_ffff;

impl TcpSample {
    /// Reads `struct tcp_info` (linux/tcp.h), of whatever length.
    pub(crate) fn decode(info: &[u8], since_start: Duration) -> Self {
        let word = |at| read_u32(info, at);
        let long = |at| read_u64(info, at);
        let micros = |at| word(at).map(|micros| f64::from(micros) / 1e6);
        let long_micros = |at| long(at).map(|micros| Duration::from_micros(micros).as_secs_f64());
        let rate =
            |at| long(at).filter(|rate| *rate != u64::MAX && *rate != 0).map(|rate| rate.saturating_mul(8));
        Self {
            time_s: since_start.as_secs_f64(),
            segment_bytes: word(16),
            unacked_segments: word(24),
            lost_segments: word(32),
            srtt_s: micros(68),
            ssthresh_segments: word(76).filter(|threshold| *threshold < NO_THRESHOLD),
            cwnd_segments: word(80),
            retransmits: word(100),
            pacing_rate_bps: rate(104),
            bytes_acked: long(120),
            bytes_received: long(128),
            min_rtt_s: micros(148).filter(|rtt| *rtt < f64::from(u32::MAX) / 1e6),
            data_segments_out: word(156),
            delivery_rate_bps: rate(160),
            busy_s: long_micros(168),
            receive_window_limited_s: long_micros(176),
            send_buffer_limited_s: long_micros(184),
            send_window_bytes: word(228),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_structure_gives_what_it_has() {
        let mut info = vec![0; 104];
        info[80..84].copy_from_slice(&10u32.to_ne_bytes());
        info[68..72].copy_from_slice(&70_000u32.to_ne_bytes());
        let sample = TcpSample::decode(&info, Duration::from_secs(1));
        assert_eq!((sample.cwnd_segments, sample.srtt_s), (Some(10), Some(0.07)));
        assert_eq!((sample.bytes_acked, sample.send_window_bytes), (None, None));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(info: Vec<u8>) {
            let _ = TcpSample::decode(&info, Duration::ZERO);
        }
    }
}
