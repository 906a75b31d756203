//! What the BPF programs cost, from the kernel's run statistics, and what that does to a busy host.
//!
//! ```text
//! cargo run --release -p wad-lab --example kernel_cost [connection] [acknowledgement] [churn] [PAIRS]
//! ```
//!
//! `PAIRS` is how many pairs of phases `churn` compares, 200 if it is not given (4 minutes): on a machine that others use too
//! the interval shrinks with their root. Needs root. Traffic stays in network namespaces of its own.

#![allow(unsafe_code, reason = "the sandbox of the tests changes the namespace of its thread")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it measures, or says why not"
)]

#[path = "../../linux/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{ANY_PORT, Sandbox, connect_to, policy, transfer};
use wad_lab::{Mode, Testbed, TestbedConfig};
use wad_linux::{Parameters, Policy, PortRange, Prefix, Rule, RunStatistics, Tuner};
use wad_model::{Bytes, Rate, Segments};
use wad_path::{LinkConfig, PathConfig, Queue};

const PREFIXES: u32 = 10_000;
const CONNECTIONS: u32 = 20_000;
const BULK_BYTES: usize = 512 << 20;
/// New connections a second while the throughput of a bulk flow is measured.
const CONNECTION_RATE: u32 = 2_000;
/// Short, so that a pair of phases has the same share of a machine that others use too.
const PHASE: Duration = Duration::from_millis(400);
const SETTLE: Duration = Duration::from_millis(100);
const PAIRS: usize = 200;

fn main() {
    let sandbox = Sandbox::new();
    // Segments of an ordinary path, not the loopback device's of 64 KiB.
    let status = Command::new("ip").args(["link", "set", "lo", "mtu", "1500"]).status();
    assert!(status.expect("iproute2 is installed").success());
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let pairs = asked.iter().find_map(|one| one.parse().ok());
    let all = asked.len() == usize::from(pairs.is_some());
    let wanted = |part: &str| all || asked.iter().any(|one| one == part);
    if wanted("connection") {
        per_connection(&sandbox);
    }
    if wanted("acknowledgement") {
        per_acknowledgement(&sandbox);
    }
    if wanted("churn") {
        churn(&sandbox, pairs.unwrap_or(PAIRS));
    }
}

fn parameters() -> Parameters {
    Parameters {
        override_application: true,
        send_buffer: Some(Bytes::new(16 << 20)),
        receive_buffer: Some(Bytes::new(16 << 20)),
        initial_window: Some(Segments::new(20)),
        control: Some("wad".to_owned()),
        additive_increase_1024: 1024,
        multiplicative_decrease_1024: 512,
        ..Parameters::default()
    }
}

/// A policy of many prefixes, each its own path, the last of which is the loopback network's.
fn large_policy() -> Policy {
    let any = Prefix { address: Ipv4Addr::UNSPECIFIED.into(), length: 0 };
    let prefix = |index: u32| match index {
        0 => Prefix { address: Ipv4Addr::new(127, 0, 0, 0).into(), length: 8 },
        _ => Prefix { address: Ipv4Addr::from(0x0a00_0000 + (index << 8)).into(), length: 24 },
    };
    let rule =
        |path| Rule { source: any, source_port: ANY_PORT, destination_port: ANY_PORT, path, next: None };
    Policy {
        prefixes: (0..PREFIXES).map(|index| (prefix(index), index)).collect(),
        rules: (0..PREFIXES).map(rule).collect(),
        paths: (0..PREFIXES).map(|_| parameters()).collect(),
        wmem_max_before: Bytes::new(4 << 20),
        rmem_max_before: Bytes::new(4 << 20),
    }
}

/// Run time and runs of each program between two readings.
fn costs() -> BTreeMap<String, (Duration, u64)> {
    RunStatistics::costs().into_iter().map(|cost| (cost.name, (cost.time, cost.runs))).collect()
}

fn difference(before: &BTreeMap<String, (Duration, u64)>, name: &str) -> (Duration, u64) {
    let (time, runs) = costs().get(name).copied().unwrap_or_default();
    let (time_before, runs_before) = before.get(name).copied().unwrap_or_default();
    (time - time_before, runs - runs_before)
}

/// Connections of a path and of none. Each has two ends in the cgroup, which are counted apart.
fn per_connection(sandbox: &Sandbox) {
    let tuner = Tuner::load(&large_policy(), &sandbox.cgroup).unwrap();
    let _statistics = RunStatistics::enable().unwrap();
    for (what, network) in [("tuned", "127.1.0.0"), ("of no path", "::1")] {
        let before = costs();
        open_and_close(&tuner, network.parse().unwrap());
        let programs = ["wad_sock_ops", "wad_setsockopt", "wad_getsockopt", "wad_cong_avoid"];
        let total: Duration = programs.iter().map(|name| difference(&before, name).0).sum();
        let each = total / (2 * CONNECTIONS);
        println!("per connection {what}, {PREFIXES} prefixes: {} ns (bar: 3000 ns)", each.as_nanos());
    }
}

fn open_and_close(tuner: &Tuner, network: IpAddr) {
    let any = if network.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let listener = TcpListener::bind(any).unwrap();
    let port = listener.local_addr().unwrap().port();
    for index in 0..CONNECTIONS {
        let address = match network {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(u32::from(v4) + index)),
            IpAddr::V6(v6) => IpAddr::V6(v6),
        };
        drop(connect_to(&listener, SocketAddr::from((address, port))));
        if index % 64 == 0 {
            tuner.poll(Duration::ZERO).unwrap();
        }
    }
}

