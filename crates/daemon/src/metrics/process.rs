//! What the daemon itself costs, as `/proc` tells.

use std::fs;
use std::path::Path;

use rustix::param::{clock_ticks_per_second, page_size};

use super::table::Metric;
use super::text::{Number, Rows};

/// Processor time, memory, descriptors and start of this process; `proc` is where procfs is mounted. What cannot be
/// read is left out.
pub(super) fn rows(proc: &Path, rows: &mut Rows) {
    let own = proc.join("self");
    if let Ok(stat) = fs::read_to_string(own.join("stat"))
        && let Some(stat) = Stat::parse(&stat)
    {
        let ticks = real(clock_ticks_per_second());
        rows.put(Metric::CpuSeconds, Vec::new(), Number::Real(real(stat.cpu) / ticks));
        let bytes = stat.pages.saturating_mul(page_size() as u64);
        rows.put(Metric::ResidentBytes, Vec::new(), Number::Whole(bytes));
        if let Some(booted) = fs::read_to_string(proc.join("stat")).ok().and_then(|stat| boot_time(&stat)) {
            rows.put(Metric::StartSeconds, Vec::new(), Number::Real(real(booted) + real(stat.start) / ticks));
        }
    }
    if let Ok(descriptors) = fs::read_dir(own.join("fd")) {
        rows.put(Metric::OpenDescriptors, Vec::new(), Number::Whole(descriptors.count() as u64));
    }
}

/// Some members of `/proc/PID/stat` (proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    /// User and system time, in ticks.
    cpu: u64,
    /// When it was started, in ticks after the boot.
    start: u64,
    /// Resident pages.
    pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The name may have blanks and brackets: members are counted from the last bracket, which ends the second one.
        let members: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let member = |number: usize| members.get(number - 3)?.parse::<u64>().ok();
        Some(Self { cpu: member(14)? + member(15)?, start: member(22)?, pages: member(24)? })
    }
}

/// Seconds since 1970.
fn boot_time(stat: &str) -> Option<u64> {
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "above 2^53 the nearest number is near enough")]
const fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_members_are_found_whatever_the_name() {
        let text = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 500 25 7 8 20 0 5 0 9000 1000000 300 18446744073709551615";
        assert_eq!(Stat::parse(text), Some(Stat { cpu: 525, start: 9000, pages: 300 }));
        assert_eq!(Stat::parse("42 (a) S 1"), None);
        assert_eq!(boot_time("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000));
    }

    #[test]
    fn this_process_has_all_of_them() {
        let mut found = Rows::default();
        rows(Path::new("/proc"), &mut found);
        let page = found.open_metrics();
        for name in [
            "process_cpu_seconds_total ",
            "process_resident_memory_bytes ",
            "process_open_fds ",
            "process_start_time_seconds ",
        ] {
            assert!(page.contains(&format!("\n{name}")), "{page}");
        }
    }
}
