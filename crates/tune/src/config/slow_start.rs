//! `slow_start`: how a path's flows begin.

use wad_model::Segments;

use super::congestion::{Congestion, Control};
use super::given::Given;
use super::table::{Found, Table};
use crate::tunables::Knob;

/// The largest initial window that a path can ask for.
pub const MAX_INITIAL_WINDOW: Segments = Segments::new(1000);

/// How a path's flows begin. What is `None` is as in standard TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SlowStart {
    /// The congestion window before the first data segment; `None` leaves it to the kernel.
    pub initial_window: Option<Given<Segments>>,
    /// The window at which the first slow start ends.
    pub initial_ssthresh: Option<Given<Segments>>,
    /// The window above which slow start adds half of this in a round trip (RFC 3742).
    pub max_ssthresh: Option<Given<Segments>>,
    /// Segments by which the window grows for each acknowledged segment.
    pub increment: Option<Given<f64>>,
    /// Whether slow start ends when the round-trip time shows that a queue grows.
    pub delay_brake: Option<Given<bool>>,
}

impl SlowStart {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let slow_start = Self {
            initial_window: table.setting(Knob::InitialWindow).map(Found::given),
            initial_ssthresh: table.setting(Knob::InitialSsthresh).map(Found::given),
            max_ssthresh: table.setting(Knob::MaxSsthresh).map(Found::given),
            increment: table.setting(Knob::SlowStartIncrement).map(Found::given),
            delay_brake: table.setting(Knob::DelayBrake).map(Found::given),
        };
        table.finish();
        slow_start
    }

    /// With the initial window of a virtual MSS, unless another is given: as many segments, as a segment that
    /// large would be one.
    pub(super) fn with_virtual_mss(self, congestion: &Congestion) -> Self {
        let Control::Wad(wad) = &congestion.control.value else { return self };
        let window = wad.virtual_mss.map(|mss| mss.implies(mss.value, "virtual_mss"));
        Self { initial_window: self.initial_window.or(window), ..self }
    }
}
