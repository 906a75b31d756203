//! The largest of recent values.

use std::collections::VecDeque;

use crate::tcp::push_tightly;

/// The maximum over the last so many rounds, whatever a round is; exact.
#[derive(Clone, Debug)]
pub(crate) struct WindowedMax {
    length: u64,
    /// Falling values with the rounds that they are from: each is the largest since its round.
    values: VecDeque<(u64, f64)>,
}

impl WindowedMax {
    pub(crate) const fn new(length: u64) -> Self {
        Self { length, values: VecDeque::new() }
    }

    /// Zero before the first.
    #[inline]
    pub(crate) fn get(&self) -> f64 {
        self.values.front().map_or(0.0, |&(_, value)| value)
    }

    /// Takes a value of `round`, which is not before the last.
    pub(crate) fn update(&mut self, round: u64, value: f64) {
        while self.values.back().is_some_and(|&(_, last)| last <= value) {
            self.values.pop_back();
        }
        if self.values.back().is_none_or(|&(last, _)| last < round) {
            push_tightly(&mut self.values, (round, value));
        }
        self.forget(round);
    }

    /// Forgets what is too old in `round`, but not the last value.
    pub(crate) fn forget(&mut self, round: u64) {
        while self.values.len() > 1
            && self.values.front().is_some_and(|&(first, _)| first + self.length <= round)
        {
            self.values.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_maximum(values in prop::collection::vec((0u64..3, 0.0f64..100.0), 1..100)) {
            let mut max = WindowedMax::new(10);
            let (mut round, mut all) = (0, Vec::new());
            for (step, value) in values {
                round += step;
                max.update(round, value);
                all.push((round, value));
                let expected = all.iter().filter(|&&(r, _)| r + 10 > round).map(|&(_, v)| v).fold(0.0, f64::max);
                prop_assert!((max.get() - expected).abs() < 1e-12);
            }
        }
    }
}
