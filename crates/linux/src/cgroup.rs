//! Where the cgroup v2 hierarchy is mounted: it need not be /sys/fs/cgroup.

use std::fs;
use std::path::{Path, PathBuf};

use crate::LinuxError;

/// The root of the cgroup v2 hierarchy, from the mount table of this process.
///
/// # Errors
/// If the mount table cannot be read or names no such hierarchy.
pub fn cgroup2_mount() -> Result<PathBuf, LinuxError> {
    let path = Path::new("/proc/self/mounts");
    let table =
        fs::read_to_string(path).map_err(|source| LinuxError::Read { path: path.to_owned(), source })?;
    mount_of_cgroup2(&table).ok_or(LinuxError::NoCgroup2)
}

/// The first mount point of type cgroup2 in the text of a mount table.
#[must_use]
pub fn mount_of_cgroup2(table: &str) -> Option<PathBuf> {
    table.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        (kind == "cgroup2").then(|| PathBuf::from(point.replace("\\040", " ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hybrid_layout_has_the_hierarchy_one_level_down() {
        let table = "tmpfs /sys/fs/cgroup tmpfs rw 0 0\n\
                     cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n\
                     cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(mount_of_cgroup2(table), Some(PathBuf::from("/sys/fs/cgroup/unified")));
    }

    #[test]
    fn no_hierarchy_is_none() {
        assert_eq!(mount_of_cgroup2("tmpfs /tmp tmpfs rw 0 0\n"), None);
    }
}
