//! Flows are seen as the kernel has them: designated ones, and any other. Needs root.

#![allow(unsafe_code, reason = "the sandbox of the tests changes the namespace of its thread")]
#![allow(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

mod common;

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Sandbox, connect, policy, transfer};
use wad_linux::{
    FlowSample, Namespace, Observation, Observer, Parameters, SocketStates, Survey, Tuner, WatchMode,
    host_namespaces, sockets,
};
use wad_model::{Bytes, Counter, FlowKey};

const BYTES: usize = 3_000_000;

fn parameters() -> Parameters {
    Parameters { send_buffer: Some(Bytes::new(1 << 20)), ..Parameters::default() }
}

fn tuner(sandbox: &Sandbox) -> Tuner {
    Tuner::load(&policy("127.0.0.0/8", parameters()), &sandbox.cgroup).unwrap()
}

fn namespace() -> Namespace {
    Namespace::new(std::fs::File::open("/proc/thread-self/ns/net").unwrap().into()).unwrap()
}

/// As the daemon does for whoever is about to look: also flows that have moved little get state.
fn keep_young(tuner: &Tuner) {
    tuner.keep_young([namespace().as_fd()]).unwrap();
}

fn key(end: &TcpStream) -> FlowKey {
    FlowKey::new(end.local_addr().unwrap(), end.peer_addr().unwrap())
}

/// The sample of one end of a connection.
fn of(samples: &[FlowSample], end: &TcpStream) -> FlowSample {
    let key = key(end);
    *samples.iter().find(|sample| sample.key == key).unwrap_or_else(|| panic!("{key} in {samples:?}"))
}

/// Payload sent, but for what was sent again: the loopback device loses nothing, a full receive buffer may.
fn sent_once(sample: &FlowSample) -> u64 {
    let counters = &sample.counters;
    counters.get(Counter::DataBytesOut).unwrap() - counters.get(Counter::BytesRetrans).unwrap()
}

/// Observations until as many flows have closed, or ten seconds have passed.
fn closed(observer: &Observer, count: usize) -> Vec<FlowSample> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut found = Vec::new();
    while found.len() < count && Instant::now() < deadline {
        for observation in observer.observations(Duration::from_millis(20)).unwrap() {
            if let Observation::Closed(sample) = observation {
                found.push(*sample);
            }
        }
    }
    found
}

