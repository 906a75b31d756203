//! Flows that have moved little: tuned and reported as all others, without state in the kernel. As root.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Duration;

use common::{Sandbox, connect, connect_to, flows, namespace, policy, records, transfer};
use rustix::net::sockopt::{
    set_socket_send_buffer_size, set_tcp_congestion, socket_send_buffer_size, tcp_congestion,
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use wad_linux::{Action, NO_PATH, Order, Parameters, Record, RecordKind, Tuner};
use wad_model::{Bytes, Direction, FlowKey, Segments};

/// Less than what ends a flow's youth.
const LITTLE: usize = 20_000;
const MUCH: usize = 4 << 20;

fn parameters() -> Parameters {
    Parameters {
        send_buffer: Some(Bytes::new(8 << 20)),
        receive_buffer: Some(Bytes::new(8 << 20)),
        control: Some("wad".to_owned()),
        additive_increase_1024: 4096,
        ..Parameters::default()
    }
}

fn load(sandbox: &Sandbox, parameters: Parameters) -> Tuner {
    Tuner::load(&policy("127.0.0.0/8", parameters), &sandbox.cgroup).unwrap()
}

/// Those that have state.
fn with_state(tuner: &Tuner) -> Vec<Record> {
    tuner.flows([]).unwrap()
}

fn of<'r>(records: &'r [Record], end: &TcpStream) -> &'r Record {
    let key = FlowKey::new(end.local_addr().unwrap(), end.peer_addr().unwrap());
    records.iter().find(|record| record.key == key).unwrap_or_else(|| panic!("{key} in {records:?}"))
}

/// One byte there, one back.
fn echo(mut client: &TcpStream, mut server: &TcpStream) {
    client.write_all(&[1]).unwrap();
    server.read_exact(&mut [0]).unwrap();
    server.write_all(&[1]).unwrap();
    client.read_exact(&mut [0]).unwrap();
}

#[test]
fn a_flow_that_moves_little_is_tuned_and_reported_and_has_no_state() {
    let sandbox = Sandbox::new();
    let tuner = load(&sandbox, Parameters { initial_window: Some(Segments::new(20)), ..parameters() });
    let (client, server) = connect("127.0.0.1:0");
    assert_eq!(tcp_congestion(&client).unwrap(), "wad");
    transfer(&client, &server, LITTLE);
    transfer(&server, &client, LITTLE);
    assert!(with_state(&tuner).is_empty());
    let opened = records(&tuner, RecordKind::Open, 2);
    let opening = of(&opened, &client).clone();
    assert_eq!((opening.path, opening.direction), (0, Direction::Active));
    assert_eq!(opening.now.congestion_window, Segments::new(20));
    assert_eq!(opening.additive_increase_1024, 4096);

    let ends = [client.try_clone().unwrap(), server.try_clone().unwrap()];
    let keys = ends.map(|end| FlowKey::new(end.local_addr().unwrap(), end.peer_addr().unwrap()));
    drop((client, server));
    let closed = records(&tuner, RecordKind::Close, 2);
    let closing = closed.iter().find(|record| record.key == keys[0]).unwrap();
    assert_eq!((closing.path, closing.direction, closing.opened), (0, Direction::Active, opening.opened));
    assert_eq!(closing.counters.bytes_acked, Bytes::new(LITTLE as u64));
    assert_eq!(closing.counters.bytes_received, Bytes::new(LITTLE as u64));
    assert_eq!(closing.counters.congestion_events, Some(0));
    assert!(closing.counters.rtt_mean.is_some() && closing.counters.rtt_min <= closing.counters.rtt_mean);
    assert!(closed.iter().any(|record| record.key == keys[1] && record.direction == Direction::Passive));
}

