//! A network namespace that only a file descriptor keeps.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::thread;

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::sys;

/// A network namespace without a name: it goes with the last descriptor and the last process in it,
/// however those end.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
}

impl Namespace {
    /// A new, empty namespace.
    ///
    /// # Errors
    /// The process lacks the privilege, or a thread could not be started.
    pub fn new() -> io::Result<Self> {
        // A thread's namespace is its own: one that ends at once leaves the caller where it was.
        let fd = on_thread(|| {
            sys::unshare_network()?;
            Ok(rustix::fs::open("/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
        })?;
        Ok(Self { fd })
    }

    /// Runs `work` on a thread inside the namespace.
    ///
    /// Sockets opened there stay there, wherever they are used; `/proc/sys/net` and
    /// `/proc/thread-self/net` show the namespace's own.
    ///
    /// # Errors
    /// The namespace could not be entered, or `work` failed.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        on_thread(|| {
            move_into_link_name_space(self.fd.as_fd(), Some(LinkNameSpaceType::Network))?;
            work()
        })
    }

    /// Another descriptor of the same namespace.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()? })
    }
}

impl From<Namespace> for OwnedFd {
    fn from(namespace: Namespace) -> Self {
        namespace.fd
    }
}

fn on_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("lab-namespace".into()).spawn_scoped(scope, work)?;
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
