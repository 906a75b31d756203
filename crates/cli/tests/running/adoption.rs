//! Flows that ran before the daemon, and what is left of the tuning when it ends.

use std::collections::BTreeSet;

use serde_json::json;

use crate::elsewhere::Elsewhere;
use crate::host::{Host, default_control};
use crate::process::Daemon;
use crate::socket::Socket;
use crate::traffic::{Flow, Server};
use crate::{TUNED, assert_parts, far};

fn running_flow() -> Flow {
    let mut flow = Server::new().connect();
    flow.transfer(1000);
    flow
}

#[test]
fn a_flow_that_ran_before_the_daemon_is_adopted_and_put_back() {
    let host = Host::new();
    let mut flow = running_flow();
    let before = Socket::of(&flow);
    assert_eq!((&before.control, before.no_delay, &before.pacing), (&default_control(), false, &None));

    let daemon = Daemon::start(&host, &far(TUNED));
    let adopted = daemon.line(&["flow adopted", flow.key().trim()]);
    assert_parts(&adopted, &["path=\"far\"", &format!("congestion control: {} -> wad", before.control)]);
    let flows = daemon.flows();
    assert_eq!((flows.len(), &flows[0]["adopted"], &flows[0]["control"]), (1, &json!(true), &json!("wad")));
    assert_eq!(flows[0]["refused"], json!([]));
    let tuned = Socket {
        control: "wad".to_owned(),
        send_buffer: 2 << 20,
        receive_buffer: 2 << 20,
        no_delay: true,
        pacing: Some(100_000_000),
    };
    assert_eq!(Socket::of(&flow), tuned);
    flow.transfer(1 << 20);

    let stopped = daemon.ask(&["stop", "--restore", "--json"]).json();
    assert_eq!(stopped, json!({ "restored_flows": 1, "kept_flows": 0 }));
    let (status, log) = daemon.ended();
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert!(log.iter().any(|line| line.contains("flow put back") && line.contains(flow.key().trim())));
    assert_eq!(Socket::of(&flow), before);
    flow.transfer(1 << 20);
    host.assert_nothing_stayed();
}

#[test]
fn a_flow_of_the_daemons_own_time_is_put_back_too() {
    let host = Host::new();
    let mut untouched = running_flow();
    let daemon = Daemon::start(&host, &far(TUNED));
    let mut flow = running_flow();
    daemon.line(&["flow opened", flow.key().trim()]);
    assert_eq!(Socket::of(&flow).control, "wad");
    let told = daemon.ask(&["stop", "--restore"]).printed();
    assert_eq!(told, "stopping; running flows: 2 put back, 0 keep what they have\n");
    assert_eq!(daemon.ended().0.code(), Some(0));
    let (one, other) = (Socket::of(&flow), Socket::of(&untouched));
    assert_eq!((one.control, one.no_delay, one.pacing), (other.control, other.no_delay, other.pacing));
    flow.transfer(1 << 20);
    untouched.transfer(1 << 20);
    host.assert_nothing_stayed();
}

#[test]
fn a_stop_leaves_flows_as_they_are_unless_it_is_told_otherwise() {
    let host = Host::new();
    let mut flow = running_flow();
    let daemon = Daemon::start(&host, &far(TUNED));
    let stopped = daemon.ask(&["stop", "--json"]).json();
    assert_eq!(stopped, json!({ "restored_flows": 0, "kept_flows": 1 }));
    assert_eq!(daemon.ended().0.code(), Some(0));
    assert_eq!(Socket::of(&flow).control, "wad");
    flow.transfer(1 << 20);
    host.assert_nothing_stayed();
}

#[test]
fn flows_of_two_namespaces_are_served_by_one_daemon() {
    let host = Host::new();
    let elsewhere = Elsewhere::new(&host);
    let ran = [running_flow(), elsewhere.enter(running_flow)];
    let daemon = Daemon::start(&host, &far("congestion = { control = \"wad\" }"));
    let opened = [running_flow(), elsewhere.enter(running_flow)];
    for (flows, message) in [(&ran, "flow adopted"), (&opened, "flow opened")] {
        for flow in flows {
            daemon.line(&[message, flow.key().trim()]);
            assert_eq!(rustix::net::sockopt::tcp_congestion(&flow.client).unwrap(), "wad");
        }
    }
    let listed = daemon.flows();
    let namespaces: BTreeSet<_> = listed.iter().map(|flow| flow["namespace"].as_u64().unwrap()).collect();
    assert_eq!((listed.len(), namespaces.len()), (4, 2));
    assert!(namespaces.contains(&elsewhere.inode().into()));

    let reloaded = daemon.ask(&["reload", "--json"]).json();
    assert_eq!((&reloaded["retuned_flows"], &reloaded["adopted_flows"]), (&json!(4), &json!(0)));
    let stopped = daemon.ask(&["stop", "--restore", "--json"]).json();
    assert_eq!(stopped, json!({ "restored_flows": 4, "kept_flows": 0 }));
    daemon.ended();
    for flow in ran.iter().chain(&opened) {
        assert_eq!(rustix::net::sockopt::tcp_congestion(&flow.client).unwrap(), default_control());
    }
}
