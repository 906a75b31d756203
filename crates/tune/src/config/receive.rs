//! `receive`: what a path's flows let the other host send.

use wad_model::{Bytes, Segments};

use super::given::Given;
use super::table::{Found, Table};
use crate::tunables::Knob;

/// The receive window of a path's flows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Receive {
    /// The first receive window.
    pub initial_window: Option<Given<Segments>>,
    /// The ceiling of the receive window.
    pub window_clamp: Option<Given<Bytes>>,
}

impl Receive {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let receive = Self {
            initial_window: table.setting(Knob::InitialReceiveWindow).map(Found::given),
            window_clamp: table.setting(Knob::WindowClamp).map(Found::given),
        };
        table.finish();
        receive
    }
}
