//! Little memory for the TCP of one process: a memory cgroup with a limit on it.
//!
//! The hierarchy of version 1 can limit TCP alone (`memory.kmem.tcp.limit_in_bytes`), without a change of the host's
//! own `tcp_mem`. Version 2 cannot: there is one limit for all of a group's memory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wad_model::Bytes;

const ROOT: &str = "/sys/fs/cgroup/memory";

/// The process is in a memory cgroup of its own as long as this lives.
#[derive(Debug)]
pub(super) struct Pressure {
    directory: PathBuf,
}

impl Pressure {
    /// Moves the process into a new cgroup whose sockets share `memory`.
    pub(super) fn new(memory: Bytes) -> io::Result<Self> {
        remove_abandoned();
        let process = std::process::id();
        let directory = Path::new(ROOT).join(format!("wad-pressure-{process}"));
        fs::create_dir(&directory)?;
        let new = Self { directory };
        fs::write(new.directory.join("memory.kmem.tcp.limit_in_bytes"), memory.get().to_string())?;
        fs::write(new.directory.join("cgroup.procs"), process.to_string())?;
        Ok(new)
    }
}

impl Drop for Pressure {
    fn drop(&mut self) {
        // What remains is removed by the next.
        let _ = fs::write(Path::new(ROOT).join("cgroup.procs"), std::process::id().to_string());
        let _ = fs::remove_dir(&self.directory);
    }
}

/// Removes the cgroups of those that were killed; one that is in use cannot be removed.
fn remove_abandoned() {
    let Ok(entries) = fs::read_dir(ROOT) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("wad-pressure-") {
            let _ = fs::remove_dir(entry.path());
        }
    }
}
