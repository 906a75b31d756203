//! What it costs to observe flows: samples of many, and event mode as fast as this machine makes events.
//!
//! ```text
//! cargo run --release -p wad-linux --example observer_cost [samples] [diag] [events]
//! ```
//!
//! Needs root. Traffic stays in a network namespace of its own.

#![allow(unsafe_code, reason = "the sandbox of the tests changes the namespace of its thread")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it measures, or says why not"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{Sandbox, connect, connect_to, policy, transfer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};
use wad_linux::{
    Namespace, Observation, Observer, Parameters, RunStatistics, SocketStates, Tuner, WatchMode, sockets,
};

/// How often all flows are sampled in a second.
const RATE: u32 = 10;
const SECONDS: u32 = 5;
const EVENT_TIME: Duration = Duration::from_secs(5);
/// Flows of event mode; both ends are watched.
const BUSY_FLOWS: usize = 2;

fn main() {
    let sandbox = Sandbox::new();
    let limit = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap();
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |part: &str| asked.is_empty() || asked.iter().any(|one| one == part);
    if wanted("samples") {
        for (flows, bar) in [(1_000, 4), (10_000, 40)] {
            samples(&sandbox, flows, bar);
        }
    }
    if wanted("diag") {
        diag();
    }
    if wanted("events") {
        events();
    }
}

/// As many designated flows, that is half as many connections over loopback, each of which has carried data.
fn open_flows(flows: usize) -> Vec<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pairs: Vec<_> = (0..flows / 2).map(|_| connect_to(&listener, address)).collect();
    for (client, server) in pairs.iter().take(500) {
        transfer(client, server, 20_000);
    }
    pairs
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap())
}

/// Samples all flows ten times a second, as a tracer does, in the thread whose time is measured.
fn samples(sandbox: &Sandbox, flows: usize, bar: u32) {
    let tuner = Tuner::load(&policy("127.0.0.0/8", Parameters::default()), &sandbox.cgroup).unwrap();
    let drain = drain(tuner);
    let observer = Observer::load().unwrap();
    observer.renew().unwrap();
    let pairs = open_flows(flows);
    assert_eq!(observer.samples().unwrap().len(), flows);
    let statistics = RunStatistics::enable().unwrap();
    let (begin, cpu) = (Instant::now(), cpu_time());
    let mut missing = 0;
    let mut taken = 0;
    for pass in 0..RATE * SECONDS {
        let found = observer.samples().unwrap().len();
        missing += flows - found.min(flows);
        taken += found;
        let due = begin + Duration::from_secs(1) * (pass + 1) / RATE;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let share = (cpu_time() - cpu).as_secs_f64() / begin.elapsed().as_secs_f64() * 100.0;
    println!(
        "{flows} designated flows sampled {RATE} times a second: {share:.2} % of a core (bar: {bar} %), \
         {taken} samples, {missing} missing"
    );
    for cost in RunStatistics::costs().into_iter().filter(|cost| cost.name == "wad_sample_flow") {
        println!(
            "  of it in the kernel's program: {:.0} ns a flow",
            cost.time.as_secs_f64() * 1e9 / cost.runs as f64
        );
    }
    drop((statistics, pairs, drain));
}

/// Reads the daemon's records, so that its ring never fills.
fn drain(tuner: Tuner) -> impl Drop {
    struct Drain(Arc<AtomicBool>, Option<thread::JoinHandle<()>>);
    impl Drop for Drain {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
            self.1.take().unwrap().join().unwrap();
        }
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let read = move || {
        while !flag.load(Ordering::Relaxed) {
            tuner.poll(Duration::from_millis(50)).unwrap();
        }
    };
    Drain(stop, Some(thread::spawn(read)))
}

/// All flows of a namespace by `sock_diag`.
fn diag() {
    let pairs = open_flows(10_000);
    let namespace = Namespace::new(std::fs::File::open("/proc/thread-self/ns/net").unwrap().into()).unwrap();
    let begin = Instant::now();
    let found = sockets(&namespace, SocketStates::CONNECTIONS).unwrap().len();
    println!("{found} flows by sock_diag: {:.1} ms", begin.elapsed().as_secs_f64() * 1e3);
    drop(pairs);
}

/// Each segment that arrives is an event. Each write is a segment: nothing else makes as many of them on a small machine.
fn events() {
    let mut observer = Observer::load().unwrap();
    let pairs: Vec<_> = (0..BUSY_FLOWS).map(|_| connect("127.0.0.1:0")).collect();
    let namespace = Namespace::new(std::fs::File::open("/proc/thread-self/ns/net").unwrap().into()).unwrap();
    for sample in sockets(&namespace, SocketStates::CONNECTIONS).unwrap() {
        observer.watch(sample.cookie, WatchMode::Arrivals).unwrap();
    }
    let statistics = RunStatistics::enable().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    for (client, server) in pairs {
        let flag = Arc::clone(&stop);
        threads.push(thread::spawn(move || write(client, &flag)));
        threads.push(thread::spawn(move || read(server)));
    }
    let (begin, cpu, mut seen) = (Instant::now(), cpu_time(), 0_u64);
    let mut busiest = 0;
    let mut second = (Instant::now(), 0_u64);
    while begin.elapsed() < EVENT_TIME {
        for observation in observer.observations(Duration::from_millis(20)).unwrap() {
            if let Observation::Event(event) = observation {
                // What a tracer does with it first.
                seen += u64::from(!event.counters().is_empty());
            }
        }
        if second.0.elapsed() >= Duration::from_secs(1) {
            busiest = busiest.max(seen - second.1);
            second = (Instant::now(), seen);
        }
    }
    let (elapsed, used) = (begin.elapsed().as_secs_f64(), (cpu_time() - cpu).as_secs_f64());
    let lost = observer.lost_events();
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    println!(
        "event mode: {:.0} events a second, {busiest} in the busiest one (bar: 200000), {lost} lost, {:.0} % of a core \
         to take them",
        seen as f64 / elapsed,
        used / elapsed * 100.0
    );
    for cost in RunStatistics::costs().into_iter().filter(|cost| cost.name == "wad_arrival") {
        println!(
            "  in the kernel's program: {:.0} ns an event",
            cost.time.as_secs_f64() * 1e9 / cost.runs as f64
        );
    }
    drop(statistics);
}

fn write(mut client: TcpStream, stop: &AtomicBool) {
    let block = [7; 64];
    client.set_nodelay(true).unwrap();
    // One that does not pace.
    rustix::net::sockopt::set_tcp_congestion(&client, "cubic").unwrap();
    while !stop.load(Ordering::Relaxed) {
        client.write_all(&block).unwrap();
    }
}

fn read(mut server: TcpStream) {
    let mut block = vec![0; 1 << 18];
    while server.read(&mut block).unwrap() > 0 {
        // To be woken by each segment would take the time in which others could be sent.
        thread::sleep(Duration::from_millis(1));
    }
}
