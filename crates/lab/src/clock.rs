//! The clock of a run: the host's monotonic one.

use rustix::time::{ClockId, Timespec, clock_gettime};
use wad_model::Time;

const NANOS: u64 = 1_000_000_000;

/// Now.
pub(crate) fn now() -> Time {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(tv_sec).expect("the monotonic clock starts at zero");
    let nanos = u64::try_from(tv_nsec).expect("nanoseconds are not negative");
    Time::from_nanos(seconds * NANOS + nanos)
}

/// How long it is from `now` to `then`, as the kernel wants to be told.
pub(crate) fn wait_until(then: Time, now: Time) -> Timespec {
    let wait = then - now;
    Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(wait.subsec_nanos()),
    }
}
