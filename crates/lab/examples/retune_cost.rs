//! What it takes to change flows that run: everything that a path sets, the control's parameters alone, the policy.
//!
//! ```text
//! cargo run --release -p wad-lab --example retune_cost
//! ```
//!
//! Needs root. Traffic stays in a network namespace of its own.

#![allow(unsafe_code, reason = "the sandbox of the tests changes the namespace of its thread")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it measures, or says why not")]

#[path = "../../linux/tests/common/mod.rs"]
mod common;

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use common::{Sandbox, connect_to, flows, namespace, policy, transfer};
use rustix::process::{Resource, getrlimit, setrlimit};
use wad_linux::{Action, Order, Parameters, Policy, PortRange, Record, Tuner};
use wad_model::Bytes;

const FLOWS: usize = 1_000;
const ROUNDS: u32 = 50;
const BAR: Duration = Duration::from_millis(50);

fn main() {
    let sandbox = Sandbox::new();
    allow_files();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let pairs: Vec<_> = (0..FLOWS).map(|_| connect(&listener)).collect();
    let mut tuner = Tuner::load(&policy_of(port, parameters(0)), &sandbox.cgroup).unwrap();
    let namespace = namespace();
    let strangers = tuner.strangers(namespace.as_fd()).unwrap();
    let clients: Vec<_> = strangers.into_iter().filter(|one| one.key.destination.port() == port).collect();
    assert_eq!(clients.len(), FLOWS);

    let carry_out = |round| {
        let orders = orders(&clients, round, |parameters| Action::Apply { path: 0, parameters });
        let (time, applied) = timed(|| tuner.carry_out(namespace.as_fd(), &orders).unwrap());
        assert_eq!(applied.len(), FLOWS);
        assert!(applied.iter().all(|record| record.now.control == "wad" && record.refused.is_empty()));
        time
    };
    print("everything", BAR, (0..ROUNDS).map(carry_out).collect());
    let adjust = |round| {
        let orders = orders(&clients, round, |parameters| Action::Adjust { parameters });
        timed(|| tuner.adjust(&orders).unwrap()).0
    };
    print("the control's parameters and ceilings", BAR, (0..ROUNDS).map(adjust).collect());
    assert_eq!(flows(&tuner).len(), FLOWS);
    let reload =
        |round| timed(|| tuner.reload(&policy_of(port, parameters(round)), [namespace.as_fd()]).unwrap()).0;
    let times = (0..ROUNDS).map(reload).collect::<Vec<_>>();
    println!("the policy beside {FLOWS} flows: {}", spread(times));
    transfer(&pairs[0].0, &pairs[0].1, 1 << 20);
}

/// Two descriptors a connection, and some more.
fn allow_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

fn connect(listener: &TcpListener) -> (TcpStream, TcpStream) {
    connect_to(listener, listener.local_addr().unwrap())
}

/// Other numbers each round, so that there is something to set.
fn parameters(round: u32) -> Parameters {
    Parameters {
        control: Some("wad".to_owned()),
        send_buffer: Some(Bytes::new(16 << 20)),
        receive_buffer: Some(Bytes::new(16 << 20)),
        additive_increase_1024: 1024 + round,
        multiplicative_decrease_1024: 512,
        pacing_rate: Some(100_000_000 + u64::from(round)),
        ..Parameters::default()
    }
}

/// Only the clients' ends: at the other ones, the far port is an ephemeral one.
fn policy_of(port: u16, parameters: Parameters) -> Policy {
    let mut policy = policy("127.0.0.0/8", parameters);
    policy.rules[0].destination_port = PortRange { low: port, high: port };
    policy
}

fn orders(flows: &[Record], round: u32, action: impl Fn(Parameters) -> Action) -> Vec<Order> {
    flows.iter().map(|flow| Order { cookie: flow.cookie, action: action(parameters(round)) }).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begin = Instant::now();
    let result = work();
    (begin.elapsed(), result)
}

fn print(what: &str, bar: Duration, times: Vec<Duration>) {
    println!("{what}, of {FLOWS} running flows: {} (bar: {} ms)", spread(times), bar.as_millis());
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let millis = |at: usize| times[at].as_secs_f64() * 1e3;
    let last = times.len() - 1;
    format!("median {:.1} ms, least {:.1}, most {:.1}", millis(last / 2), millis(0), millis(last))
}
