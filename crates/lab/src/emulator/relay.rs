//! The emulator's thread.

use std::io;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use wad_model::Time;
use wad_path::{Path, PathConfig};

use super::direction::Direction;
use super::{EmulatorOptions, Shared};
use crate::clock;
use crate::pool::Pool;
use crate::report::EmulatorReport;
use crate::sys;
use crate::tun::Tun;

/// Device `n` feeds direction `n`, which ends in the other device.
#[derive(Debug)]
pub(super) struct Relay<'a> {
    devices: [Tun; 2],
    directions: [Direction; 2],
    pool: Rc<Pool>,
    shared: &'a Shared,
    origin: Time,
    sampling: Option<Sampling>,
}

#[derive(Clone, Copy, Debug)]
struct Sampling {
    interval: Duration,
    next: Time,
}

impl<'a> Relay<'a> {
    pub(super) fn new(
        devices: [Tun; 2],
        path: &PathConfig,
        options: &EmulatorOptions,
        shared: &'a Shared,
    ) -> Self {
        let Path { forward, backward } = Path::new(path, options.seed).with_origin(options.origin);
        let memory = usize::try_from(options.memory.get()).unwrap_or(usize::MAX);
        Self {
            devices,
            directions: [forward, backward].map(|link| Direction::new(link, options.coalesce)),
            pool: Pool::new(memory),
            shared,
            origin: options.origin,
            sampling: options.sample.map(|interval| Sampling { interval, next: clock::now() }),
        }
    }

    /// Moves packets until it is told to stop.
    pub(super) fn run(mut self) -> io::Result<EmulatorReport> {
        be_punctual();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let busy = self.turn()?;
            self.sample();
            if !busy {
                self.wait()?;
            }
        }
        let now = clock::now();
        let [forward, backward] = self.directions.map(|direction| direction.report(now));
        Ok(EmulatorReport { forward, backward })
    }

    /// Gives each direction its turn; says whether either may have more to do at once.
    fn turn(&mut self) -> io::Result<bool> {
        let mut busy = false;
        for (from, direction) in self.directions.iter_mut().enumerate() {
            busy |= direction.receive(&self.devices[from], &self.pool)?;
            busy |= direction.deliver(&self.devices[1 - from]);
            self.shared.delivered_bytes[from].store(direction.delivered_bytes(), Ordering::Relaxed);
        }
        Ok(busy)
    }

    fn sample(&mut self) {
        let Some(sampling) = &mut self.sampling else { return };
        let now = clock::now();
        if now < sampling.next {
            return;
        }
        while sampling.next <= now {
            sampling.next = sampling.next + sampling.interval;
        }
        for direction in &mut self.directions {
            direction.sample(now, self.origin);
        }
    }

    /// Sleeps until a packet comes, the next is due, or the owner calls.
    fn wait(&self) -> io::Result<()> {
        let next = self.directions.iter().filter_map(Direction::wake_at);
        let next = next.chain(self.sampling.map(|sampling| sampling.next)).min();
        let timeout: Option<Timespec> = next.map(|next| clock::wait_until(next, clock::now()));
        let mut ready = [
            PollFd::new(&self.devices[0], PollFlags::IN),
            PollFd::new(&self.devices[1], PollFlags::IN),
            PollFd::new(&self.shared.wake, PollFlags::IN),
        ];
        match rustix::event::poll(&mut ready, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Timers that fire when they are due, and a processor at once when they do. A refusal costs lateness
/// only, which is measured.
fn be_punctual() {
    if let Err(error) = rustix::thread::set_current_timer_slack(NonZeroU64::new(1)) {
        tracing::debug!(%error, "timer slack not set");
    }
    if let Err(error) = sys::schedule_first() {
        tracing::debug!(%error, "priority not raised");
    }
}
