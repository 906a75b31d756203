//! `wad run`

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use wad_daemon::{DaemonError, Options};

use crate::arguments::Run;
use crate::config_file;
use crate::failure::Failure;

pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let loaded = config_file::load(&arguments.config)?;
    start_log()?;
    let options =
        Options { runtime_dir: arguments.daemon.runtime_dir.clone(), cgroup: arguments.cgroup.clone() };
    wad_daemon::run(loaded.config, &options).map_err(|error| match error {
        DaemonError::Rules(_) | DaemonError::Linux(wad_linux::LinuxError::NoSuchControl { .. }) => {
            Failure::misuse(error)
        }
        error => error.into(),
    })
}

/// The log goes to standard error; `WAD_LOG` chooses what of it (`info` unless it says otherwise).
fn start_log() -> Result<(), Failure> {
    let filter = EnvFilter::builder()
        .with_env_var("WAD_LOG")
        .with_default_directive(tracing_subscriber::filter::LevelFilter::INFO.into())
        .from_env()
        .map_err(|error| Failure::Misuse(anyhow::anyhow!("WAD_LOG: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}
