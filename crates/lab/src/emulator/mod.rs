//! The path between two hosts, in user space.
//!
//! ```text
//!    host left                    one thread                      host right
//!  +-----------+     read    +------------------+    write      +-----------+
//!  |  wad0  ===|============>|  forward Link    |==============>|===  wad0  |
//!  |           |    write    |                  |    read       |           |
//!  |        ===|<============|  backward Link   |<==============|===        |
//!  +-----------+             +------------------+               +-----------+
//!                 ppoll: a packet is there, or the next is due
//! ```
//!
//! The thread reads what the hosts send, hands each packet to the [`Link`](wad_path::Link) of its
//! direction with the time of reading, and writes it out when the link says. What happens to a packet is
//! the link's decision alone; the emulator only adds lateness, which it measures and reports.

mod direction;
mod join;
mod lateness;
mod relay;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::EventfdFlags;
use wad_model::{Bytes, Time};
use wad_path::PathConfig;

use crate::error::LabError;
use crate::report::EmulatorReport;
use crate::tun::Tun;
use relay::Relay;

/// How an emulator runs.
#[derive(Clone, Copy, Debug)]
pub struct EmulatorOptions {
    /// Seeds every random decision of the path.
    pub seed: u64,
    /// How long, in offload mode, a segment may wait to be written together with its neighbours.
    pub coalesce: Duration,
    /// How much memory packets on their way may take; beyond, packets are dropped and counted.
    pub memory: Bytes,
    /// How often throughput and queue are recorded.
    pub sample: Option<Duration>,
    /// The instant from which recorded times are counted.
    pub origin: Time,
}

impl Default for EmulatorOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            coalesce: Duration::from_micros(250),
            memory: Bytes::new(1 << 30),
            sample: None,
            origin: Time::ZERO,
        }
    }
}

/// A path that is being emulated; dropping it takes the path down.
///
/// In *plain* mode each packet is a packet of the wire: exact in every respect. In *offload* mode the hosts
/// hand over super-packets of up to 64 KiB, each of which is cut, in thought, into the segments that a network
/// card would make of it. Every segment meets the model for itself, so losses, drops and times are as exact; but
/// the segments of a super-packet enter at one instant, neighbours that come out are written as one again, for which
/// the first may wait [`EmulatorOptions::coalesce`], and the receiver, which sees fewer and larger packets,
/// acknowledges fewer times. Experiments about acknowledgements want plain mode.
///
/// The size of a packet is that of its IP packet, headers included, without framing of a link layer.
/// Packets to multicast addresses do not cross a path of routers; they are counted and go nowhere.
#[derive(Debug)]
pub struct Emulator {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<EmulatorReport>>>,
}

/// What the emulator's thread and its owner both see.
#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    wake: OwnedFd,
    delivered_bytes: [AtomicU64; 2],
}

impl Emulator {
    /// Joins the hosts whose devices are `left` and `right` by `path`.
    pub(crate) fn start(
        left: Tun,
        right: Tun,
        path: &PathConfig,
        options: EmulatorOptions,
    ) -> Result<Self, LabError> {
        let fail = |operation| move |source| LabError::Emulator { operation, source };
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| fail("make an event descriptor")(error.into()))?;
        let shared =
            Arc::new(Shared { stop: AtomicBool::new(false), wake, delivered_bytes: Default::default() });
        let (path, theirs) = (path.clone(), Arc::clone(&shared));
        let thread = thread::Builder::new()
            .name("lab-emulator".into())
            .spawn(move || Relay::new([left, right], &path, &options, &theirs).run())
            .map_err(fail("start its thread"))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// What has been delivered so far, left to right and right to left.
    #[must_use]
    pub fn delivered_bytes(&self) -> [u64; 2] {
        [0, 1].map(|direction: usize| self.shared.delivered_bytes[direction].load(Ordering::Relaxed))
    }

    /// Whether it ended by itself, which only a failure makes it do.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Takes the path down and says what happened on it.
    ///
    /// # Errors
    /// A device failed while the path was up.
    pub fn stop(mut self) -> Result<EmulatorReport, LabError> {
        let result = self.halt().expect("it is halted once");
        result.map_err(|source| LabError::Emulator { operation: "move packets", source })
    }

    fn halt(&mut self) -> Option<io::Result<EmulatorReport>> {
        let thread = self.thread.take()?;
        self.shared.stop.store(true, Ordering::Relaxed);
        // A full event counter also wakes the thread.
        let _ = rustix::io::write(&self.shared.wake, &1u64.to_ne_bytes());
        Some(thread.join().unwrap_or_else(|_| Err(io::Error::other("the emulator's thread panicked"))))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.halt() {
            tracing::warn!(%error, "the emulator had failed");
        }
    }
}
