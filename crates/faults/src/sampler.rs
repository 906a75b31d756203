//! Watches one flow of the network namespace that it runs in, and records what the kernel says of it.

mod host;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wad_diagnose::Evidence;
use wad_lab::TcpSockets;
use wad_model::{Counter, Counters, FlowKey};

use host::Before;

/// How often it looks for the flow's begin, so that the first sample is early.
const LOOK: Duration = Duration::from_millis(5);
const ESTABLISHED: u64 = 1;

/// Which flow is watched, and how.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// The other end.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// This end's port, if one flow of several is meant.
    pub local_port: Option<u16>,
    /// How often it is sampled.
    pub interval: Duration,
    /// How long at most; none is to the flow's end.
    pub time: Option<Duration>,
    /// How long its begin is awaited.
    pub patience: Duration,
}

impl Watch {
    fn is_meant(&self, key: &FlowKey) -> bool {
        let (near, far) = (key.source, key.destination);
        far.ip() == self.address
            && far.port() == self.port
            && self.local_port.is_none_or(|port| port == near.port())
    }
}

/// Samples the flow until it ends, or the time is up, or SIGTERM or SIGINT comes. None if there was no such flow.
///
/// `ready` is called when a flow that begins from then on will be seen from its begin; `progress` at each sample.
///
/// # Errors
/// The kernel refused to tell.
pub fn watch(
    watch: &Watch,
    ready: impl FnOnce(),
    mut progress: impl FnMut(Duration),
) -> io::Result<Option<Evidence>> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let mut sockets = TcpSockets::open()?;
    let before = Before::read(watch.address);
    ready();
    let start = Instant::now();
    let mut evidence = Evidence::default();
    let mut cookie = None;
    while !ended.load(Ordering::Relaxed) {
        let now = start.elapsed();
        let over = if cookie.is_none() { Some(watch.patience) } else { watch.time };
        if over.is_some_and(|over| now > over) {
            break;
        }
        match find(&mut sockets, watch, cookie)? {
            Some(socket) => {
                cookie = Some(socket.cookie);
                evidence.add(socket, now);
                progress(now);
                thread::sleep(watch.interval);
            }
            None if cookie.is_some() => break,
            None => thread::sleep(LOOK),
        }
    }
    if cookie.is_none() {
        return Ok(None);
    }
    evidence.host = before.finish();
    Ok(Some(evidence))
}

/// What the watched flow's socket showed.
struct Seen {
    cookie: u64,
    key: FlowKey,
    congestion_control: Option<String>,
    counters: Counters,
}

/// The watched socket; before it is known by its cookie, that which has sent most of those that fit.
fn find(sockets: &mut TcpSockets, watch: &Watch, cookie: Option<u64>) -> io::Result<Option<Seen>> {
    let mut found: Option<Seen> = None;
    let sent = |counters: &Counters| counters.get(Counter::DataBytesOut);
    sockets.connected(|socket| {
        let state = socket.counters.get(Counter::State);
        let is_it = cookie.map_or_else(|| watch.is_meant(&socket.key), |cookie| cookie == socket.cookie);
        let is_larger = found.as_ref().is_none_or(|other| sent(&socket.counters) > sent(&other.counters));
        if is_it && state == Some(ESTABLISHED) && is_larger {
            found = Some(Seen {
                cookie: socket.cookie,
                key: socket.key,
                congestion_control: socket.congestion_control.map(str::to_owned),
                counters: socket.counters,
            });
        }
    })?;
    Ok(found)
}

/// Adds a socket to what is known of its flow.
trait Add {
    fn add(&mut self, socket: Seen, now: Duration);
}

impl Add for Evidence {
    fn add(&mut self, socket: Seen, now: Duration) {
        let mut counters = socket.counters;
        counters.set(Counter::CurrTime, u64::try_from(now.as_micros()).unwrap_or(u64::MAX));
        self.flow = Some(socket.key);
        self.congestion_control = socket.congestion_control.or(self.congestion_control.take());
        self.samples.push(counters);
    }
}
