//! How much of a flow's life each of the parties limited it.
//!
//! The kernel counts the time with data to send (busy), and within that the time limited by the receiver's window and by
//! the send buffer. The rest is told apart by the state at each sample: nothing left to send though the window has
//! room is the application, or its send buffer if that is full; a rate that the pacing holds is pacing; then recovery; and
//! what remains is the congestion window.

use serde::Serialize;
use wad_model::Counter;

use crate::thresholds::{BUFFER_FULL, PACED};
use crate::view::{Moment, View};

/// Shares of a flow's life; their sum is one, if anything is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Limits {
    /// The application had nothing to send.
    pub application: f64,
    /// Of that, nothing was under way either.
    pub idle: f64,
    /// The send buffer was full.
    pub send_buffer: f64,
    /// The receiver's window.
    pub receive_window: f64,
    /// The congestion window.
    pub congestion_window: f64,
    /// The recovery from losses.
    pub recovery: f64,
    /// Pacing.
    pub pacing: f64,
}

impl Limits {
    /// The shares of a flow; none if its samples tell too little.
    pub(crate) fn of(view: &View<'_>) -> Option<Self> {
        let mut limits = Self::default();
        for pair in view.moments.windows(2) {
            limits.add(view, &pair[0], &pair[1])?;
        }
        let span = view.span_s();
        (span > 0.0).then(|| limits.scaled(1.0 / span))
    }

    fn add(&mut self, view: &View<'_>, from: &Moment, to: &Moment) -> Option<()> {
        let time = to.time_s - from.time_s;
        let between = |get: fn(&Moment) -> Option<f64>| Some((get(to)? - get(from)?).clamp(0.0, time));
        let busy = between(|moment| moment.busy_s);
        let window = between(|moment| moment.rwnd_limited_s)
            .unwrap_or_else(|| if view.is_window_full(to) { time } else { 0.0 });
        let buffer = between(|moment| moment.sndbuf_limited_s).unwrap_or(0.0);
        let busy = busy.unwrap_or(time).max(window + buffer).min(time);
        self.idle += time - busy;
        self.application += time - busy;
        self.receive_window += window.min(busy);
        self.send_buffer += buffer.min(busy - window.min(busy));
        let rest = (busy - window - buffer).max(0.0);
        *self.holder(view, to)? += rest;
        Some(())
    }

    /// What held the flow at a moment at which neither the receiver's window nor the send buffer is known to.
    fn holder(&mut self, view: &View<'_>, moment: &Moment) -> Option<&mut f64> {
        let nothing_left = moment.notsent_bytes.is_some_and(|bytes| bytes < view.mss_bytes);
        let room = moment.has_room();
        let is_recovering = moment.is_recovering();
        // In a recovery what is under way says nothing about room; without new data it goes on one hole a round trip.
        if nothing_left && (room == Some(true) || is_recovering) && is_buffer_full(view, moment) {
            return Some(&mut self.send_buffer);
        }
        if is_recovering {
            return Some(&mut self.recovery);
        }
        if nothing_left && room == Some(true) {
            return Some(&mut self.application);
        }
        if room == Some(true) && view.is_paced(moment) {
            return Some(&mut self.pacing);
        }
        // Without even a window nothing can be told.
        moment.cwnd.or(moment.unacked).map(|_| &mut self.congestion_window)
    }

    fn scaled(self, factor: f64) -> Self {
        Self {
            application: self.application * factor,
            idle: self.idle * factor,
            send_buffer: self.send_buffer * factor,
            receive_window: self.receive_window * factor,
            congestion_window: self.congestion_window * factor,
            recovery: self.recovery * factor,
            pacing: self.pacing * factor,
        }
    }

    /// What the network decides: the congestion window, and the recovery from losses.
    pub(crate) fn network(&self) -> f64 {
        self.congestion_window + self.recovery
    }
}

/// Whether the send buffer has no room for more.
fn is_buffer_full(view: &View<'_>, moment: &Moment) -> bool {
    let used = moment.queued_bytes.or_else(|| Some(moment.unacked? * view.mss_bytes + moment.notsent_bytes?));
    used.zip(moment.buffer_bytes).is_some_and(|(used, buffer)| used >= buffer * BUFFER_FULL)
}

impl View<'_> {
    /// Whether the receiver's window leaves no room for two more segments.
    fn is_window_full(&self, moment: &Moment) -> bool {
        let under_way = moment.unacked.map(|segments| segments * self.mss_bytes);
        under_way.zip(moment.window_bytes).is_some_and(|(sent, window)| sent + 2.0 * self.mss_bytes >= window)
    }

    /// Whether the flow goes as fast as its pacing lets it. The kernel computes a pacing rate for every flow, and follows
    /// it where there is a ceiling, or where the control wants it.
    fn is_paced(&self, moment: &Moment) -> bool {
        let by_control =
            self.evidence.congestion_control.as_deref().is_some_and(|name| name.starts_with("bbr"));
        if !by_control && self.evidence.last(Counter::MaxPacingRate).is_none() {
            return false;
        }
        let rate = moment.unacked.zip(moment.rtt_s).map(|(sent, rtt)| sent * self.mss_bytes * 8.0 / rtt);
        rate.zip(moment.pacing_bps).is_some_and(|(rate, pacing)| rate >= pacing * PACED)
    }
}
