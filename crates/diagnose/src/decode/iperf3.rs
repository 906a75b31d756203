//! The document of `iperf3 --json`: each TCP stream is a flow, each interval a sample.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;
use thiserror::Error;
use wad_model::{Counter, Counters, FlowKey};

use crate::evidence::{Evidence, Source};

/// A document that is not of iperf3, or has no TCP stream.
#[derive(Debug, Error)]
pub enum Iperf3Error {
    /// It is not JSON.
    #[error("line {line}, column {column}: not JSON: {source}")]
    Json {
        /// The line.
        line: usize,
        /// The column.
        column: usize,
        /// What the reader of JSON says.
        source: serde_json::Error,
    },
    /// A key is absent.
    #[error("\"{key}\" is not there: expected the output of `iperf3 --json`")]
    Key {
        /// Which.
        key: &'static str,
    },
    /// It measured something else.
    #[error("it is a test of {protocol}, not of TCP")]
    Protocol {
        /// What.
        protocol: String,
    },
    /// The test failed.
    #[error("the test failed: {message}")]
    Failed {
        /// In iperf3's words.
        message: String,
    },
}

/// Reads the flows of a test.
///
/// # Errors
/// Says where it is wrong, and how.
pub fn parse(text: &str) -> Result<Vec<Evidence>, Iperf3Error> {
    let document: Value = serde_json::from_str(text).map_err(|source| Iperf3Error::Json {
        line: source.line(),
        column: source.column(),
        source,
    })?;
    let intervals = document["intervals"].as_array().ok_or(Iperf3Error::Key { key: "intervals" })?;
    let start = &document["start"];
    if let Some(protocol) = start["test_start"]["protocol"].as_str().filter(|protocol| *protocol != "TCP") {
        return Err(Iperf3Error::Protocol { protocol: protocol.to_owned() });
    }
    if let Some(message) = document["error"].as_str().filter(|_| intervals.is_empty()) {
        return Err(Iperf3Error::Failed { message: message.to_owned() });
    }
    let connections = start["connected"].as_array().ok_or(Iperf3Error::Key { key: "start.connected" })?;
    let flows = connections.iter().filter_map(|connection| {
        let socket = connection["socket"].as_u64()?;
        let samples = samples(&document, intervals, socket);
        (!samples.is_empty()).then(|| Evidence {
            source: Source::Iperf3,
            flow: flow(connection, start["test_start"]["reverse"].as_u64() == Some(1)),
            congestion_control: document["end"]["sender_tcp_congestion"].as_str().map(str::to_owned),
            samples,
            ..Evidence::default()
        })
    });
    let flows: Vec<Evidence> = flows.collect();
    if flows.is_empty() { Err(Iperf3Error::Key { key: "intervals[].streams[]" }) } else { Ok(flows) }
}

/// The ends, from sender to receiver; in a reverse test the far end sends.
fn flow(connection: &Value, reverse: bool) -> Option<FlowKey> {
    let end = |host: &str, port: &str| {
        let ip: IpAddr = connection[host].as_str()?.parse().ok()?;
        Some(SocketAddr::new(ip, u16::try_from(connection[port].as_u64()?).ok()?))
    };
    let (local, remote) = (end("local_host", "local_port")?, end("remote_host", "remote_port")?);
    Some(if reverse { FlowKey::new(remote, local) } else { FlowKey::new(local, remote) })
}

