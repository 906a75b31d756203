//! What `iperf3 --json` says, as far as the laboratory reads it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The result of an iperf3 client or server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Iperf3 {
    /// What arrived, over the whole test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goodput_bps: Option<f64>,
    /// Bytes that were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_bytes: Option<u64>,
    /// Bytes that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_bytes: Option<u64>,
    /// TCP segments sent again, as the sender saw them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u64>,
    /// UDP datagrams that were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub datagrams: Option<u64>,
    /// UDP datagrams that did not arrive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_datagrams: Option<u64>,
    /// The progress, all streams together.
    pub intervals: Vec<Interval>,
    /// What went wrong, in iperf3's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// An interval of the test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its begin, counted from the begin of the test.
    pub start_s: f64,
    /// Its end.
    pub end_s: f64,
    /// The mean rate in it.
    pub rate_bps: f64,
    /// TCP segments sent again in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retransmits: Option<u64>,
}

impl Iperf3 {
    /// Reads the output of `iperf3 --json`; `None` if it is something else.
    #[must_use]
    pub fn parse(output: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(output).ok()?;
        let (end, intervals) = (document.get("end")?, document.get("intervals")?);
        let (sent, received, udp) = (&end["sum_sent"], &end["sum_received"], &end["sum"]);
        Some(Self {
            goodput_bps: received["bits_per_second"].as_f64().or_else(|| udp_goodput(udp)),
            sent_bytes: sent["bytes"].as_u64().or_else(|| udp["bytes"].as_u64()),
            received_bytes: received["bytes"].as_u64(),
            retransmits: sent["retransmits"].as_u64(),
            datagrams: udp["packets"].as_u64(),
            lost_datagrams: udp["lost_packets"].as_u64(),
            intervals: intervals.as_array()?.iter().filter_map(|one| Interval::parse(&one["sum"])).collect(),
            error: document["error"].as_str().map(str::to_owned),
        })
    }
}

/// A client's sum over datagrams counts those that it sent; the lost ones are told apart.
fn udp_goodput(sum: &Value) -> Option<f64> {
    let lost = sum["lost_percent"].as_f64().unwrap_or(0.0);
    Some(sum["bits_per_second"].as_f64()? * (1.0 - lost / 100.0))
}

impl Interval {
    fn parse(sum: &Value) -> Option<Self> {
        Some(Self {
            start_s: sum["start"].as_f64()?,
            end_s: sum["end"].as_f64()?,
            rate_bps: sum["bits_per_second"].as_f64()?,
            retransmits: sum["retransmits"].as_u64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tcp_result_is_read() {
        let output = r#"{"start":{},"intervals":[{"streams":[],"sum":{"start":0,"end":1.0,"seconds":1.0,
            "bytes":10,"bits_per_second":80.0,"retransmits":2}}],
            "end":{"sum_sent":{"bytes":12,"bits_per_second":96.0,"retransmits":2},
            "sum_received":{"bytes":10,"bits_per_second":80.0}}}"#;
        let result = Iperf3::parse(output).unwrap();
        assert_eq!(result.goodput_bps, Some(80.0));
        assert_eq!(result.retransmits, Some(2));
        assert_eq!(result.intervals.len(), 1);
    }

    #[test]
    fn a_udp_result_is_read_and_other_output_is_not() {
        let output = r#"{"intervals":[],"end":{"sum":{"bytes":1000,"bits_per_second":100.0,
            "packets":100,"lost_packets":25,"lost_percent":25.0}}}"#;
        let result = Iperf3::parse(output).unwrap();
        assert_eq!((result.goodput_bps, result.lost_datagrams), (Some(75.0), Some(25)));
        assert_eq!(Iperf3::parse("Connecting to host"), None);
        assert_eq!(Iperf3::parse("{}"), None);
    }
}
