//! Network namespaces of the host, found through the processes that are in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;

use rustix::fs::fstat;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::LinuxError;

/// A network namespace. It lives at least as long as this.
#[derive(Debug)]
pub struct Namespace {
    /// Its inode number, by which records name it.
    pub inode: u32,
    descriptor: OwnedFd,
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Namespace {
    /// The namespace of a descriptor, as opened from `/proc/PID/ns/net`.
    ///
    /// # Errors
    /// If the descriptor's file cannot be looked at.
    pub fn new(descriptor: OwnedFd) -> io::Result<Self> {
        let inode = u32::try_from(fstat(&descriptor)?.st_ino).map_err(io::Error::other)?;
        Ok(Self { inode, descriptor })
    }

    /// Does something in the namespace, in a thread of its own.
    ///
    /// # Errors
    /// If the namespace cannot be entered.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LinuxError> {
        inside(self.as_fd(), || Ok(work()))
    }
}

/// The network namespaces that processes of a cgroup, or of one below it, are in: each once, by inode number.
///
/// # Errors
/// If the cgroup cannot be read. A process that ends meanwhile is passed over.
pub fn namespaces(cgroup: &Path) -> Result<BTreeMap<u32, Namespace>, LinuxError> {
    let mut found = BTreeMap::new();
    for process in processes(cgroup)? {
        if let Some(namespace) = open(&Path::new("/proc").join(process).join("ns/net")) {
            found.entry(namespace.inode).or_insert(namespace);
        }
    }
    Ok(found)
}

/// The network namespaces of the host that can be found: those of all processes, and those that `ip netns` has given a
/// name. Each once, by inode number. `proc` is where procfs is, `names` where the named ones are (`/run/netns`).
///
/// # Errors
/// If procfs cannot be read. A process that ends meanwhile is passed over.
pub fn host_namespaces(proc: &Path, names: &Path) -> Result<BTreeMap<u32, Namespace>, LinuxError> {
    let mut found = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let processes =
        fs::read_dir(proc).map_err(|source| LinuxError::Read { path: proc.to_owned(), source })?;
    for process in processes.flatten().filter(|entry| is_number(&entry.file_name())) {
        let file = process.path().join("ns/net");
        // Most are in the same namespace, which the link's text tells before anything is opened.
        if fs::read_link(&file).is_ok_and(|text| seen.insert(text)) {
            found.extend(open(&file).map(|namespace| (namespace.inode, namespace)));
        }
    }
    // Without named ones the directory is not there.
    for name in fs::read_dir(names).into_iter().flatten().flatten() {
        if let Some(namespace) = open(&name.path()) {
            found.entry(namespace.inode).or_insert(namespace);
        }
    }
    Ok(found)
}

fn is_number(name: &OsStr) -> bool {
    name.as_encoded_bytes().iter().all(u8::is_ascii_digit)
}

/// The processes of a cgroup and of all below it, by number.
fn processes(cgroup: &Path) -> Result<Vec<String>, LinuxError> {
    let failed = |source| LinuxError::Read { path: cgroup.to_owned(), source };
    let mut found: Vec<String> = fs::read_to_string(cgroup.join("cgroup.procs"))
        .map_err(failed)?
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    for entry in fs::read_dir(cgroup).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // One that is removed meanwhile has no processes.
            found.extend(processes(&entry.path()).unwrap_or_default());
        }
    }
    Ok(found)
}

fn open(path: &Path) -> Option<Namespace> {
    Namespace::new(File::open(path).ok()?.into()).ok()
}

/// Does something in a network namespace, in a thread of its own.
pub(crate) fn inside<T: Send>(
    namespace: BorrowedFd<'_>,
    work: impl FnOnce() -> Result<T, LinuxError> + Send,
) -> Result<T, LinuxError> {
    let enter = || {
        move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))
            .map_err(|errno| LinuxError::Namespace { source: errno.into() })?;
        work()
    };
    thread::scope(|scope| scope.spawn(enter).join().unwrap_or(Err(LinuxError::Panicked)))
}