/// As many round trips as it takes: one byte there, one back.
fn ping_pong(mut client: &TcpStream, mut server: &TcpStream, round_trips: usize) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    for _ in 0..round_trips {
        client.write_all(&[1]).unwrap();
        server.read_exact(&mut [0]).unwrap();
        server.write_all(&[1]).unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn one_read_has_all_counters_of_all_designated_flows() {
    let sandbox = Sandbox::new();
    let tuner = tuner(&sandbox);
    let observer = Observer::load().unwrap();
    assert!(observer.has_daemon());
    let (client, server) = connect("127.0.0.1:0");
    let _others = connect("[::1]:0");
    keep_young(&tuner);
    transfer(&client, &server, BYTES);
    let samples = observer.samples().unwrap();
    assert_eq!(samples.len(), 2, "those of the path, both ends, and no others");
    let (sent, received) = (of(&samples, &client), of(&samples, &server));
    let bytes = BYTES as u64;
    for (sample, counter, value) in [
        (sent, Counter::State, 1),
        (sent, Counter::ActiveOpen, 1),
        (received, Counter::ActiveOpen, 0),
        (received, Counter::ThruBytesReceived, bytes),
        (sent, Counter::SACKEnabled, 1),
    ] {
        assert_eq!(sample.counters.get(counter), Some(value), "{counter}");
    }
    assert_eq!(sent_once(&sent), bytes);
    assert!(sent.counters.has(Counter::CongSignals) && sent.counters.has(Counter::Timeouts));
    assert_eq!((sent.path, sent.is_final, sent.namespace), (Some(0), false, namespace().inode));
    let elapsed =
        sent.counters.get(Counter::CurrTime).unwrap() - sent.counters.get(Counter::StartTime).unwrap();
    assert!(elapsed < 60_000_000, "{elapsed} us");
}

/// Both sources read the same numbers of the kernel, in two ways.
#[test]
fn the_kernels_programs_and_its_diagnosis_agree() {
    let sandbox = Sandbox::new();
    let _tuner = tuner(&sandbox);
    let observer = Observer::load().unwrap();
    let (client, server) = connect("127.0.0.1:0");
    transfer(&client, &server, BYTES);
    // Nothing moves any more but the clock once the last acknowledgement has come.
    std::thread::sleep(Duration::from_millis(100));
    let ours = of(&observer.samples().unwrap(), &client);
    let theirs = of(&sockets(&namespace(), SocketStates::CONNECTIONS).unwrap(), &client);
    assert_eq!((ours.cookie, ours.namespace), (theirs.cookie, theirs.namespace));
    assert_eq!(ours.control, theirs.control);
    let moves = [Counter::CurrTime, Counter::LastDataSent, Counter::LastAckRcvd, Counter::LastDataRcvd];
    for (counter, value) in theirs.counters.iter() {
        // Of a designated flow it is the smaller of two.
        let is_own = counter == Counter::MinRTT || counter.name().starts_with("Bbr");
        if !moves.contains(&counter) && !is_own {
            assert_eq!(ours.counters.get(counter), Some(value), "{counter}");
        }
    }
}

#[test]
fn a_flow_that_closes_between_samples_leaves_its_last_counters() {
    let sandbox = Sandbox::new();
    let _tuner = tuner(&sandbox);
    let mut observer = Observer::load().unwrap();
    observer.follow_closes().unwrap();
    let (client, server) = connect("127.0.0.1:0");
    let key = key(&client);
    transfer(&client, &server, BYTES);
    drop((client, server));
    let closed = closed(&observer, 2);
    assert_eq!(closed.len(), 2);
    let sent = closed.iter().find(|sample| sample.key == key).unwrap();
    assert!(sent.is_final && sent.path == Some(0));
    assert_eq!(sent_once(sent), BYTES as u64);
    assert_eq!(observer.lost_events(), 0);
    assert!(observer.samples().unwrap().is_empty());
}

#[test]
fn what_is_looked_at_once_a_round_trip_is_counted_while_somebody_looks() {
    let sandbox = Sandbox::new();
    let tuner = tuner(&sandbox);
    let observer = Observer::load().unwrap();
    let (client, server) = connect("127.0.0.1:0");
    keep_young(&tuner);
    ping_pong(&client, &server, 20);
    let before = of(&observer.samples().unwrap(), &client);
    assert!(!before.counters.has(Counter::MaxRTT) && before.counters.has(Counter::SumRTT));
    observer.renew().unwrap();
    ping_pong(&client, &server, 20);
    let after = of(&observer.samples().unwrap(), &client).counters;
    for counter in [Counter::MaxRTT, Counter::MaxRTO, Counter::MaxCwnd, Counter::MaxRwinRcvd] {
        assert!(after.get(counter).unwrap() > 0, "{counter}");
    }
    assert_eq!(after.get(Counter::SlowStart), Some(1), "it began in slow start and stayed there");
    assert!(after.get(Counter::MaxRTT) >= after.get(Counter::MinRTT));
}

#[test]
fn counts_survive_a_new_policy() {
    let sandbox = Sandbox::new();
    let mut tuner = tuner(&sandbox);
    let observer = Observer::load().unwrap();
    observer.renew().unwrap();
    let (client, server) = connect("127.0.0.1:0");
    ping_pong(&client, &server, 20);
    let before = of(&observer.samples().unwrap(), &client);
    tuner.reload(&policy("127.0.0.0/8", parameters()), [namespace().as_fd()]).unwrap();
    assert!(!observer.is_outdated());
    ping_pong(&client, &server, 20);
    let after = of(&observer.samples().unwrap(), &client);
    assert!(after.counters.get(Counter::MaxRTT) >= before.counters.get(Counter::MaxRTT));
    assert!(after.counters.get(Counter::CountRTT) > before.counters.get(Counter::CountRTT));
    drop(tuner);
    assert!(observer.is_outdated());
}

/// Without a daemon: any flow that the kernel shows can be watched.
#[test]
fn each_arrival_at_a_watched_flow_is_an_event() {
    let _sandbox = Sandbox::new();
    let mut observer = Observer::load().unwrap();
    let (client, server) = connect("127.0.0.1:0");
    let _unwatched = connect("127.0.0.1:0");
    let all = sockets(&namespace(), SocketStates::CONNECTIONS).unwrap();
    let (cookie, other) = (of(&all, &client).cookie, of(&all, &server).cookie);
    observer.watch(cookie, WatchMode::Arrivals).unwrap();
    observer.watch(other, WatchMode::RoundTrips).unwrap();
    let before = of(&all, &client).counters.get(Counter::PktsIn).unwrap();
    ping_pong(&client, &server, 100);
    let now = sockets(&namespace(), SocketStates::CONNECTIONS).unwrap();
    let arrived = of(&now, &client).counters.get(Counter::PktsIn).unwrap() - before;
    drop((client, server));
    let (mut events, mut round_trips, mut closed) = (Vec::new(), 0, BTreeSet::new());
    let deadline = Instant::now() + Duration::from_secs(10);
    while closed.len() < 2 && Instant::now() < deadline {
        for observation in observer.observations(Duration::from_millis(20)).unwrap() {
            match observation {
                Observation::Event(event) if event.cookie == cookie => events.push(event),
                Observation::Event(_) => round_trips += 1,
                Observation::Closed(sample) => drop(closed.insert(sample.cookie)),
            }
        }
    }
    assert_eq!(closed, BTreeSet::from([cookie, other]));
    assert_eq!(observer.lost_events(), 0);
    // The end of the connection arrives as well.
    let seen = events.len() as u64;
    assert!((arrived..=arrived + 2).contains(&seen), "{seen} events of {arrived} segments");
    assert!((1..=200).contains(&round_trips), "{round_trips} round trips");
    let last = events.last().unwrap().counters();
    assert_eq!(last.get(Counter::DataBytesOut), Some(100));
    assert_eq!(last.get(Counter::DupAcksIn), Some(0));
}

#[test]
fn flows_of_other_namespaces_are_surveyed() {
    let sandbox = Sandbox::new();
    let tuner = tuner(&sandbox);
    let observer = Observer::load().unwrap();
    let (client, server) = connect("127.0.0.1:0");
    keep_young(&tuner);
    let others = connect("[::1]:0");
    ping_pong(&client, &server, 3);
    let own = namespace().inode;
    // A thread's namespace is not its process's, and only processes are looked at: this one is surveyed through a child.
    let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    let found = host_namespaces(Path::new("/proc"), Path::new("/nonexistent"));
    let samples = Survey::new(SocketStates::CONNECTIONS).take_with(&observer);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(found.unwrap().len() > 1, "that of the host, and that of this test's thread");
    let samples: Vec<_> = samples.unwrap().into_iter().filter(|sample| sample.namespace == own).collect();
    assert_eq!(samples.len(), 4);
    let (designated, other) = (of(&samples, &client), of(&samples, &others.0));
    assert_eq!((designated.path, other.path), (Some(0), None));
    assert!(designated.counters.has(Counter::CongSignals) && !other.counters.has(Counter::CongSignals));
    assert!(other.counters.has(Counter::SmoothedRTT));
    assert!(designated.owner.unwrap().inode != 0);
}
