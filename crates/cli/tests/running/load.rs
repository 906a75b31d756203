//! Short connections, one after the other, while something else happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::traffic::Server;

/// Fewer in a second than the ring has room for while the daemon is busy with something else.
const PAUSE: Duration = Duration::from_millis(1);

/// How often each flow came.
pub(crate) type Counts = BTreeMap<String, usize>;

/// A thread that opens and closes connections.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Vec<String>>,
}

impl Load {
    pub(crate) fn start() -> Self {
        let stop = Arc::<AtomicBool>::default();
        let flag = Arc::clone(&stop);
        let server = Server::new();
        let connect = move || {
            let mut keys = Vec::new();
            while !flag.load(Ordering::Relaxed) {
                let flow = server.connect();
                keys.push(flow.key().trim().to_owned());
                thread::sleep(PAUSE);
                flow.reset();
            }
            keys
        };
        Self { stop, thread: thread::spawn(connect) }
    }

    /// Stops; the flows that were.
    pub(crate) fn end(self) -> Counts {
        self.stop.store(true, Ordering::Relaxed);
        count(self.thread.join().unwrap())
    }
}

/// The flows of all lines of a log with this message.
pub(crate) fn told(log: &[String], message: &str) -> Counts {
    let flow = |line: &String| {
        let (_, rest) = line.split_once(&format!("{message} flow="))?;
        Some(rest.split_once(" path=")?.0.to_owned())
    };
    count(log.iter().filter_map(flow))
}

fn count(keys: impl IntoIterator<Item = String>) -> Counts {
    let mut counts = Counts::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}
