//! The directory where a daemon keeps its lock, its socket and what must be put back.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::DaemonError;

/// Where the daemon keeps its files unless told otherwise: emptied by a restart of the host, as
/// the settings are that it holds.
pub const DEFAULT_RUNTIME_DIR: &str = "/run/wad";

/// The daemon's directory, locked. The lock goes with the process, however it ends.
#[derive(Debug)]
pub struct RuntimeDir {
    path: PathBuf,
    _lock: File,
}

impl RuntimeDir {
    /// Makes the directory and takes its lock.
    ///
    /// # Errors
    /// If the directory cannot be used, or another daemon has the lock.
    pub fn lock(path: &Path) -> Result<Self, DaemonError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| DaemonError::RuntimeDir { path, source }
        };
        fs::create_dir_all(path).map_err(failed(path))?;
        let name = path.join("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&name)
            .map_err(failed(&name))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(second_daemon(file, name)),
            Err(errno) => return Err(failed(&name)(errno.into())),
        }
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed(&name))?;
        Ok(Self { path: path.to_owned(), _lock: file })
    }

    /// The daemon's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        Self::socket_of(&self.path)
    }

    /// The socket of the daemon whose directory is `path`.
    #[must_use]
    pub fn socket_of(path: &Path) -> PathBuf {
        path.join("api.sock")
    }

    /// What must be put back when the daemon stops.
    #[must_use]
    pub fn ledger(&self) -> PathBuf {
        self.path.join("limits.json")
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        // A socket that is left behind does no harm: the next daemon replaces it.
        let _ = fs::remove_file(self.socket());
    }
}

fn second_daemon(mut lock: File, path: PathBuf) -> DaemonError {
    let mut pid = String::new();
    let read = lock.rewind().and_then(|()| lock.read_to_string(&mut pid));
    if read.is_err() || pid.is_empty() {
        "unknown".clone_into(&mut pid);
    }
    DaemonError::SecondDaemon { pid, path }
}
