//! The daemon's life as a process: start, loop, signals, end.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tracing::{info, warn};
use wad_tune::{Config, Estimates};

use crate::DaemonError;
use crate::daemon::{Daemon, Turn};

/// What the files and the command line want.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// The configuration.
    pub config: Config,
    /// What is known of the paths from elsewhere than the configuration.
    pub estimates: Estimates,
}

/// Reads the files anew, or says what is wrong with them.
pub type Reader = Box<dyn Fn() -> Result<Wishes, String>>;

/// What the command line says.
pub struct Options {
    /// The daemon's directory; only one daemon runs with each.
    pub runtime_dir: PathBuf,
    /// The cgroup whose processes are tuned, if neither the configuration's nor the root one.
    pub cgroup: Option<PathBuf>,
    /// Take over from the daemon that runs with the same directory.
    pub take_over: bool,
    /// Reads the files, at a reload.
    pub read: Reader,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("runtime_dir", &self.runtime_dir).finish_non_exhaustive()
    }
}

/// Runs the daemon until SIGTERM, SIGINT, `wad stop` or a successor, then puts everything back that is not a
/// successor's. SIGHUP reads the files anew.
///
/// # Errors
/// If it cannot start; nothing is then left changed.
pub fn run(wishes: Wishes, options: &Options) -> Result<(), DaemonError> {
    let signals = Signals::take()?;
    let mut daemon = Daemon::start(wishes, options)?;
    daemon.log_ready();
    // Without a service manager there is nobody to notify, which is no error.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    while !signals.stop.load(Ordering::Relaxed) {
        if signals.reload.swap(false, Ordering::Relaxed) {
            match daemon.reload() {
                Ok(_) => {}
                Err(error) => warn!(%error, "not reloaded"),
            }
        }
        if daemon.turn()? == Turn::Last {
            break;
        }
    }
    info!("stopping; flows that run keep their settings unless they were put back");
    Ok(())
}

/// What signals ask for.
struct Signals {
    stop: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    fn take() -> Result<Self, DaemonError> {
        let failed = |source| DaemonError::System { what: "handle signals", source };
        let signals = Self { stop: Arc::default(), reload: Arc::default() };
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&signals.stop)).map_err(failed)?;
        }
        signal_hook::flag::register(SIGHUP, Arc::clone(&signals.reload)).map_err(failed)?;
        Ok(signals)
    }
}
