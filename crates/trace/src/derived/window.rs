//! What a flow remembers of the samples that are in a window of time.

use std::collections::VecDeque;
use std::time::Duration;

use wad_model::Time;

use super::check::Over;

/// The samples that still matter: for an average all of the window, for an extreme those that no later one exceeds.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    samples: VecDeque<(Time, f64)>,
    sum: f64,
    /// How many samples have gone since the sum was computed anew: differences of sums gather errors.
    gone: usize,
    /// Without a length: of all samples.
    count: f64,
}

impl Window {
    /// What the window gives with one more sample, if it has any.
    pub(super) fn push(
        &mut self,
        now: Time,
        value: Option<f64>,
        over: Over,
        length: Option<Duration>,
    ) -> Option<f64> {
        match (over, length) {
            (Over::Average, None) => {
                if let Some(value) = value {
                    self.sum += value;
                    self.count += 1.0;
                }
                (self.count > 0.0).then(|| self.sum / self.count)
            }
            (Over::Average, Some(length)) => self.average(now, value, length),
            (Over::Min, length) => self.extreme(now, value, length, |new, old| new <= old),
            (Over::Max, length) => self.extreme(now, value, length, |new, old| new >= old),
        }
    }

    fn average(&mut self, now: Time, value: Option<f64>, length: Duration) -> Option<f64> {
        if let Some(value) = value {
            self.samples.push_back((now, value));
            self.sum += value;
        }
        while let Some((_, value)) = self.samples.front().filter(|(time, _)| now - *time >= length) {
            self.sum -= value;
            self.gone += 1;
            self.samples.pop_front();
        }
        if self.gone > self.samples.len() {
            self.sum = self.samples.iter().map(|(_, value)| value).sum();
            self.gone = 0;
        }
        #[expect(clippy::cast_precision_loss, reason = "a window has fewer than 2^53 samples")]
        let count = self.samples.len() as f64;
        (count > 0.0).then(|| self.sum / count)
    }

    /// Keeps those samples that could still become the extreme: each is beaten by none behind it.
    fn extreme(
        &mut self,
        now: Time,
        value: Option<f64>,
        length: Option<Duration>,
        beats: fn(f64, f64) -> bool,
    ) -> Option<f64> {
        if let Some(value) = value {
            while self.samples.back().is_some_and(|(_, old)| beats(value, *old)) {
                self.samples.pop_back();
            }
            // Without a length nothing leaves, so that the front stays the extreme.
            if length.is_some() || self.samples.is_empty() {
                self.samples.push_back((now, value));
            }
        }
        if let Some(length) = length {
            while self.samples.front().is_some_and(|(time, _)| now - *time >= length) {
                self.samples.pop_front();
            }
        }
        self.samples.front().map(|(_, value)| *value)
    }
}
