//! What the BPF programs cost, from the kernel's own run statistics.

use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use libbpf_rs::libbpf_sys;
use libbpf_rs::query::ProgInfoIter;

use crate::LinuxError;

/// Keeps the kernel's run statistics switched on while it lives.
#[derive(Debug)]
pub struct RunStatistics {
    _switch: OwnedFd,
}

/// What one program has cost since it was loaded, while statistics were on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramCost {
    /// The program's name.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// How long it ran in all.
    pub time: Duration,
}

impl RunStatistics {
    /// Switches the statistics on. They cost each run two readings of the clock.
    ///
    /// # Errors
    /// If the kernel refuses, for lack of privileges.
    pub fn enable() -> Result<Self, LinuxError> {
        // SAFETY: the call takes no pointer; on success it returns a new descriptor that is ours.
        let fd = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
        if fd < 0 {
            let source = libbpf_rs::Error::from_raw_os_error(-fd);
            return Err(LinuxError::Bpf { what: "run statistics", source });
        }
        // SAFETY: `fd` was just returned to us and nobody else owns it.
        Ok(Self { _switch: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// The cost so far of WAD's programs, whichever process loaded them.
    #[must_use]
    pub fn costs() -> Vec<ProgramCost> {
        ProgInfoIter::default()
            .filter_map(|program| {
                let name = program.name.to_str()?.to_owned();
                name.starts_with("wad_").then_some(ProgramCost {
                    name,
                    runs: program.run_cnt,
                    time: Duration::from_nanos(program.run_time_ns),
                })
            })
            .collect()
    }
}