/// Over the path of the demo, where acknowledgements come one by one.
fn per_acknowledgement(sandbox: &Sandbox) {
    let link = LinkConfig {
        rate: Some(Rate::from_bps(622_000_000)),
        delay: Duration::from_millis(35),
        queue: Queue::Bytes(Bytes::new(5_442_500)),
        ..LinkConfig::default()
    };
    let path = PathConfig { forward: link.clone(), backward: link };
    let testbed = Testbed::new(TestbedConfig::new(Mode::Plain, path)).unwrap();
    let address = SocketAddr::from((testbed.right().address(), 5201));
    let listener = testbed.right().namespace().enter(|| TcpListener::bind(address)).unwrap();
    let mut policy = policy("10.77.0.0/16", parameters());
    // Only the sender's end: at the other, the far port is an ephemeral one.
    policy.rules[0].destination_port = PortRange { low: 5201, high: 5201 };
    let _tuner = Tuner::load(&policy, &sandbox.cgroup).unwrap();
    let client = testbed.left().namespace().enter(|| TcpStream::connect(address)).unwrap();
    let server = listener.accept().unwrap().0;
    transfer(&client, &server, BULK_BYTES / 8);
    let _statistics = RunStatistics::enable().unwrap();
    let before = costs();
    transfer(&client, &server, BULK_BYTES);
    let (control, acknowledgements) = difference(&before, "wad_cong_avoid");
    let (callbacks, runs) = difference(&before, "wad_sock_ops");
    println!(
        "  of it {:.0} ns in the control, and {} runs of sock_ops of {:.0} ns each",
        control.as_secs_f64() * 1e9 / acknowledgements as f64,
        runs,
        callbacks.as_secs_f64() * 1e9 / runs.max(1) as f64
    );
    let each = (control + callbacks).as_secs_f64() * 1e9 / acknowledgements as f64;
    println!("per ACK of a tuned flow: {each:.0} ns over {acknowledgements} ACKs (bar: 150 ns)");
}

/// Throughput of a bulk flow while new connections come at a steady rate, with and without.
fn churn(sandbox: &Sandbox, pairs: usize) {
    let traffic = Traffic::start();
    let mut losses = Vec::new();
    for round in 0..pairs {
        let with = || {
            let reader = Reader::start(Tuner::load(&large_policy(), &sandbox.cgroup).unwrap());
            let rate = traffic.rate();
            drop(reader);
            rate
        };
        // A B, B A, A B, ...: a drift of the machine weighs on both alike.
        let (without, with) = if round % 2 == 0 {
            let without = traffic.rate();
            (without, with())
        } else {
            let with = with();
            (traffic.rate(), with)
        };
        losses.push((1.0 - with / without) * 100.0);
    }
    losses.sort_by(f64::total_cmp);
    let at = |share: usize| losses[(pairs - 1) * share / 100];
    // The median's 95 % interval, from the binomial distribution of the order statistics.
    let reach = ((0.98 * (pairs as f64).sqrt()).ceil() as usize).min(pairs / 2);
    println!(
        "loss of throughput at {CONNECTION_RATE} new connections a second: median {:.1} % of {pairs} pairs, \
         95 % interval {:.1} to {:.1} %, half of the pairs from {:.1} to {:.1} % (bar: 3 %)",
        at(50),
        losses[pairs / 2 - reach],
        losses[(pairs / 2 + reach).min(pairs - 1)],
        at(25),
        at(75),
    );
}

/// Reads the records as the daemon does.
struct Reader {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Reader {
    fn start(tuner: Tuner) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let read = move || {
            while !flag.load(Ordering::Relaxed) {
                tuner.poll(Duration::from_millis(50)).unwrap();
            }
        };
        Self { stop, thread: Some(thread::spawn(read)) }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A bulk flow and new connections beside it, until it is dropped.
struct Traffic {
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Traffic {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let received = Arc::new(AtomicU64::new(0));
        // The bulk flow is of no path, so that only the cost of the others is seen.
        let (client, server) = common::connect("[::1]:0");
        let flag = || Arc::clone(&stop);
        let (writing, reading, connecting, count) = (flag(), flag(), flag(), Arc::clone(&received));
        let threads = vec![
            thread::spawn(move || write(client, &writing)),
            thread::spawn(move || read(server, &reading, &count)),
            thread::spawn(move || connections(&connecting)),
        ];
        Self { stop, received, threads }
    }

    /// Bytes a second that the bulk flow carries during a phase.
    fn rate(&self) -> f64 {
        thread::sleep(SETTLE);
        let (begin, bytes) = (Instant::now(), self.received.load(Ordering::Relaxed));
        thread::sleep(PHASE);
        (self.received.load(Ordering::Relaxed) - bytes) as f64 / begin.elapsed().as_secs_f64()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
    }
}

fn write(mut client: TcpStream, stop: &AtomicBool) {
    let block = vec![7; 1 << 18];
    while !stop.load(Ordering::Relaxed) {
        client.write_all(&block).unwrap();
    }
}

fn read(mut server: TcpStream, stop: &AtomicBool, received: &AtomicU64) {
    let mut block = vec![0; 1 << 18];
    loop {
        let count = server.read(&mut block).unwrap();
        if count == 0 && stop.load(Ordering::Relaxed) {
            return;
        }
        received.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Opens and closes connections at the rate, spread over many addresses.
fn connections(stop: &AtomicBool) {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let begin = Instant::now();
    for index in 0_u32.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let due = begin + Duration::from_secs(1) * index / CONNECTION_RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let [_, _, high, low] = index.to_be_bytes();
        drop(connect_to(&listener, SocketAddr::from(([127, 1, high, low], port))));
    }
}
