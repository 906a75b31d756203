//! `wad trace export` and `wad plot`, as users run them: no daemon, no privileges.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Files, Outcome, text, wad};
use wad_model::{FlowKey, Time, Timestamp};
use wad_trace::{BatchLimits, ClockReading, Column, Flow, Header, Kind, Schema, Writer};

fn run(arguments: &[&str]) -> Outcome {
    Outcome::of(&mut wad(arguments))
}

/// A flow of so many bytes a second, sampled for twenty seconds.
fn trace(rate: u64) -> Vec<u8> {
    let columns = [
        Column::new("ThruBytesAcked", "B", Kind::Counter),
        Column::new("CurCwnd", "segments", Kind::Gauge),
        Column::new("SmoothedRTT", "us", Kind::Gauge),
    ];
    let at = |second: u64| Time::from_nanos(second * 1_000_000_000);
    let header = Header {
        host: "dtn1".to_owned(),
        program: "wad".to_owned(),
        start: ClockReading { monotonic: at(0), wall: Timestamp::from_iso("2026-03-01T12:00:00Z").unwrap() },
        interval: Some(Duration::from_secs(1)),
        sequence: 0,
        tables: vec![Schema::new("samples", columns)],
    };
    let limits = BatchLimits { age: Duration::from_secs(4), ..BatchLimits::default() };
    let mut writer = Writer::new(Vec::new(), header).unwrap().limits(limits);
    let key = FlowKey::new("192.0.2.1:40000".parse().unwrap(), "198.51.100.7:5001".parse().unwrap());
    let flow = writer.open(Flow::new(key)).unwrap();
    for second in 0..20 {
        writer.sample(0, flow, at(second), &[Some(rate * second), Some(10 + second), Some(70_000)]).unwrap();
    }
    writer.finish().unwrap()
}

fn file(files: &Files, name: &str, bytes: &[u8]) -> PathBuf {
    let path = files.path(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn csv_goes_to_standard_output() {
    let files = Files::new();
    let trace = file(&files, "flows.wadt", &trace(1000));
    let csv = run(&["trace", "export", text(&trace), "--format", "csv"]).printed();
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines.len(), 21);
    assert_eq!(
        lines[0],
        "time,elapsed_s,flow,source,destination,ThruBytesAcked_bytes,CurCwnd_segments,SmoothedRTT_us"
    );
    assert_eq!(
        lines[2],
        "2026-03-01T12:00:01.000000Z,1.000000000,0,192.0.2.1:40000,198.51.100.7:5001,1000,11,70000"
    );
}

#[test]
fn each_format_goes_to_a_file() {
    let files = Files::new();
    let trace = file(&files, "flows.wadt", &trace(1000));
    for (format, begin) in [
        ("csv", &b"time,"[..]),
        ("jsonl", b"{\"time\""),
        ("netlogger", b"DATE="),
        ("netlogger-bp", b"ts="),
        ("netlogger-json", b"{\"time\""),
        ("parquet", b"PAR1"),
    ] {
        let out = files.path(format);
        let arguments = ["trace", "export", text(&trace), "--format", format, "--out", text(&out)];
        assert_eq!(run(&arguments).printed(), "");
        assert!(fs::read(&out).unwrap().starts_with(begin), "{format}");
    }
}

#[test]
fn a_torn_trace_is_exported_with_a_note() {
    let files = Files::new();
    let whole = trace(1000);
    let torn = file(&files, "flows.wadt", &whole[..whole.len() - 40]);
    let outcome = run(&["trace", "export", text(&torn)]);
    assert_eq!(outcome.status, Some(0));
    assert_eq!(outcome.stdout.lines().count(), 21 - 5, "the last batch has five samples");
    assert!(outcome.stderr.contains("note: the trace is whole up to byte "), "{}", outcome.stderr);
}

#[test]
fn damage_is_a_failure_after_what_is_whole() {
    let files = Files::new();
    let mut bytes = trace(1000);
    let place = bytes.len() - 60;
    bytes[place] ^= 1;
    let damaged = file(&files, "flows.wadt", &bytes);
    let outcome = run(&["trace", "export", text(&damaged)]);
    assert_eq!(outcome.status, Some(1));
    assert_eq!(outcome.stdout.lines().count(), 21 - 5);
    assert!(outcome.stderr.contains("is damaged at byte "), "{}", outcome.stderr);
}

#[test]
fn what_is_no_trace_is_refused() {
    let files = Files::new();
    let foreign = file(&files, "flows.csv", b"time,flow\n");
    let error = run(&["trace", "export", text(&foreign)]).failure(2);
    assert!(error.ends_with("not a trace of WAD: byte 0 is not what such a file begins with"), "{error}");
    let error = run(&["plot", text(&foreign)]).failure(2);
    assert!(error.contains("not a trace of WAD"), "{error}");
    let short = file(&files, "short.wadt", &trace(1)[..50]);
    let error = run(&["trace", "export", text(&short)]).failure(2);
    assert!(error.ends_with("the trace is cut off within its header, at byte 50"), "{error}");
    let error = run(&["trace", "export", "/nonexistent.wadt"]).failure(2);
    assert!(error.starts_with("cannot read /nonexistent.wadt"), "{error}");
    let good = file(&files, "good.wadt", &trace(1));
    let error = run(&["trace", "export", text(&good), "--table", "acks"]).failure(2);
    assert!(error.ends_with("the trace has no table \"acks\"; it has samples"), "{error}");
}

#[test]
fn a_trace_is_drawn() {
    let files = Files::new();
    let trace = file(&files, "flows.wadt", &trace(1_000_000));
    let out = files.path("pictures");
    let printed = run(&["plot", text(&trace), "--out", text(&out)]).printed();
    let names: Vec<_> = printed.lines().map(|line| Path::new(line).file_name().unwrap()).collect();
    assert_eq!(names.len(), 8, "{names:?}");
    for name in ["throughput", "windows", "rtt", "overview"] {
        let svg = fs::read_to_string(out.join(format!("flows-{name}.svg"))).unwrap();
        assert!(svg.starts_with("<svg"));
        assert!(fs::read(out.join(format!("flows-{name}.png"))).unwrap().starts_with(b"\x89PNG"));
    }
    let svg = fs::read_to_string(out.join("flows-throughput.svg")).unwrap();
    assert!(svg.contains("mean 8.0 Mbit/s"), "{svg}");
}

#[test]
fn several_traces_are_compared() {
    let files = Files::new();
    let (slow, fast) =
        (file(&files, "slow.wadt", &trace(1000)), file(&files, "fast.wadt", &trace(1_000_000)));
    let out = files.path("pictures");
    let document = run(&["plot", text(&slow), text(&fast), "--out", text(&out), "--json"]).json();
    assert_eq!(document["pictures"].as_array().unwrap().len(), 18);
    let svg = fs::read_to_string(out.join("comparison.svg")).unwrap();
    assert!(svg.contains("slow 8.0 kbit/s, fast 8.0 Mbit/s"), "{svg}");
}
