//! `slow_start`: how a path's flows begin.

use toml::de::DeValue;
use wad_model::Segments;

use super::given::Given;
use super::table::{Found, Table};
use super::value::{FromToml, Problem};

/// The largest initial window that a path can ask for.
pub const MAX_INITIAL_WINDOW: Segments = Segments::new(1000);

/// How a path's flows begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlowStart {
    /// The congestion window before the first data segment; `None` leaves it to the kernel.
    pub initial_window: Option<Given<Segments>>,
}

impl SlowStart {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let initial_window = table.value_with("initial_window", window).map(Found::given);
        table.finish();
        Self { initial_window }
    }
}

fn window(value: &DeValue<'_>) -> Result<Segments, Problem> {
    let window = Segments::from_toml(value)?;
    if (Segments::new(1)..=MAX_INITIAL_WINDOW).contains(&window) {
        return Ok(window);
    }
    let help = format!("write a window from 1 segment to {MAX_INITIAL_WINDOW}");
    Err(Problem::new(format!("a window of {window} is out of range"), help))
}
