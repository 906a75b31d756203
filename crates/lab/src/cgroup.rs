//! A cgroup for the processes of a run: what is in it can be told from all others, and ended at once.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::LabError;
use crate::owner;

/// How long killed processes may take to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// A cgroup (version 2) that is removed, with all processes in it, when the value is dropped.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes a cgroup of this process at the top of the hierarchy.
    ///
    /// # Errors
    /// There is no such hierarchy, or this process may not write to it.
    pub fn new() -> Result<Self, LabError> {
        let path = mount_point()?.join(owner::new_name());
        fs::create_dir(&path).map_err(|source| match source.kind() {
            io::ErrorKind::PermissionDenied => LabError::NotRoot { operation: "make a cgroup".into() },
            _ => LabError::Cgroup { operation: "make", path: path.clone(), source },
        })?;
        Ok(Self { path })
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file through which a process enters.
    pub(crate) fn entrance(&self) -> Result<OwnedFd, LabError> {
        let path = self.path.join("cgroup.procs");
        let file = fs::OpenOptions::new().write(true).open(&path);
        file.map(OwnedFd::from).map_err(|source| LabError::Cgroup { operation: "enter", path, source })
    }

    /// Ends every process that is in it.
    pub(crate) fn kill(&self) {
        if let Err(error) = fs::write(self.path.join("cgroup.kill"), "1") {
            tracing::warn!(cgroup = %self.path.display(), %error, "processes not killed");
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(cgroup = %self.path.display(), %error, "cgroup not removed");
        }
    }
}

/// Removes the cgroups that killed runs left, and ends the processes in them. Returns how many there were.
pub(crate) fn remove_abandoned() -> Result<usize, LabError> {
    let root = mount_point()?;
    let read = |source| LabError::Cgroup { operation: "list", path: root.clone(), source };
    let mut removed = 0;
    for entry in fs::read_dir(&root).map_err(read)?.flatten() {
        if !entry.file_name().to_str().is_some_and(owner::is_abandoned) {
            continue;
        }
        match remove(&entry.path()) {
            Ok(()) => removed += 1,
            Err(error) => tracing::warn!(cgroup = %entry.path().display(), %error, "cgroup not removed"),
        }
    }
    Ok(removed)
}

/// Kills what is in the cgroup and below it, and removes it.
fn remove(path: &Path) -> io::Result<()> {
    match fs::write(path.join("cgroup.kill"), "1") {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match remove_tree(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            // Busy: the kernel has not finished with the processes yet.
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// The files of a cgroup go with its directory.
fn remove_tree(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    fs::remove_dir(path)
}

fn mount_point() -> Result<PathBuf, LabError> {
    let table = fs::read_to_string("/proc/self/mounts").map_err(|source| LabError::File {
        operation: "read",
        path: "/proc/self/mounts".into(),
        source,
    })?;
    find_hierarchy(&table).ok_or(LabError::NoCgroup2)
}

/// Where a mount table has the version 2 hierarchy: it may be alone or beside those of version 1.
fn find_hierarchy(table: &str) -> Option<PathBuf> {
    table.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_device, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(unescape(place)))
    })
}

/// A mount table writes a space as `\040`.
fn unescape(place: &str) -> String {
    place.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hierarchy_is_found_wherever_it_is() {
        let hybrid = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                      cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(find_hierarchy(hybrid), Some("/sys/fs/cgroup/unified".into()));
        let odd = "none /mnt/my\\040groups cgroup2 rw 0 0\n";
        assert_eq!(find_hierarchy(odd), Some("/mnt/my groups".into()));
        assert_eq!(find_hierarchy("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n"), None);
    }
}
