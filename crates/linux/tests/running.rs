//! Flows that run already: adopted, changed, put back, and handed over. Needs root.

mod common;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;

use common::{Sandbox, connect, flows, namespace, policy, records, transfer};
use libbpf_rs::btf::{Btf, types::Struct};
use rustix::net::sockopt::{tcp_congestion, tcp_nodelay};
use wad_linux::{Action, Knob, Order, Parameters, Record, RecordKind, Tuner};
use wad_model::{Bytes, Direction, Segments};

const ELSEWHERE: &str = "192.0.2.0/24";

/// Everything that can be set on a running flow.
fn everything() -> Parameters {
    Parameters {
        control: Some("wad".to_owned()),
        additive_increase_1024: 4096,
        multiplicative_decrease_1024: 256,
        send_buffer: Some(Bytes::new(1 << 20)),
        receive_buffer: Some(Bytes::new(1 << 20)),
        max_window: Some(Segments::new(500)),
        pacing_rate: Some(100_000_000),
        delayed_ack_max: Some(std::time::Duration::from_millis(20)),
        min_rto: Some(std::time::Duration::from_millis(100)),
        notsent_lowat: Some(Bytes::new(65536)),
        user_timeout: Some(std::time::Duration::from_secs(30)),
        nagle: Some(false),
        traffic_class: Some(8),
        window_clamp: Some(Bytes::new(200_000)),
        ..Parameters::default()
    }
}

fn apply(records: &[Record], parameters: &Parameters) -> Vec<Order> {
    let action = Action::Apply { path: 0, parameters: parameters.clone() };
    records.iter().map(|record| Order { cookie: record.cookie, action: action.clone() }).collect()
}

fn control(socket: &TcpStream) -> String {
    tcp_congestion(socket).unwrap()
}

/// Whether the kernel has what a takeover needs: since Linux 6.4.
fn has_links_of_controls() -> bool {
    let btf = Btf::from_vmlinux().unwrap();
    btf.type_by_name::<Struct<'_>>("bpf_struct_ops_link").is_some()
}

fn echo(client: &TcpStream, server: &TcpStream) {
    let mut byte = [0];
    (&mut &*client).write_all(&[7]).unwrap();
    (&mut &*server).read_exact(&mut byte).unwrap();
}

#[test]
fn a_running_flow_is_adopted_changed_and_put_back() {
    let sandbox = Sandbox::new();
    let (client, server) = connect("127.0.0.1:0");
    let before = control(&client);
    let tuner = Tuner::load(&policy(ELSEWHERE, everything()), &sandbox.cgroup).unwrap();
    let namespace = namespace();
    let strangers = tuner.strangers(namespace.as_fd()).unwrap();
    assert_eq!(strangers.len(), 2, "{strangers:?}");
    assert!(strangers.iter().any(|one| one.key.source == client.local_addr().unwrap()));

    let adopted = tuner.carry_out(namespace.as_fd(), &apply(&strangers, &everything())).unwrap();
    assert_eq!(adopted.len(), 2);
    for record in &adopted {
        // Before Linux 6.12 the kernel does not let an iterator ask for callbacks, and says so.
        let refused = record.refused.as_slice();
        assert!(record.adopted && matches!(refused, [] | [Knob::Callbacks]), "{refused:?}");
        assert_eq!(record.before.as_ref().unwrap().control, before);
        let now = &record.now;
        assert_eq!((now.control.as_str(), now.nagle, now.traffic_class), ("wad", false, 8));
        assert_eq!((now.max_window, now.pacing_rate), (Some(Segments::new(500)), Some(100_000_000)));
        assert_eq!(now.notsent_lowat, Some(Bytes::new(65536)));
        assert_eq!(record.additive_increase_1024, 4096);
    }
    assert_eq!(control(&client), "wad");
    assert!(tuner.strangers(namespace.as_fd()).unwrap().is_empty());
    transfer(&client, &server, 1 << 20);
    assert_eq!(flows(&tuner).len(), 2);

    let restore = |record: &Record| Order {
        cookie: record.cookie,
        action: Action::Restore { parameters: everything(), before: record.before.clone().unwrap() },
    };
    let orders: Vec<Order> = adopted.iter().map(restore).collect();
    let restored = tuner.carry_out(namespace.as_fd(), &orders).unwrap();
    for record in &restored {
        assert!(record.refused.is_empty(), "{:?}", record.refused);
        assert_eq!((record.now.nagle, record.now.traffic_class), (true, 0));
        assert_eq!((record.now.max_window, record.now.pacing_rate), (None, None));
    }
    assert_eq!(control(&client), before);
    assert!(!tcp_nodelay(&client).unwrap());
    assert!(flows(&tuner).is_empty());
    echo(&client, &server);
}

/// More than one read of the iterator has room for.
#[test]
fn orders_for_many_flows_are_all_carried_out_once_and_told() {
    let sandbox = Sandbox::new();
    let pairs: Vec<_> = (0..150).map(|_| connect("127.0.0.1:0")).collect();
    let before = control(&pairs[0].0);
    let tuner = Tuner::load(&policy(ELSEWHERE, everything()), &sandbox.cgroup).unwrap();
    let namespace = namespace();
    let strangers = tuner.strangers(namespace.as_fd()).unwrap();
    assert_eq!(strangers.len(), 300);
    let adopted = tuner.carry_out(namespace.as_fd(), &apply(&strangers, &everything())).unwrap();
    assert_eq!(adopted.len(), 300);
    assert!(adopted.iter().all(|record| record.before.as_ref().unwrap().control == before));
    assert!(pairs.iter().all(|(client, server)| control(client) == "wad" && control(server) == "wad"));
}

