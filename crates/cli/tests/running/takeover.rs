//! A daemon takes over from another one.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::Signal;
use serde_json::json;

use crate::common::{Outcome, text};
use crate::elsewhere::Elsewhere;
use crate::host::{DEFAULT_LIMIT, Host, PATIENCE, limits, wait_until};
use crate::load::{Load, told};
use crate::process::Daemon;
use crate::socket::Socket;
use crate::traffic::{Flow, Server};
use crate::{TUNED, assert_parts, far};

const RAISED: u64 = 1 << 20;

const LARGER: &str = "buffers = { size = \"4 MiB\" }\ncongestion = { control = \"wad\" }";

fn take_over(host: &Host, config: &str) -> Daemon {
    Daemon::spawn(host.daemon(config).arg("--take-over"), host.runtime_dir())
}

/// Transfers without a pause while something else happens.
fn while_it_transfers<T>(flow: &mut Flow, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                flow.transfer(1 << 18);
            }
        });
        // However the work ends, the transfers do.
        let result = panic::catch_unwind(AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        result
    })
    .unwrap_or_else(|panic| panic::resume_unwind(panic))
}

/// What happened to the host's settings, oldest first.
fn events(daemon: &Daemon) -> Vec<String> {
    let history = daemon.ask(&["history", "--json"]).json();
    let lines = history["history"].as_array().unwrap().iter();
    lines.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_successor_goes_on_while_a_flow_transfers() {
    let host = Host::new();
    let first = Daemon::start(&host, &far(TUNED));
    let mut flow = Server::new().connect();
    let (key, source) = (flow.key(), flow.source());
    first.line(&["flow opened", &key]);
    let second = while_it_transfers(&mut flow, || {
        let second = take_over(&host, &far(TUNED));
        let (status, log) = first.ended();
        assert_eq!(status.code(), Some(0), "{log:#?}");
        assert!(log.iter().any(|line| line.contains("a successor has taken over")), "{log:#?}");
        assert!(!log.iter().any(|line| line.contains("setting put back")), "{log:#?}");
        second
    });
    second.line(&["taken over from the daemon that ran", "flows=1"]);
    assert_eq!(second.status().pid, second.pid());
    let listed = second.flows();
    assert_eq!((listed.len(), &listed[0]["source"]), (1, &json!(source)));
    assert_eq!(events(&second), ["set", "set"], "the limits stayed raised");
    assert_eq!(limits(), [RAISED; 2]);
    let later = Server::new().connect();
    second.line(&["flow opened", &later.key()]);
    drop(later);
    flow.transfer(1 << 20);
    drop(flow);
    second.line(&["flow closed", &key]);
    let status = second.status();
    assert_eq!((status.opened_flows, status.closed_flows, status.open_flows), (2, 2, 0));

    let (status, log) = second.end(Signal::TERM);
    assert_eq!(status.code(), Some(0), "{log:#?}");
    host.assert_nothing_stayed();
}

#[test]
fn a_successor_knows_what_flows_were_before_they_were_tuned() {
    let host = Host::new();
    let mut flow = Server::new().connect();
    flow.transfer(1000);
    let before = Socket::of(&flow);
    let first = Daemon::start(&host, &far(TUNED));
    let second = take_over(&host, &far(TUNED));
    assert_eq!(first.ended().0.code(), Some(0));
    let third = take_over(&host, &far(TUNED));
    assert_eq!(second.ended().0.code(), Some(0));
    assert_ne!(Socket::of(&flow), before);
    assert_eq!(third.ask(&["stop", "--restore", "--json"]).json()["restored_flows"], 1);
    assert_eq!(third.ended().0.code(), Some(0));
    assert_eq!(Socket::of(&flow), before);
    host.assert_nothing_stayed();
}

#[test]
fn a_successor_follows_its_own_configuration() {
    let host = Host::new();
    let flow = Server::new().connect();
    let first = Daemon::start(&host, &far("nagle = false"));
    let second = take_over(&host, &far(LARGER));
    assert_eq!(first.ended().0.code(), Some(0));
    assert_eq!(limits(), [4 << 20; 2]);
    assert_eq!(second.flows()[0]["control"], "wad");
    let later = Server::new().connect();
    second.line(&["flow opened", &later.key()]);
    assert_eq!(second.end(Signal::TERM).0.code(), Some(0));
    host.assert_nothing_stayed();
    drop(flow);
}

#[test]
fn a_takeover_under_load_loses_no_flow_and_no_event() {
    let host = Host::new();
    let mut daemon = Daemon::start(&host, &far(TUNED));
    let load = Load::start();
    let mut log = Vec::new();
    for _ in 0..3 {
        let successor = take_over(&host, &far(TUNED));
        let (status, lines) = std::mem::replace(&mut daemon, successor).ended();
        assert_eq!(status.code(), Some(0));
        log.extend(lines);
    }
    let flows = load.end();
    let count = flows.values().sum::<usize>() as u64;
    let all_closed = || daemon.status().closed_flows == count;
    assert!(wait_until(all_closed), "{count} flows, and {:?}", daemon.status());
    let status = daemon.status();
    assert_eq!((status.opened_flows, status.open_flows, status.lost_records), (count, 0, 0));
    log.extend(daemon.end(Signal::TERM).1);
    assert_eq!(told(&log, "flow opened"), flows);
    assert_eq!(told(&log, "flow closed"), flows);
    host.assert_nothing_stayed();
}

#[test]
fn without_a_daemon_there_is_nothing_to_take_over() {
    let host = Host::new();
    let line = host.refused_by(host.daemon(&far(TUNED)).arg("--take-over"), 1);
    let socket = host.runtime_dir().join("handover.sock");
    assert_parts(&line, &[&format!("no daemon answers at {}", socket.display()), "start one with `wad run"]);
}

#[test]
fn a_successor_with_another_cgroup_leaves_the_daemon_running() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let first = Daemon::start(&host, &far(TUNED));
    let mut command = host.command(&far(TUNED));
    command.args(["--take-over", "--cgroup", text(&elsewhere.cgroup)]);
    let line = Outcome::within(PATIENCE, &mut command).failure(1);
    assert_parts(&line, &["it tunes another cgroup", "the daemon that runs goes on"]);
    assert_goes_on(&host, first);
}

