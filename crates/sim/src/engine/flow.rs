//! A flow: both ends, the application, and what is measured of it.

use wad_model::Time;

use super::application::Writer;
use super::far_end::{Arrived, FarEnd};
use super::net::Marks;
use crate::nanos::Nanos;
use crate::tcp::core::NEVER;
use crate::tcp::sender::Sender;
use crate::tcp::statistics::Counters;

/// A flow, with both ends in one place, from the begin of a line of memory on (see [`Core`](crate::tcp::core::Core)).
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Flow {
    pub(crate) sender: Sender,
    pub(crate) far: FarEnd,
    pub(crate) writer: Writer,
    /// When everything was acknowledged that there was to send; [`NEVER`] before.
    pub(crate) completed: Time,
    /// Whoever steers it has been told that it is complete.
    pub(crate) is_closed: bool,
}

/// What has been counted of a flow at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    pub(crate) counters: Counters,
    pub(crate) arrived: Arrived,
    pub(crate) acked: u64,
    pub(crate) window_seconds: f64,
}

impl Flow {
    /// Whether everything was acknowledged that there was to send.
    pub(crate) fn is_complete(&self) -> bool {
        self.completed < NEVER
    }

    /// How long that took.
    pub(crate) fn duration(&self) -> Option<Nanos> {
        self.is_complete().then(|| Nanos::between(self.writer.start, self.completed))
    }

    /// When something is to be done even if no packet comes.
    #[inline]
    pub(crate) fn deadline(&self) -> Time {
        self.sender.deadline().min(self.far.receiver.ack_at).min(self.writer.wakes)
    }

    /// Counts up to the end of the warm-up, which is now.
    pub(crate) fn read_warm_up(&mut self, marks: Marks) -> Reading {
        let arrived = self.far.read_warm_up(marks);
        self.reading(marks.0[0], arrived)
    }

    /// Counts up to now, the end.
    pub(crate) fn read(&mut self, now: Time) -> Reading {
        let arrived = self.far.read(now);
        self.reading(now, arrived)
    }

    fn reading(&mut self, now: Time, arrived: Arrived) -> Reading {
        self.sender.core.count_window(now);
        Reading {
            counters: self.sender.core.counters,
            arrived,
            acked: u64::from(self.sender.core.una.saturating_sub(1)),
            window_seconds: self.sender.core.window_seconds,
        }
    }
}
