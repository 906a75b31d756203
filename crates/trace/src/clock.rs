//! Two clocks: one that never steps, for differences, and one that people know.

use wad_model::{Time, Timestamp};

/// Both clocks of a host, read at once.
///
/// Samples carry the monotonic time alone: rates and durations come from it, and no step of the wall clock disturbs
/// them. Each batch of a file has one reading, which gives its samples their date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The clock that neither steps nor stops.
    pub monotonic: Time,
    /// The clock that is set to the time of the day.
    pub wall: Timestamp,
}

impl ClockReading {
    /// What the wall clock showed, or will show, at a point of the monotonic one, if nobody sets it in between.
    #[must_use]
    pub const fn wall_at(&self, monotonic: Time) -> Timestamp {
        let ahead = monotonic.as_nanos().wrapping_sub(self.monotonic.as_nanos()).cast_signed();
        Timestamp::from_nanos(self.wall.as_nanos().saturating_add(ahead))
    }

    /// How far the wall clock was set, in nanoseconds, between an earlier reading and this one.
    #[must_use]
    pub const fn step_since(&self, earlier: &Self) -> i64 {
        self.wall.as_nanos().saturating_sub(earlier.wall_at(self.monotonic).as_nanos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_what_the_monotonic_clock_does_not_explain() {
        let reading = |monotonic, wall| ClockReading {
            monotonic: Time::from_nanos(monotonic),
            wall: Timestamp::from_nanos(wall),
        };
        let (start, later) = (reading(100, 1000), reading(150, 1020));
        assert_eq!(start.wall_at(Time::from_nanos(90)).as_nanos(), 990);
        assert_eq!(later.step_since(&start), -30);
    }
}
