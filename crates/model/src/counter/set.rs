//! The values of a flow's counters.

use std::fmt;

use super::{COUNTERS, Counter};

/// The values of a flow's counters at one moment, each of which may be absent.
///
/// It is a plain value without an allocation, so that it can be made ten thousand times a second.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    present: u128,
    values: [u64; COUNTERS.len()],
}

// One bit of the mask for each counter.
const _: () = assert!(COUNTERS.len() <= 128);

impl Counters {
    /// None of them.
    pub const EMPTY: Self = Self { present: 0, values: [0; COUNTERS.len()] };

    /// The value of a counter, if the flow has it.
    #[must_use]
    pub const fn get(&self, counter: Counter) -> Option<u64> {
        if self.has(counter) { Some(self.values[counter.index()]) } else { None }
    }

    /// Whether the counter has a value.
    #[must_use]
    pub const fn has(&self, counter: Counter) -> bool {
        self.present & (1 << counter.index()) != 0
    }

    /// Gives a counter a value.
    pub const fn set(&mut self, counter: Counter, value: u64) {
        self.present |= 1 << counter.index();
        self.values[counter.index()] = value;
    }

    /// Gives a counter a value, or takes away the one that it had.
    pub const fn put(&mut self, counter: Counter, value: Option<u64>) {
        match value {
            Some(value) => self.set(counter, value),
            None => self.remove(counter),
        }
    }

    /// Takes the value of a counter away.
    pub const fn remove(&mut self, counter: Counter) {
        self.present &= !(1 << counter.index());
        self.values[counter.index()] = 0;
    }

    /// How many counters have a value.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.present.count_ones() as usize
    }

    /// Whether no counter has one.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.present == 0
    }

    /// Which counters have a value: bit N is that of the table's row N.
    #[must_use]
    pub const fn presence(&self) -> u128 {
        self.present
    }

    /// The counters that have a value, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> + '_ {
        Counter::all().filter_map(|counter| Some((counter, self.get(counter)?)))
    }

    /// Adds all that another source knows; where both know a counter, the other's value counts.
    pub fn merge(&mut self, other: &Self) {
        for (counter, value) in other.iter() {
            self.set(counter, value);
        }
    }

    /// By how much a counter or a state time has grown since an earlier sample of the same flow. `None` if
    /// either sample lacks it, if it is a gauge, or if it has shrunk, which a 32-bit number of the kernel does
    /// when it wraps.
    #[must_use]
    pub fn growth(&self, earlier: &Self, counter: Counter) -> Option<u64> {
        if !counter.kind().is_cumulative() {
            return None;
        }
        self.get(counter)?.checked_sub(earlier.get(counter)?)
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(Counter, u64)> for Counters {
    fn from_iter<I: IntoIterator<Item = (Counter, u64)>>(values: I) -> Self {
        let mut counters = Self::EMPTY;
        for (counter, value) in values {
            counters.set(counter, value);
        }
        counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_is_not_zero() {
        let mut counters = Counters::EMPTY;
        assert_eq!(counters.get(Counter::PktsRetrans), None);
        counters.set(Counter::PktsRetrans, 0);
        assert_eq!(counters.get(Counter::PktsRetrans), Some(0));
        counters.remove(Counter::PktsRetrans);
        assert_eq!(counters, Counters::EMPTY);
    }

    #[test]
    fn another_source_adds_and_corrects() {
        let mut counters: Counters = [(Counter::CurCwnd, 10), (Counter::MinRTT, 70)].into_iter().collect();
        counters.merge(&[(Counter::MinRTT, 69), (Counter::MaxRTT, 90)].into_iter().collect());
        let expected = [(Counter::MinRTT, 69), (Counter::MaxRTT, 90), (Counter::CurCwnd, 10)];
        assert_eq!(counters, expected.into_iter().collect());
        assert_eq!(counters.len(), 3);
    }

    #[test]
    fn only_what_grows_has_a_growth() {
        let of = |bytes, window| -> Counters {
            [(Counter::DataBytesOut, bytes), (Counter::CurCwnd, window)].into_iter().collect()
        };
        assert_eq!(of(30, 5).growth(&of(10, 2), Counter::DataBytesOut), Some(20));
        assert_eq!(of(30, 5).growth(&of(40, 2), Counter::DataBytesOut), None, "it has wrapped");
        assert_eq!(of(30, 5).growth(&of(10, 2), Counter::CurCwnd), None, "a gauge");
        assert_eq!(of(30, 5).growth(&Counters::EMPTY, Counter::DataBytesOut), None);
    }
}
