//! A flow: both ends, the application, and what is measured of it.

use wad_model::Time;

use super::application::Writer;
use super::blocks::Blocks;
use crate::tcp::receiver::{Arrivals, Receiver};
use crate::tcp::sender::Sender;
use crate::tcp::statistics::Counters;

/// A flow, with both ends in one place.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) sender: Sender,
    pub(crate) receiver: Receiver,
    pub(crate) blocks: Blocks,
    pub(crate) writer: Writer,
    /// When everything was acknowledged that there was to send.
    pub(crate) completed: Option<Time>,
    /// Whoever steers it has been told that it is complete.
    pub(crate) is_closed: bool,
}

/// What has been counted of a flow at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    pub(crate) counters: Counters,
    pub(crate) arrivals: Arrivals,
    pub(crate) delivered: u64,
    pub(crate) read: u64,
    pub(crate) acked: u64,
    pub(crate) window_seconds: f64,
}

impl Flow {
    /// When something is to be done even if no packet comes.
    #[inline]
    pub(crate) fn deadline(&self) -> Time {
        self.sender.deadline().min(self.receiver.ack_at).min(self.writer.wakes)
    }

    /// Counts up to now.
    pub(crate) fn read(&mut self, now: Time) -> Reading {
        self.sender.core.count_window(now);
        Reading {
            counters: self.sender.core.counters,
            arrivals: self.receiver.counters,
            delivered: self.receiver.delivered(),
            read: self.receiver.read_by(now),
            acked: u64::from(self.sender.core.una.saturating_sub(1)),
            window_seconds: self.sender.core.window_seconds,
        }
    }
}
