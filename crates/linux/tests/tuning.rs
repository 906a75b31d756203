//! The BPF programs on real sockets. Needs root.

mod common;

use std::net::{Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use common::{Sandbox, connect, flows, policy, records, transfer};
use rustix::net::sockopt::{
    set_socket_recv_buffer_size, set_socket_send_buffer_size, socket_recv_buffer_size,
    socket_send_buffer_size,
};
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use wad_linux::{Parameters, RecordKind, Tuner};
use wad_model::{Bytes, Direction, Segments};

fn wad() -> Parameters {
    Parameters {
        control: Some("wad".to_owned()),
        additive_increase_1024: 1024,
        multiplicative_decrease_1024: 512,
        ..Parameters::default()
    }
}

#[test]
fn a_designated_flow_is_tuned_before_its_first_data_and_reported() {
    let sandbox = Sandbox::new();
    let parameters = Parameters { initial_window: Some(Segments::new(30)), ..wad() };
    let tuner = Tuner::load(&policy("127.0.0.0/8", parameters), &sandbox.cgroup).unwrap();

    let (client, server) = connect("127.0.0.1:0");
    let opened = records(&tuner, RecordKind::Open, 2);
    assert_eq!(opened.len(), 2, "both ends are in the cgroup");
    for record in &opened {
        assert_eq!(record.now.control, "wad");
        assert_ne!(record.before.as_ref().unwrap().control, "wad");
        assert_eq!(record.now.congestion_window, Segments::new(30));
        assert_eq!(record.counters.bytes_sent, Bytes::ZERO);
        assert!(record.refused.is_empty(), "{:?}", record.refused);
    }
    let active = opened.iter().find(|record| record.direction == Direction::Active).unwrap();
    assert_eq!(active.key.source, client.local_addr().unwrap());
    assert_eq!(active.key.destination, client.peer_addr().unwrap());

    transfer(&client, &server, 1 << 20);
    let running = flows(&tuner);
    assert_eq!(running.len(), 2);
    drop((client, server));
    let closed = records(&tuner, RecordKind::Close, 2);
    let active = closed.iter().find(|record| record.direction == Direction::Active).unwrap();
    assert_eq!(active.counters.bytes_acked, Bytes::new(1 << 20));
    assert!(active.counters.rtt_mean.is_some() && active.counters.rtt_min <= active.counters.rtt_mean);
    assert_eq!(tuner.lost_records(), 0);
}

fn buffers(socket: impl AsFd) -> (usize, usize) {
    (socket_send_buffer_size(&socket).unwrap(), socket_recv_buffer_size(&socket).unwrap())
}

/// A socket whose application fixes both buffers before it connects.
fn connect_with_buffers(address: std::net::SocketAddr, size: usize) -> TcpStream {
    let socket =
        socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::empty(), Some(ipproto::TCP))
            .unwrap();
    set_socket_send_buffer_size(&socket, size).unwrap();
    set_socket_recv_buffer_size(&socket, size).unwrap();
    assert_eq!(buffers(&socket), (2 * size, 2 * size), "answered as Linux would");
    rustix::net::connect(&socket, &address).unwrap();
    socket.into()
}

#[test]
fn fixed_buffers_are_in_place_at_establishment() {
    let sandbox = Sandbox::new();
    // Below the limits of every host (net.core.wmem_max and rmem_max: 212992 unless raised).
    let parameters = Parameters {
        fixed_buffers: true,
        send_buffer: Some(Bytes::new(100_000)),
        receive_buffer: Some(Bytes::new(200_000)),
        ..wad()
    };
    let tuner = Tuner::load(&policy("127.0.0.0/8", parameters), &sandbox.cgroup).unwrap();
    let (client, server) = connect("127.0.0.1:0");
    assert_eq!(buffers(&client), (200_000, 400_000));
    assert_eq!(buffers(&server), (200_000, 400_000));
    let opened = records(&tuner, RecordKind::Open, 2);
    assert!(opened.iter().all(|record| record.now.send_buffer == Bytes::new(200_000)));
    assert!(opened.iter().all(|record| record.before.as_ref().unwrap().send_buffer < Bytes::new(200_000)));
}

