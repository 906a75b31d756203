//! `wad run`

use tracing_subscriber::filter::LevelFilter;
use wad_daemon::{DaemonError, Options};

use crate::arguments::Run;
use crate::config_file;
use crate::failure::Failure;
use crate::log;

pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let loaded = config_file::load(&arguments.config)?;
    log::start(LevelFilter::INFO)?;
    let options =
        Options { runtime_dir: arguments.daemon.runtime_dir.clone(), cgroup: arguments.cgroup.clone() };
    wad_daemon::run(loaded.config, &options).map_err(|error| match error {
        DaemonError::Rules(_) | DaemonError::Linux(wad_linux::LinuxError::NoSuchControl { .. }) => {
            Failure::misuse(error)
        }
        error => error.into(),
    })
}