#[test]
fn both_ends_have_state_once_much_has_moved() {
    let sandbox = Sandbox::new();
    let tuner = load(&sandbox, parameters());
    let (client, server) = connect("127.0.0.1:0");
    let opened = records(&tuner, RecordKind::Open, 2);
    transfer(&client, &server, MUCH);
    let kept = with_state(&tuner);
    for end in [&client, &server] {
        let (opening, now) = (of(&opened, end), of(&kept, end));
        assert_eq!((now.opened, now.direction, now.path), (opening.opened, opening.direction, 0));
        // Where the host's limit is lower, that becomes the ceiling once it is met.
        let host_limit = Bytes::new(now.now.send_buffer.get() / 2);
        let ceilings = [opening.send_ceiling, Some(host_limit)];
        assert!(now.send_ceiling.is_some() && ceilings.contains(&now.send_ceiling), "{now:?}");
        assert_eq!(now.additive_increase_1024, 4096);
        assert!(!now.adopted);
    }
    drop((client, server));
    assert_eq!(records(&tuner, RecordKind::Close, 2).len(), 2);
    assert!(with_state(&tuner).is_empty());
}

#[test]
fn whoever_lists_the_flows_sees_the_young_too_and_once() {
    let sandbox = Sandbox::new();
    let tuner = load(&sandbox, parameters());
    let (client, server) = connect("127.0.0.1:0");
    let _of_no_path = connect("[::1]:0");
    let opened = records(&tuner, RecordKind::Open, 2);
    echo(&client, &server);
    assert!(tuner.strangers(namespace().as_fd()).unwrap().iter().all(|one| one.key.source.is_ipv6()));
    for _ in 0..2 {
        let listed = flows(&tuner);
        assert_eq!(listed.len(), 2);
        assert_eq!(of(&listed, &client).opened, of(&opened, &client).opened);
        assert_eq!(of(&listed, &server).direction, Direction::Passive);
        assert!(of(&listed, &client).counters.rtt_min.is_some(), "the kernel's own");
    }
    drop((client, server));
    assert_eq!(records(&tuner, RecordKind::Close, 2).len(), 2);
}

#[test]
fn a_path_that_moves_or_sets_its_buffers_once_has_state_from_the_open_on() {
    let sandbox = Sandbox::new();
    for parameters in [
        Parameters { moves: true, ..parameters() },
        Parameters { fixed_buffers: true, ..parameters() },
        Parameters { window_clamp: Some(Bytes::new(200_000)), ..parameters() },
        Parameters { receive_buffer: Some(Bytes::new(100_000)), ..parameters() },
    ] {
        let tuner = load(&sandbox, parameters);
        let _pair = connect("127.0.0.1:0");
        assert_eq!(with_state(&tuner).len(), 2);
    }
}

#[test]
fn an_order_reaches_a_young_flow() {
    let sandbox = Sandbox::new();
    let tuner = load(&sandbox, parameters());
    let before = {
        let (outside, _) = connect("[::1]:0");
        tcp_congestion(&outside).unwrap()
    };
    let (client, server) = connect("127.0.0.1:0");
    let opened = records(&tuner, RecordKind::Open, 2);
    let changed = Parameters { additive_increase_1024: 9216, ..parameters() };
    let action = Action::Apply { path: 0, parameters: changed };
    let order = |record: &Record| Order { cookie: record.cookie, action: action.clone() };
    let applied =
        tuner.carry_out(namespace().as_fd(), &opened.iter().map(order).collect::<Vec<_>>()).unwrap();
    assert_eq!(applied.len(), 2);
    assert_eq!(of(&applied, &client).opened, of(&opened, &client).opened);
    assert!(applied.iter().all(|record| !record.adopted && record.additive_increase_1024 == 9216));

    let (other, _other) = connect("127.0.0.1:0");
    let opened = records(&tuner, RecordKind::Open, 2);
    let restore = |record: &Record| Order {
        cookie: record.cookie,
        action: Action::Restore { parameters: parameters(), before: record.before.clone().unwrap() },
    };
    let restored =
        tuner.carry_out(namespace().as_fd(), &opened.iter().map(restore).collect::<Vec<_>>()).unwrap();
    assert_eq!(restored.len(), 2);
    assert_eq!(tcp_congestion(&other).unwrap(), before);
    echo(&client, &server);
}