#[test]
fn autotuning_goes_on_beyond_the_namespace_limit_up_to_the_ceiling() {
    let sandbox = Sandbox::new();
    sandbox.sysctl("net.ipv4.tcp_wmem", "4096 16384 65536");
    sandbox.sysctl("net.ipv4.tcp_rmem", "4096 65536 131072");
    let ceiling = Bytes::new(1 << 20);
    let parameters = Parameters { send_buffer: Some(ceiling), receive_buffer: Some(ceiling), ..wad() };
    let tuner = Tuner::load(&policy("127.0.0.0/8", parameters), &sandbox.cgroup).unwrap();
    let (client, server) = connect("127.0.0.1:0");
    transfer(&client, &server, 64 << 20);

    let listed = flows(&tuner);
    let sender = listed.iter().find(|flow| flow.direction == Direction::Active).unwrap();
    assert!(sender.send_grown, "{sender:?}");
    assert!(sender.now.send_buffer > Bytes::new(65536) && sender.now.send_buffer <= ceiling * 2);
    let receiver = listed.iter().find(|flow| flow.direction == Direction::Passive).unwrap();
    assert!(receiver.receive_grown, "{receiver:?}");
    assert!(receiver.now.receive_buffer > Bytes::new(131_072) && receiver.now.receive_buffer <= ceiling * 2);
}

#[test]
fn a_ceiling_below_the_namespace_limit_bounds_autotuning() {
    let sandbox = Sandbox::new();
    sandbox.sysctl("net.ipv4.tcp_wmem", "4096 16384 33554432");
    sandbox.sysctl("net.ipv4.tcp_rmem", "4096 65536 33554432");
    let ceiling = Bytes::new(100_000);
    let parameters = Parameters { send_buffer: Some(ceiling), receive_buffer: Some(ceiling), ..wad() };
    let tuner = Tuner::load(&policy("127.0.0.0/8", parameters), &sandbox.cgroup).unwrap();
    let (client, server) = connect("127.0.0.1:0");
    transfer(&client, &server, 64 << 20);
    let listed = flows(&tuner);
    let sender = listed.iter().find(|flow| flow.direction == Direction::Active).unwrap();
    assert!(sender.now.send_buffer <= ceiling * 2, "{sender:?}");
    let receiver = listed.iter().find(|flow| flow.direction == Direction::Passive).unwrap();
    assert!(receiver.now.receive_buffer <= ceiling * 2, "{receiver:?}");
}

#[test]
fn an_application_is_overridden_and_told_what_it_expects() {
    let sandbox = Sandbox::new();
    let ceiling = Bytes::new(1 << 20);
    let parameters = Parameters {
        override_application: true,
        send_buffer: Some(ceiling),
        receive_buffer: Some(ceiling),
        ..wad()
    };
    let tuner = Tuner::load(&policy("127.0.0.0/8", parameters), &sandbox.cgroup).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    set_socket_recv_buffer_size(&listener, 65536).unwrap();
    let client = connect_with_buffers(listener.local_addr().unwrap(), 65536);
    let server = listener.accept().unwrap().0;
    transfer(&client, &server, 64 << 20);

    assert_eq!(buffers(&client), (131_072, 131_072), "the application sees what it asked for");
    let listed = flows(&tuner);
    let sender = listed.iter().find(|flow| flow.direction == Direction::Active).unwrap();
    assert_eq!(sender.asked_send, Some(Bytes::new(65536)));
    assert!(sender.now.send_buffer > Bytes::new(131_072), "{sender:?}");
    let receiver = listed.iter().find(|flow| flow.direction == Direction::Passive).unwrap();
    assert_eq!(receiver.asked_receive, Some(Bytes::new(65536)), "inherited from the listener");
    assert!(receiver.now.receive_buffer > Bytes::new(131_072), "{receiver:?}");
}