fn samples(document: &Value, intervals: &[Value], socket: u64) -> Vec<Counters> {
    let start = &document["start"];
    let mss = start["tcp_mss"].as_u64().or_else(|| start["tcp_mss_default"].as_u64());
    let (mut sent, mut retransmits) = (0u64, 0u64);
    let streams = intervals.iter().filter_map(|interval| {
        interval["streams"].as_array()?.iter().find(|stream| stream["socket"].as_u64() == Some(socket))
    });
    let sample = |stream: &Value| {
        let mut counters = Counters::EMPTY;
        counters.set(Counter::CurrTime, micros(stream["end"].as_f64()?)?);
        sent = sent.saturating_add(stream["bytes"].as_u64()?);
        counters.set(Counter::DataBytesOut, sent);
        counters.put(Counter::CurMSS, mss);
        if let Some(more) = stream["retransmits"].as_u64() {
            retransmits = retransmits.saturating_add(more);
            counters.set(Counter::PktsRetrans, retransmits);
        }
        let not_zero = |key: &str| stream[key].as_u64().filter(|value| *value != 0);
        counters.put(Counter::SmoothedRTT, not_zero("rtt"));
        counters.put(Counter::RTTVar, not_zero("rttvar"));
        counters.put(Counter::PathMTU, not_zero("pmtu"));
        counters.put(Counter::CurRwinRcvd, not_zero("snd_wnd"));
        // In bytes, which the kernel has in segments.
        let segments = not_zero("snd_cwnd").zip(mss.filter(|mss| *mss != 0)).map(|(cwnd, mss)| cwnd / mss);
        counters.put(Counter::CurCwnd, segments);
        // As an application sees it: what the kernel doubles.
        let buffer = start["sndbuf_actual"]
            .as_u64()
            .filter(|_| start["sock_bufsize"].as_u64().is_some_and(|b| b != 0));
        counters.put(Counter::X_Sndbuf, buffer);
        Some(counters)
    };
    streams.filter_map(sample).collect()
}

fn micros(seconds: f64) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (0.0..1e12).contains(&seconds).then_some((seconds * 1e6).round() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEST: &str = r#"{"start":{"connected":[{"socket":5,"local_host":"10.0.0.1","local_port":40000,
        "remote_host":"10.0.0.2","remote_port":5201}],"tcp_mss_default":1448,"sock_bufsize":65536,"sndbuf_actual":131072,
        "test_start":{"protocol":"TCP","reverse":0}},
        "intervals":[{"streams":[{"socket":5,"start":0,"end":1.000081,"bytes":1000,"retransmits":2,"snd_cwnd":144800,
        "snd_wnd":0,"rtt":41000,"rttvar":900,"pmtu":1500}]},{"streams":[{"socket":5,"start":1,"end":2.0,"bytes":500,
        "retransmits":0,"snd_cwnd":14480,"rtt":42000}]}],"end":{"sender_tcp_congestion":"cubic"}}"#;

    #[test]
    fn a_test_is_read() {
        let flow = &parse(TEST).unwrap()[0];
        assert_eq!(flow.flow.unwrap().destination, "10.0.0.2:5201".parse().unwrap());
        assert_eq!(flow.congestion_control.as_deref(), Some("cubic"));
        assert_eq!(flow.values(Counter::CurrTime).collect::<Vec<_>>(), [1_000_081, 2_000_000]);
        assert_eq!(flow.values(Counter::DataBytesOut).collect::<Vec<_>>(), [1000, 1500]);
        assert_eq!(flow.values(Counter::CurCwnd).collect::<Vec<_>>(), [100, 10]);
        assert_eq!(flow.last(Counter::PktsRetrans), Some(2));
        assert_eq!(flow.last(Counter::X_Sndbuf), Some(131_072));
        assert_eq!(flow.last(Counter::CurRwinRcvd), None);
    }

    #[test]
    fn another_document_is_refused() {
        let why = |text| parse(text).unwrap_err().to_string();
        assert!(why("{\n \"a\"").starts_with("line 2, column 4: not JSON"));
        assert!(why("{}").starts_with("\"intervals\" is not there"));
        let udp = r#"{"start":{"test_start":{"protocol":"UDP"}},"intervals":[]}"#;
        assert_eq!(why(udp), "it is a test of UDP, not of TCP");
        let failed = r#"{"start":{},"intervals":[],"error":"unable to connect"}"#;
        assert_eq!(why(failed), "the test failed: unable to connect");
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "(?s).*", at in 0usize..900, junk in "[0-9e.:,\"{}\\[\\]-]{0,4}") {
            let _ = parse(&text);
            let mut broken = TEST.to_owned();
            broken.insert_str(at.min(broken.len()), &junk);
            let _ = parse(&broken);
        }
    }
}
