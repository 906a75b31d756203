//! A set of segments as runs: what has arrived out of order, what is acknowledged selectively.
//!
//! However many segments are missing, a run is one entry. New data extends the last run and cumulative
//! acknowledgements remove the first ones: both ends of a ring. Only what fills a hole in the middle
//! searches (by halves) and moves entries, and it does so once for each hole.

use std::collections::VecDeque;

/// Segments from `start` to `end`, without `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Run {
    pub(crate) const fn len(self) -> u32 {
        self.end - self.start
    }
}

/// Runs in rising order, none of which touches another.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Runs {
    total: u32,
    runs: VecDeque<Run>,
}

impl Runs {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// How many segments there are in all runs.
    pub(crate) fn total(&self) -> u32 {
        self.total
    }

    /// One past the foremost segment.
    pub(crate) fn end(&self) -> Option<u32> {
        self.runs.back().map(|run| run.end)
    }

    /// The first run.
    pub(crate) fn first(&self) -> Option<Run> {
        self.runs.front().copied()
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.total = 0;
    }

    pub(crate) fn contains(&self, segment: u32) -> bool {
        self.runs.get(self.at_or_after(segment)).is_some_and(|run| run.start <= segment)
    }

    /// The run that holds `segment`.
    pub(crate) fn around(&self, segment: u32) -> Option<Run> {
        self.runs.get(self.at_or_after(segment)).copied().filter(|run| run.start <= segment)
    }

    /// The first segment from `from` on that is in no run and has one above it.
    pub(crate) fn next_hole(&self, from: u32) -> Option<u32> {
        let index = self.at_or_after(from);
        let run = self.runs.get(index)?;
        if run.start > from {
            return Some(from);
        }
        (index + 1 < self.runs.len()).then_some(run.end)
    }

    /// The first part of `range` that is in no run.
    pub(crate) fn next_gap(&self, range: Run) -> Option<Run> {
        if range.start >= range.end {
            return None;
        }
        let index = self.at_or_after(range.start);
        let start = match self.runs.get(index) {
            Some(run) if run.start <= range.start => run.end,
            _ => range.start,
        };
        if start >= range.end {
            return None;
        }
        let next = self.runs.get(index + usize::from(start != range.start));
        let end = next.map_or(range.end, |run| run.start.min(range.end));
        Some(Run { start, end })
    }

    /// The `count`-th segment from the top.
    pub(crate) fn nth_from_top(&self, count: u32) -> Option<u32> {
        let mut left = count;
        for run in self.runs.iter().rev() {
            if run.len() >= left {
                return Some(run.end - left);
            }
            left -= run.len();
        }
        None
    }

    /// Adds segments; returns how many of them are new.
    pub(crate) fn insert(&mut self, added: Run) -> u32 {
        if added.start >= added.end {
            return 0;
        }
        let before = self.total;
        match self.runs.back_mut() {
            Some(last) if last.start <= added.start && added.start <= last.end => {
                self.total += added.end.saturating_sub(last.end);
                last.end = last.end.max(added.end);
            }
            Some(last) if added.start <= last.end => self.merge(added),
            _ => {
                self.runs.push_back(added);
                self.total += added.len();
            }
        }
        self.total - before
    }

    /// Forgets all segments before `up_to`.
    pub(crate) fn remove_before(&mut self, up_to: u32) {
        while let Some(first) = self.runs.front_mut() {
            if first.end > up_to {
                let cut = up_to.saturating_sub(first.start);
                first.start += cut;
                self.total -= cut;
                return;
            }
            self.total -= first.len();
            self.runs.pop_front();
        }
    }

    /// Inserts somewhere before the end, joining what it touches.
    fn merge(&mut self, added: Run) {
        // The first run that ends at or after the start of the new one; there is one.
        let first = self.runs.partition_point(|run| run.end < added.start);
        let mut joined = added;
        let mut last = first;
        while let Some(run) = self.runs.get(last).filter(|run| run.start <= added.end) {
            joined = Run { start: joined.start.min(run.start), end: joined.end.max(run.end) };
            self.total -= run.len();
            last += 1;
        }
        self.total += joined.len();
        match last - first {
            0 => self.runs.insert(first, joined),
            1 => self.runs[first] = joined,
            _ => {
                self.runs[first] = joined;
                self.runs.drain(first + 1..last);
            }
        }
    }

    /// The index of the first run that ends after `segment`.
    fn at_or_after(&self, segment: u32) -> usize {
        match self.runs.front() {
            Some(first) if segment < first.end => 0,
            _ => self.runs.partition_point(|run| run.end <= segment),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against the definition: a set of numbers.
        #[test]
        fn runs_are_a_set(steps in prop::collection::vec((0u32..200, 1u32..12, prop::bool::weighted(0.1)), 1..80)) {
            let (mut runs, mut set) = (Runs::default(), BTreeSet::new());
            for (start, len, remove) in steps {
                if remove {
                    runs.remove_before(start);
                    set.retain(|&segment| segment >= start);
                } else {
                    let before = set.len();
                    set.extend(start..start + len);
                    let new = runs.insert(Run { start, end: start + len });
                    prop_assert_eq!(new as usize, set.len() - before);
                }
                prop_assert_eq!(runs.total() as usize, set.len());
                prop_assert_eq!(runs.end(), set.last().map(|last| last + 1));
                let last = set.last().copied();
                for from in 0..212 {
                    prop_assert_eq!(runs.contains(from), set.contains(&from));
                    let hole = (from..last.unwrap_or(0)).find(|segment| !set.contains(segment));
                    prop_assert_eq!(runs.next_hole(from), hole);
                    let gap = (from..from + 9).find(|segment| !set.contains(segment));
                    let end = gap.map(|gap| (gap..from + 9).find(|s| set.contains(s)).unwrap_or(from + 9));
                    let expected = gap.zip(end).map(|(start, end)| Run { start, end });
                    prop_assert_eq!(runs.next_gap(Run { start: from, end: from + 9 }), expected);
                }
                prop_assert_eq!(runs.nth_from_top(3), set.iter().rev().nth(2).copied());
                let separate = runs.runs.iter().zip(runs.runs.iter().skip(1)).all(|(a, b)| a.end < b.start);
                prop_assert!(separate);
            }
        }
    }
}