/// Its application sets the buffer when the flow is open, and nobody has kept that its path overrides that.
#[test]
fn a_young_flow_is_overridden() {
    let sandbox = Sandbox::new();
    let tuner = load(&sandbox, Parameters { override_application: true, ..parameters() });
    let (client, server) = connect("127.0.0.1:0");
    set_socket_send_buffer_size(&client, 50_000).unwrap();
    assert_eq!(socket_send_buffer_size(&client).unwrap(), 100_000, "the application sees what it asked for");
    transfer(&client, &server, MUCH);
    let kept = with_state(&tuner);
    let sender = of(&kept, &client);
    assert_eq!(sender.asked_send, Some(Bytes::new(50_000)));
    assert!(sender.now.send_buffer != Bytes::new(100_000) && sender.send_ceiling.is_some(), "{sender:?}");
    let (outside, _server) = connect("[::1]:0");
    set_socket_send_buffer_size(&outside, 50_000).unwrap();
    assert_eq!(socket_send_buffer_size(&outside).unwrap(), 100_000);
}

#[test]
fn a_new_policy_finds_the_young_flows_of_the_old_one() {
    let sandbox = Sandbox::new();
    let mut tuner = load(&sandbox, parameters());
    let (client, server) = connect("127.0.0.1:0");
    let opened = records(&tuner, RecordKind::Open, 2);
    tuner.reload(&policy("127.0.0.0/8", parameters()), [namespace().as_fd()]).unwrap();
    let kept = with_state(&tuner);
    assert_eq!(kept.len(), 2);
    assert_eq!(of(&kept, &client).opened, of(&opened, &client).opened);
    drop((client, server));
    assert_eq!(records(&tuner, RecordKind::Close, 2).len(), 2);
}

/// So many others open that its place is taken.
#[test]
fn a_flow_that_is_forgotten_is_matched_anew_when_it_grows_and_closes_all_the_same() {
    let sandbox = Sandbox::new();
    let tuner = load(&sandbox, parameters());
    let processors = sched_getaffinity(None).unwrap();
    stay_on_one_processor();
    // Who connected is then told by the ports: the server's is the lower one.
    let listener = TcpListener::bind("127.0.0.1:5201").unwrap();
    let address = listener.local_addr().unwrap();
    let (growing, growing_server) = connect_to(&listener, address);
    let (idle, idle_server) = connect_to(&listener, address);
    // Under another control, which does not ask for the parameters of its path at the last acknowledgement.
    let (other, other_server) = connect_to(&listener, address);
    set_tcp_congestion(&other, "reno").unwrap();
    assert_eq!(records(&tuner, RecordKind::Open, 6).len(), 6);
    forget_all(&tuner, &listener, address);

    transfer(&growing, &growing_server, MUCH);
    let kept = with_state(&tuner);
    let grown = of(&kept, &growing);
    assert!(grown.adopted && grown.path == 0, "{grown:?}");
    assert_eq!((grown.direction, grown.additive_increase_1024), (Direction::Active, 4096));
    let keys = [&idle, &other].map(|end| FlowKey::new(end.local_addr().unwrap(), end.peer_addr().unwrap()));
    drop((idle, idle_server, other, other_server));
    let closed = records(&tuner, RecordKind::Close, 4);
    let [idle, other] = keys.map(|key| closed.iter().find(|record| record.key == key).unwrap());
    assert!(idle.adopted && idle.path == 0, "{idle:?}");
    assert_eq!(other.path, NO_PATH);
    sched_setaffinity(None, &processors).unwrap();
}

/// Each processor has numbers of its own for sockets, a few thousand at a time: on one, they come in their order.
fn stay_on_one_processor() {
    let mut one = CpuSet::new();
    one.set(sched_getcpu());
    sched_setaffinity(None, &one).unwrap();
}

/// Opens more flows than the kernel's side remembers: each takes the place of its cookie's last bits.
fn forget_all(tuner: &Tuner, listener: &TcpListener, address: SocketAddr) {
    for index in 0..40_000_u32 {
        drop(connect_to(listener, address));
        if index % 64 == 0 {
            tuner.poll(Duration::ZERO).unwrap();
        }
    }
    while !tuner.poll(Duration::from_millis(20)).unwrap().is_empty() {}
}
