//! What may bound a flow.

use std::fmt;

use serde::Serialize;

/// An upper bound of the goodput of a flow.
#[derive(Clone, Debug, Serialize)]
pub struct Bound {
    /// What bounds it.
    pub kind: BoundKind,
    /// What it allows.
    pub goodput_bps: f64,
    /// How that comes about, with the numbers.
    pub how: String,
}

/// What bounds a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundKind {
    /// Its share of the slowest link.
    Path,
    /// The receiver's window.
    Window,
    /// The receiver's buffer.
    ReceiveBuffer,
    /// The receiving application, which reads slowly.
    Reader,
    /// The sender's buffer.
    SendBuffer,
    /// A window of the application's own.
    ApplicationWindow,
    /// Random losses.
    Loss,
    /// A queue too short for the control.
    Queue,
    /// The beginning.
    SlowStart,
    /// What the application offers.
    Application,
}

impl fmt::Display for BoundKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Path => "path",
            Self::Window => "window",
            Self::ReceiveBuffer => "receive buffer",
            Self::Reader => "reader",
            Self::SendBuffer => "send buffer",
            Self::ApplicationWindow => "application's window",
            Self::Loss => "loss",
            Self::Queue => "queue",
            Self::SlowStart => "slow start",
            Self::Application => "application",
        })
    }
}