#[test]
fn a_flow_whose_other_end_sends_no_more_is_adopted_too() {
    let sandbox = Sandbox::new();
    let (client, server) = connect("127.0.0.1:0");
    server.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!((&client).read(&mut [0]).unwrap(), 0);
    let tuner = Tuner::load(&policy(ELSEWHERE, everything()), &sandbox.cgroup).unwrap();
    let namespace = namespace();
    let strangers = tuner.strangers(namespace.as_fd()).unwrap();
    assert_eq!(strangers.len(), 1, "the end that has said its last word is none");
    tuner.carry_out(namespace.as_fd(), &apply(&strangers, &everything())).unwrap();
    assert_eq!(control(&client), "wad");
}

#[test]
fn an_adopted_flow_reports_its_end() {
    let sandbox = Sandbox::new();
    let (client, server) = connect("127.0.0.1:0");
    let tuner = Tuner::load(&policy(ELSEWHERE, everything()), &sandbox.cgroup).unwrap();
    let namespace = namespace();
    let strangers = tuner.strangers(namespace.as_fd()).unwrap();
    let adopted = tuner.carry_out(namespace.as_fd(), &apply(&strangers, &everything())).unwrap();
    // Before Linux 6.12 the kernel does not let an iterator ask for callbacks, and says so.
    let told = adopted[0].refused.is_empty();
    drop((client, server));
    assert_eq!(records(&tuner, RecordKind::Close, if told { 2 } else { 0 }).len(), if told { 2 } else { 0 });
}

#[test]
fn parameters_of_the_control_change_without_its_socket() {
    let sandbox = Sandbox::new();
    let tuner = Tuner::load(&policy("127.0.0.0/8", everything()), &sandbox.cgroup).unwrap();
    let (client, server) = connect("127.0.0.1:0");
    let listed = flows(&tuner);
    let changed =
        Parameters { additive_increase_1024: 9216, send_buffer: Some(Bytes::new(100_000)), ..everything() };
    let order = |record: &Record| Order {
        cookie: record.cookie,
        action: Action::Adjust { parameters: changed.clone() },
    };
    let orders: Vec<Order> = listed.iter().map(order).collect();
    tuner.adjust(&orders).unwrap();
    transfer(&client, &server, 16 << 20);
    let listed = flows(&tuner);
    let sender = listed.iter().find(|flow| flow.direction == Direction::Active).unwrap();
    assert_eq!(sender.additive_increase_1024, 9216);
    assert!(sender.now.send_buffer <= Bytes::new(200_000), "{sender:?}");
}

#[test]
fn an_order_for_a_flow_that_has_closed_is_left_out() {
    let sandbox = Sandbox::new();
    let tuner = Tuner::load(&policy("127.0.0.0/8", everything()), &sandbox.cgroup).unwrap();
    let (client, server) = connect("127.0.0.1:0");
    let listed = flows(&tuner);
    drop((client, server));
    assert!(tuner.carry_out(namespace().as_fd(), &apply(&listed, &everything())).unwrap().is_empty());
    tuner.adjust(&apply(&listed, &everything())).unwrap();
}

#[test]
fn a_new_policy_takes_the_place_of_the_old_one() {
    let sandbox = Sandbox::new();
    let mut tuner = Tuner::load(&policy(ELSEWHERE, everything()), &sandbox.cgroup).unwrap();
    let (client, server) = connect("127.0.0.1:0");
    assert_ne!(control(&client), "wad");
    for round in 0..3 {
        let parameters = Parameters { additive_increase_1024: 1024 * (round + 1), ..everything() };
        tuner.reload(&policy("127.0.0.0/8", parameters), [namespace().as_fd()]).unwrap();
        let pair = connect("127.0.0.1:0");
        assert_eq!(control(&pair.0), "wad");
        let opened = records(&tuner, RecordKind::Open, 2);
        assert_eq!(opened[0].additive_increase_1024, 1024 * (round + 1));
        transfer(&pair.0, &pair.1, 1 << 20);
        drop(pair);
        assert_eq!(records(&tuner, RecordKind::Close, 2).len(), 2);
    }
    echo(&client, &server);
}

#[test]
fn a_successor_takes_over_flows_and_records() {
    let sandbox = Sandbox::new();
    let policy = policy("127.0.0.0/8", everything());
    let first = Tuner::load(&policy, &sandbox.cgroup).unwrap();
    let (client, server) = connect("127.0.0.1:0");
    if !has_links_of_controls() {
        let error = first.inheritance().unwrap_err();
        assert!(error.to_string().contains("since Linux 6.4"), "{error}");
        return;
    }
    let inheritance = first.inheritance().unwrap();
    let second = Tuner::inherit(&policy, &sandbox.cgroup, inheritance).unwrap();
    drop(first);
    let opened = records(&second, RecordKind::Open, 2);
    assert_eq!(opened.len(), 2, "records that the first one had not read");
    assert_eq!(flows(&second).len(), 2);
    transfer(&client, &server, 1 << 20);
    drop((client, server));
    let closed = records(&second, RecordKind::Close, 2);
    assert_eq!(closed.len(), 2);
    drop(connect("127.0.0.1:0"));
    assert_eq!(records(&second, RecordKind::Open, 2).len(), 2);
    drop(second);
    let (client, _server) = connect("127.0.0.1:0");
    assert_ne!(control(&client), "wad", "nothing is left when the successor ends");
}
