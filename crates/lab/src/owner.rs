//! Names that say which process made a thing, so that a later run knows what a killed one left.

use std::fs;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

const PREFIX: &str = "wad-lab";

/// A name for something of this process: `wad-lab-<process>-<start time>-<number>`. A process number is
/// used again, but not with the same start time.
pub(crate) fn new_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let (process, number) = (process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    format!("{PREFIX}-{process}-{}-{number}", start_time(process).unwrap_or(0))
}

/// Whether `name` is one of these, of a process that is no more.
pub(crate) fn is_abandoned(name: &str) -> bool {
    let Some((process, started)) = parse(name) else { return false };
    start_time(process) != Some(started)
}

fn parse(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.strip_prefix('-')?.split('-');
    let owner = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let _number: u64 = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(owner)
}

/// When a process was started, in clock ticks since boot: the 22nd field of its `stat`.
fn start_time(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is a name in parentheses, which may hold spaces and parentheses.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alive_is_not_abandoned() {
        assert!(!is_abandoned(&new_name()));
        assert!(is_abandoned(&format!("wad-lab-{}-1-0", process::id())));
    }

    #[test]
    fn foreign_names_are_left_alone() {
        for name in
            ["wad-lab", "wad-lab-1", "wad-lab-1-2", "wad-lab-x-1-2", "wad-lab-9-1-2-3", "system.slice"]
        {
            assert!(!is_abandoned(name), "{name}");
        }
    }
}