#[test]
fn a_successor_that_fails_leaves_the_daemon_running() {
    let host = Host::new();
    let first = Daemon::start(&host, &far(TUNED));
    let file = "/proc/sys/net/core/rmem_max";
    let script = format!("mount --bind {file} {file}\nmount -o remount,bind,ro {file}");
    // Of the two limits it can raise the first one, and then fails.
    let mut command = host.after(&script, host.daemon(&far(LARGER)).arg("--take-over"));
    let outcome = Outcome::within(PATIENCE, &mut command);
    assert_eq!(outcome.status, Some(1), "{outcome:?}");
    assert_parts(&outcome.stderr, &[&format!("cannot write {} to {file}", 4 << 20)]);
    assert_goes_on(&host, first);
}

/// Nothing of a successor that has failed is left.
fn assert_goes_on(host: &Host, first: Daemon) {
    first.line(&["WARN", "did not take it: this daemon goes on"]);
    let lock = std::fs::read_to_string(host.runtime_dir().join("lock")).unwrap();
    assert_eq!(lock, first.pid().to_string());
    let flow = Server::new().connect();
    first.line(&["flow opened", &flow.key()]);
    assert_eq!(first.flows().len(), 1);
    assert_eq!(limits(), [RAISED; 2]);
    let (status, log) = first.end(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    assert!(!log.iter().any(|line| line.contains("somebody else")), "{log:#?}");
    assert_eq!(limits(), [DEFAULT_LIMIT; 2]);
    host.assert_nothing_stayed();
}
