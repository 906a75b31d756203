//! The two ends of a transfer, each a program of an experiment: applications that behave, and some that do not.

mod pressure;
mod receive;
mod send;

use std::time::Duration;

use wad_model::{Bytes, parse_duration};

pub use receive::{Receive, receive};
pub use send::{Send, send};

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// A size as a length in memory.
fn length(bytes: Bytes) -> usize {
    usize::try_from(bytes.get()).unwrap_or(usize::MAX)
}