#[test]
fn without_override_the_buffers_of_the_application_stay() {
    let sandbox = Sandbox::new();
    let size = Some(Bytes::new(1 << 20));
    for fixed_buffers in [true, false] {
        let parameters = Parameters { fixed_buffers, send_buffer: size, receive_buffer: size, ..wad() };
        let tuner = Tuner::load(&policy("127.0.0.0/8", parameters), &sandbox.cgroup).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = connect_with_buffers(listener.local_addr().unwrap(), 65536);
        let server = listener.accept().unwrap().0;
        transfer(&client, &server, 16 << 20);
        assert_eq!(buffers(&client), (131_072, 131_072));
        let listed = flows(&tuner);
        let sender = listed.iter().find(|flow| flow.direction == Direction::Active).unwrap();
        assert_eq!(sender.now.send_buffer, Bytes::new(131_072));
        assert_eq!(sender.send_ceiling, None, "reported as left alone");
    }
}

#[test]
fn another_destination_gets_what_its_application_asked_for() {
    let sandbox = Sandbox::new();
    let parameters = Parameters {
        override_application: true,
        send_buffer: Some(Bytes::new(1 << 20)),
        receive_buffer: Some(Bytes::new(1 << 20)),
        ..wad()
    };
    let tuner = Tuner::load(&policy("192.0.2.0/24", parameters), &sandbox.cgroup).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    set_socket_recv_buffer_size(&listener, 50_000).unwrap();
    let client = connect_with_buffers(listener.local_addr().unwrap(), 65536);
    let server = listener.accept().unwrap().0;
    drop(tuner);
    assert_eq!(buffers(&client), (131_072, 131_072));
    assert_eq!(buffers(&server).1, 100_000);
}

#[test]
fn ipv6_and_mapped_addresses_match_their_own_family() {
    let sandbox = Sandbox::new();
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let opens = |prefix: &str, address: &str, count| {
        let tuner = Tuner::load(&policy(prefix, wad()), &sandbox.cgroup).unwrap();
        let client = TcpStream::connect((address, port)).unwrap();
        let server = listener.accept().unwrap();
        let opened = records(&tuner, RecordKind::Open, count);
        drop((client, server));
        opened.iter().map(|record| record.key.destination.ip().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(opens("::1/128", "::1", 2), ["::1", "::1"]);
    assert_eq!(opens("127.0.0.0/8", "127.0.0.1", 2), ["127.0.0.1", "127.0.0.1"]);
    assert_eq!(opens("127.0.0.0/8", "::ffff:127.0.0.1", 2), ["127.0.0.1", "127.0.0.1"]);
    assert!(opens("::/0", "127.0.0.1", 0).is_empty());
    assert!(opens("0.0.0.0/0", "::1", 0).is_empty());
}

#[test]
fn a_full_ring_is_counted_and_the_flows_can_be_listed() {
    let sandbox = Sandbox::new();
    let tuner = Tuner::load(&policy("127.0.0.0/8", wad()), &sandbox.cgroup).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for _ in 0..2000 {
        drop(common::connect_to(&listener, address));
    }
    let kept = common::connect_to(&listener, address);
    assert!(tuner.lost_records() > 0);
    let known = records(&tuner, RecordKind::Open, 0).len();
    assert!(known > 100, "{known} records before the ring was full");
    let sample = flows(&tuner);
    assert_eq!(sample.len(), 2);
    assert_eq!(sample[0].key.destination.ip(), address.ip());
    drop(kept);
}

#[test]
fn a_second_loader_is_refused_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let first = Tuner::load(&policy("127.0.0.0/8", wad()), &sandbox.cgroup).unwrap();
    let error = Tuner::load(&policy("127.0.0.0/8", wad()), &sandbox.cgroup).unwrap_err();
    assert!(error.to_string().contains("another daemon"), "{error}");
    drop(first);
    Tuner::load(&policy("127.0.0.0/8", wad()), &sandbox.cgroup).unwrap();
}
