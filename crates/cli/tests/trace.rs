//! `wad trace` and `wad flows` with filters, as users run them: real flows, with and without a daemon. Needs root.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/host.rs"]
mod host;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/process.rs"]
mod process;
#[expect(dead_code, reason = "another test program uses the rest")]
#[path = "daemon/traffic.rs"]
mod traffic;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Outcome, text, wad};
use host::{Host, wait_until};
use process::Daemon;
use serde_json::{Value, json};
use traffic::Server;
use wad_trace::{ExportFormat, Reader, export};

const CONFIG: &str =
    "[[path]]\nname = \"far\"\ndestination = [\"127.66.0.0/16\"]\nbuffers = { size = \"1 MiB\" }\n";

/// A recording that runs.
struct Tracer(Child);

impl Tracer {
    fn start(command: &mut Command, out: &Path) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The header is written before the first sample.
        assert!(wait_until(|| out.metadata().is_ok_and(|file| file.len() > 0)), "it records");
        Self(child)
    }

    /// Ends it as Ctrl-C does.
    fn interrupt(self) -> Outcome {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        self.0.wait_with_output().unwrap().into()
    }
}

/// The rows of a table of a recording.
fn rows(recording: &Path, table: &str) -> Vec<Value> {
    let mut reader = Reader::new(BufReader::new(File::open(recording).unwrap())).unwrap();
    let mut lines = Vec::new();
    export(&mut reader, table, ExportFormat::JsonLines, &mut lines).unwrap();
    assert!(reader.is_finished());
    String::from_utf8(lines).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The largest value of a counter in some rows.
fn largest(rows: &[Value], counter: &str) -> Option<u64> {
    rows.iter().filter_map(|row| row[counter].as_u64()).max()
}

#[test]
fn a_designated_flow_is_recorded_to_its_last_byte() {
    let host = Host::new();
    let daemon = Daemon::start(&host, CONFIG);
    let out = host.files.path("flows.wadt");
    let runtime_dir = host.runtime_dir();
    let arguments =
        ["trace", "--out", text(&out), "--interval", "50ms", "--json", "--runtime-dir", text(&runtime_dir)];
    let tracer = Tracer::start(&mut wad(&arguments), &out);
    let mut flow = Server::new().connect();
    flow.transfer(3_000_000);
    drop(flow);
    assert!(wait_until(|| daemon.status().closed_flows == 1));
    let summary = tracer.interrupt().json();
    assert_eq!((&summary["flows"], &summary["closed_flows"]), (&json!(1), &json!(1)), "{summary}");
    assert_eq!(summary["lost_events"], 0);
    let rows = rows(&out, "samples");
    // The kernel counts SYN and FIN.
    assert!((3_000_001..=3_000_002).contains(&largest(&rows, "ThruBytesAcked_bytes").unwrap()));
    assert!(largest(&rows, "DataBytesOut_bytes").unwrap() >= 3_000_000);
    assert!(largest(&rows, "CountRTT").is_some());
}

#[test]
fn any_flow_can_be_followed_event_by_event_without_a_daemon() {
    let host = Host::new();
    let mut flow = Server::new().connect();
    let port = format!("dport={}", flow.client.peer_addr().unwrap().port());
    let listed = Outcome::of(&mut wad(&["flows", "--json", &port])).json();
    assert_eq!(listed["flows"][0]["source"], json!(flow.source()), "{listed}");
    assert_eq!(
        (&listed["flows"][0]["state"], listed["flows"].as_array().unwrap().len()),
        (&json!("established"), 1)
    );

    let out = host.files.path("acks.wadt");
    let mut command =
        wad(&["trace", &port, "--out", text(&out), "--events", "ack", "--interval", "50ms", "--json"]);
    let tracer = Tracer::start(&mut command, &out);
    std::thread::sleep(Duration::from_millis(500));
    flow.transfer(3_000_000);
    drop(flow);
    std::thread::sleep(Duration::from_millis(500));
    let summary = tracer.interrupt().json();
    assert_eq!((&summary["flows"], &summary["closed_flows"]), (&json!(1), &json!(1)), "{summary}");
    assert!(summary["events"].as_u64().unwrap() > 0, "{summary}");
    assert!(largest(&rows(&out, "acks"), "CurCwnd_segments").unwrap() > 0);
}

#[test]
fn a_recording_goes_on_in_other_files() {
    let host = Host::new();
    let _flow = Server::new().connect();
    let out = host.files.path("flows.wadt");
    let arguments =
        ["trace", "127.66.0.1", "--out", text(&out), "--interval", "50ms", "--rotate-age", "300ms"];
    let summary = Outcome::of(wad(&arguments).args(["--duration", "1s", "--json"])).json();
    let files = summary["files"].as_array().unwrap();
    assert!(files.len() > 1, "{summary}");
    for file in files {
        rows(Path::new(file.as_str().unwrap()), "samples");
    }
}

#[test]
fn what_cannot_be_recorded_is_told_in_one_line() {
    let host = Host::new();
    let out = host.files.path("flows.wadt");
    for (arguments, part) in [
        (&["trace", "--out", text(&out)][..], "no daemon runs"),
        (&["trace", "dst=nowhere", "--out", text(&out)], "no address"),
    ] {
        let line = Outcome::of(&mut wad(arguments)).failure(2);
        assert!(line.contains(part), "{line}");
    }
    let unwritable = ["trace", "--all", "--duration", "1s", "--out", "/nonexistent/flows"];
    assert!(Outcome::of(&mut wad(&unwritable)).failure(1).contains("cannot write /nonexistent/flows"));
    let full = ["trace", "--all", "--duration", "10s", "--interval", "50ms", "--out", "/dev/full"];
    assert!(Outcome::of(&mut wad(&full)).failure(1).contains("No space left"));
}
