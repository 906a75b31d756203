//! The log, on standard error.

use std::io::{self, IsTerminal as _};

use anyhow::anyhow;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;

/// Starts the log at `level`, unless the environment's `WAD_LOG` says otherwise.
pub(crate) fn start(level: LevelFilter) -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .with_env_var("WAD_LOG")
        .with_default_directive(level.into())
        .from_env()
        .map_err(|error| Failure::Misuse(anyhow!("WAD_LOG: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}
