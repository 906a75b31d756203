//! Network namespaces of the host, found through the processes that are in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

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

/// The network namespaces that some process below `proc` is in, each once, by inode number.
///
/// A namespace without a process, held by a bind mount alone, is not found: nobody opens connections there.
///
/// # Errors
/// If the processes cannot be listed. One that ends meanwhile is passed over.
pub fn namespaces(proc: &Path) -> Result<Vec<Namespace>, LinuxError> {
    let failed = |source| LinuxError::Read { path: proc.to_owned(), source };
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(proc).map_err(failed)? {
        let path: PathBuf = entry.map_err(failed)?.path();
        let is_process = path.file_name().is_some_and(|name| name.to_string_lossy().parse::<u32>().is_ok());
        if is_process && let Some((inode, file)) = open(&path.join("ns/net")) {
            found.entry(inode).or_insert(file);
        }
    }
    Ok(found.into_iter().map(|(inode, file)| Namespace { inode, descriptor: file.into() }).collect())
}

fn open(path: &Path) -> Option<(u32, File)> {
    let file = File::open(path).ok()?;
    let inode = u32::try_from(file.metadata().ok()?.ino()).ok()?;
    Some((inode, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_is_among_them_once() {
        let own = fs::metadata("/proc/thread-self/ns/net").unwrap().ino();
        let found = namespaces(Path::new("/proc")).unwrap();
        assert_eq!(found.iter().filter(|one| u64::from(one.inode) == own).count(), 1);
    }
}
