//! The configuration changes while flows run.

use std::fs;

use rustix::net::sockopt::{tcp_congestion, tcp_nodelay};
use rustix::process::Signal;
use serde_json::json;

use crate::common::text;
use crate::host::{DEFAULT_LIMIT, Host, default_control, limits, wait_until};
use crate::load::{Load, told};
use crate::process::Daemon;
use crate::socket::Socket;
use crate::traffic::Server;
use crate::{TUNED, assert_parts, far, rewrite};

const NOBODY: &str =
    "[[path]]\nname = \"nobody\"\ndestination = [\"127.67.0.0/16\"]\nbuffers = { size = \"64 KiB\" }\n";

fn control_only() -> String {
    far("congestion = { control = \"wad\" }")
}

#[test]
fn running_flows_get_what_their_path_says_now() {
    let host = Host::new();
    let daemon = Daemon::start(&host, &control_only());
    let mut flow = Server::new().connect();
    flow.transfer(1000);
    daemon.line(&["flow opened", &flow.key()]);
    assert!(!tcp_nodelay(&flow.client).unwrap());

    rewrite(&host, &far(TUNED));
    let view = daemon.ask(&["reload", "--json"]).json();
    let expected = json!({ "paths": 1, "retuned_flows": 1, "adopted_flows": 0, "restored_flows": 0 });
    assert_eq!(view, expected);
    daemon.line(&["flow retuned", &flow.key()]);
    let now = Socket::of(&flow);
    assert_eq!((now.send_buffer, now.no_delay, now.pacing), (2 << 20, true, Some(100_000_000)));
    assert_eq!(limits(), [1 << 20; 2], "raised for the new sizes");

    rewrite(&host, &far(&TUNED.replace("100 Mbit/s", "200 Mbit/s").replace("1 MiB", "512 KiB")));
    daemon.signal(Signal::HUP);
    assert!(wait_until(|| Socket::of(&flow).pacing == Some(200_000_000)));
    assert_eq!(Socket::of(&flow).send_buffer, 1 << 20);
    assert_eq!(limits(), [512 << 10; 2], "lowered again");
    let later = Server::new().connect();
    daemon.line(&["flow opened", &later.key()]);
    assert!(tcp_nodelay(&later.client).unwrap(), "flows that open now have it from the start");
    flow.transfer(1 << 20);

    assert_eq!(daemon.end(Signal::TERM).0.code(), Some(0));
    host.assert_nothing_stayed();
}

#[test]
fn a_flow_that_no_path_has_any_more_is_put_back_and_can_be_adopted_again() {
    let host = Host::new();
    let mut flow = Server::new().connect();
    flow.transfer(1000);
    let before = Socket::of(&flow);
    let daemon = Daemon::start(&host, &far(TUNED));
    assert_ne!(Socket::of(&flow), before);

    rewrite(&host, NOBODY);
    let told = daemon.ask(&["reload"]).printed();
    assert_eq!(told, "1 paths; running flows: 0 retuned, 0 adopted, 1 put back\n");
    daemon.line(&["flow put back", flow.key().trim()]);
    assert_eq!(Socket::of(&flow), before);
    assert!(daemon.flows().is_empty());
    assert_eq!(limits(), [DEFAULT_LIMIT; 2], "nothing needs more");

    rewrite(&host, &format!("{NOBODY}{}", far(TUNED)));
    let view = daemon.ask(&["reload", "--json"]).json();
    let expected = json!({ "paths": 2, "retuned_flows": 0, "adopted_flows": 1, "restored_flows": 0 });
    assert_eq!(view, expected);
    assert_eq!(daemon.flows()[0]["path"], "far");
    assert_eq!(Socket::of(&flow).control, "wad");
    flow.transfer(1 << 20);
}

#[test]
fn a_file_with_an_error_changes_nothing() {
    let host = Host::new();
    let daemon = Daemon::start(&host, &far(TUNED));
    let mut flow = Server::new().connect();
    flow.transfer(1000);
    daemon.line(&["flow opened", &flow.key()]);
    let before = Socket::of(&flow);

    rewrite(&host, &far("nagle = \"perhaps\""));
    let line = daemon.ask(&["reload"]).failure(1);
    assert_parts(&line, &["the configuration is refused, and the one before stays in force: "]);
    assert_parts(&line, &["wad.toml:4:", "nagle"]);
    daemon.signal(Signal::HUP);
    daemon.line(&["WARN", "not reloaded", "wad.toml:4:"]);

    let absent = far("congestion = { control = \"warp\" }");
    rewrite(&host, &absent);
    assert_parts(&daemon.ask(&["reload"]).failure(1), &["the kernel has no congestion control `warp`"]);
    fs::remove_file(host.files.path("wad.toml")).unwrap();
    assert_parts(&daemon.ask(&["reload"]).failure(1), &["cannot read the configuration"]);

    assert_eq!(Socket::of(&flow), before);
    assert_eq!(limits(), [1 << 20; 2]);
    let later = Server::new().connect();
    daemon.line(&["flow opened", &later.key()]);
    assert_eq!(tcp_congestion(&later.client).unwrap(), "wad");
    assert_eq!(daemon.flows().len(), 2);
}

#[test]
fn another_cgroup_is_refused() {
    let host = Host::new();
    let with_cgroup = |cgroup: &str| format!("{}[host]\ncgroup = \"{cgroup}\"\n", control_only());
    let mut command = host.command(&with_cgroup(text(&host.cgroup)));
    let daemon = Daemon::spawn(&mut command, host.runtime_dir());
    let parent = host.cgroup.parent().unwrap();
    rewrite(&host, &with_cgroup(text(parent)));
    let line = daemon.ask(&["reload"]).failure(1);
    assert_parts(&line, &["the cgroup cannot change while the daemon runs"]);
    let flow = Server::new().connect();
    daemon.line(&["flow opened", &flow.key()]);
}

#[test]
fn a_reload_under_load_loses_no_flow_and_no_event() {
    let host = Host::new();
    let daemon = Daemon::start(&host, &control_only());
    let mut stays = Server::new().connect();
    daemon.line(&["flow opened", &stays.key()]);

    let load = Load::start();
    for round in 0..10 {
        // The path moves to another place, and back.
        let before = if round % 2 == 0 { NOBODY } else { "" };
        rewrite(&host, &format!("{before}{}", control_only()));
        assert!(daemon.ask(&["reload", "--json"]).json()["retuned_flows"].as_u64().unwrap() >= 1);
        stays.transfer(1 << 16);
    }
    let mut flows = load.end();
    let count = flows.values().sum::<usize>();
    assert!(count > 200, "{count} flows are a load");
    let all_closed = || daemon.status().closed_flows == count as u64;
    assert!(wait_until(all_closed), "{count} flows, and {:?}", daemon.status());
    let status = daemon.status();
    assert_eq!((status.opened_flows, status.open_flows, status.lost_records), (count as u64 + 1, 1, 0));
    assert_eq!(daemon.flows().len(), 1);

    let (status, log) = daemon.end(Signal::TERM);
    assert_eq!(status.code(), Some(0));
    assert_eq!(told(&log, "flow closed"), flows);
    flows.insert(stays.key().trim().to_owned(), 1);
    assert_eq!(told(&log, "flow opened"), flows);
    assert_eq!(tcp_congestion(&stays.client).unwrap(), "wad");
    assert_ne!(default_control(), "wad");
    stays.transfer(1 << 20);
    host.assert_nothing_stayed();
}
