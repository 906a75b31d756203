//! `wad diagnose` as users run it, on recordings of their own.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A flow that the receiver's window holds at 64 KiB over 40 ms, as `ss -tinem` shows it.
fn ss_text() -> String {
    let look = |n: u64| {
        let acked = 150_000 * n + 1;
        format!(
            "{}.{:02}\nState Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
             ESTAB 0 200000 10.0.0.1:40000 10.0.0.2:5201 ino:1 sk:1 <->\n\
             \t skmem:(r0,rb131072,t0,tb2626560,f0,w400000,o0,bl0,d0) ts sack cubic rto:244 rtt:40.6/0.9 mss:1448 \
             pmtu:1500 cwnd:80 bytes_sent:{acked} bytes_acked:{acked} segs_out:{n} data_segs_out:{} busy:{}ms \
             rwnd_limited:{}ms(98.0%) unacked:45 notsent:300000 minrtt:40.4 snd_wnd:65535\n",
            1_700_000_000 + n / 10,
            n % 10 * 10,
            n * 104,
            n * 100,
            n * 98
        )
    };
    (0..30).map(look).collect()
}

const IPERF: &str = r#"{"start":{"connected":[{"socket":5,"local_host":"10.0.0.1","local_port":40000,
    "remote_host":"10.0.0.2","remote_port":5201}],"tcp_mss_default":1448,"sock_bufsize":0,
    "test_start":{"protocol":"TCP","reverse":0}},"intervals":[
    {"streams":[{"socket":5,"start":0,"end":1,"bytes":1000000,"retransmits":0,"snd_cwnd":144800,"rtt":41000}]},
    {"streams":[{"socket":5,"start":1,"end":2,"bytes":1000000,"retransmits":0,"snd_cwnd":144800,"rtt":42000}]}],
    "end":{"sender_tcp_congestion":"cubic"}}"#;

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let file = directory.join(name);
    std::fs::write(&file, text).unwrap();
    file
}

fn diagnose(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wad")).arg("diagnose").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn the_text_of_ss_is_diagnosed() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "ss.txt", &ss_text());
    let file = file.to_str().unwrap();
    let document: Value = serde_json::from_str(&stdout(&diagnose(&["--ss", file, "--json"]))).unwrap();
    let flow = &document["flows"][0];
    assert_eq!(flow["verdict"], "problems found");
    assert_eq!(flow["findings"][0]["problem"], "no_window_scaling");
    assert!(flow["limits"]["receive_window"].as_f64().unwrap() > 0.9);
    let text = stdout(&diagnose(&["--ss", file, "--target", "1 Gbit/s"]));
    assert!(text.contains("1. no_window_scaling: ") && text.contains("1 Gbit/s needs buffers of"), "{text}");
}

#[test]
fn a_test_of_iperf3_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "test.json", IPERF);
    let output = stdout(&diagnose(&["--iperf", file.to_str().unwrap(), "--json"]));
    let document: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(document["flows"][0]["evidence"], "iperf3");
    assert_eq!(document["flows"][0]["summary"]["least_rtt_s"], 0.041);
}

#[test]
fn a_foreign_file_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let file = write(directory.path(), "file", "GIF89a\nmore");
    let file = file.to_str().unwrap();
    for (option, place) in [("--pcap", "offset 0"), ("--ss", "line 1"), ("--iperf", "line 1, column 1")] {
        let output = diagnose(&[option, file]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn evidence_must_be_given_once() {
    assert_eq!(diagnose(&[]).status.code(), Some(2));
    assert_eq!(diagnose(&["192.0.2.1:1", "--ss", "x"]).status.code(), Some(2));
}

#[test]
fn a_flow_that_is_not_there_is_a_failure() {
    let output = diagnose(&["192.0.2.1:1", "--seconds", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no flow to 192.0.2.1:1"));
}
