//! The directory where a daemon keeps its lock, its socket and what must be put back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::OwnedFd;
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
    lock: File,
    handed_over: bool,
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
        write_process(&mut file).map_err(failed(&name))?;
        Ok(Self { path: path.to_owned(), lock: file, handed_over: false })
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

    /// The socket where a successor asks for what this daemon holds.
    #[must_use]
    pub(crate) fn handover_of(path: &Path) -> PathBuf {
        path.join("handover.sock")
    }

    /// The directory itself.
    #[must_use]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The lock, for a successor: it has it as soon as it has the descriptor.
    pub(crate) fn lock_descriptor(&self) -> io::Result<OwnedFd> {
        self.lock.try_clone().map(OwnedFd::from)
    }

    /// The directory of a predecessor, whose lock this is. Until [`Self::settle`] the sockets stay the predecessor's.
    pub(crate) fn inherit(path: &Path, lock: OwnedFd) -> Result<Self, DaemonError> {
        let mut lock = File::from(lock);
        let failed = |source| DaemonError::RuntimeDir { path: path.join("lock"), source };
        write_process(&mut lock).map_err(failed)?;
        Ok(Self { path: path.to_owned(), lock, handed_over: true })
    }

    /// From now on this removes the sockets.
    pub(crate) const fn settle(&mut self) {
        self.handed_over = false;
    }

    /// Says again who holds the lock: a successor that failed had written its own number.
    pub(crate) fn take_back(&mut self) -> io::Result<()> {
        write_process(&mut self.lock)
    }

    /// Leaves the sockets to a successor.
    pub(crate) const fn hand_over(&mut self) {
        self.handed_over = true;
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        if self.handed_over {
            return;
        }
        // A socket that is left behind does no harm: the next daemon replaces it.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_file(Self::handover_of(&self.path));
    }
}

/// Who holds the lock, for the message to others.
fn write_process(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}", std::process::id())
}

fn second_daemon(mut lock: File, path: PathBuf) -> DaemonError {
    let mut pid = String::new();
    let read = lock.rewind().and_then(|()| lock.read_to_string(&mut pid));
    if read.is_err() || pid.is_empty() {
        "unknown".clone_into(&mut pid);
    }
    DaemonError::SecondDaemon { pid, path }
}
