//! The largest bandwidth of two cycles of probing (section 5.5.6, `MaxBwFilter`).

/// The maximum of this cycle and the one before it (section 2.10: `MaxBwFilterLen` is 2).
///
/// A [`WindowedMax`](crate::control::windowed::WindowedMax) of two rounds would say the same and keep a list for each flow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CycleMax {
    /// Of this cycle; zero before its first value.
    this: f64,
    /// Of the one before it, or of an older one if that had none.
    previous: f64,
    /// Whether the previous is older: it holds until the next value.
    outdated: bool,
}

impl CycleMax {
    /// Zero before the first.
    pub(super) fn get(&self) -> f64 {
        self.this.max(self.previous)
    }

    /// A value, above zero.
    pub(super) fn update(&mut self, value: f64) {
        if self.outdated {
            self.previous = 0.0;
            self.outdated = false;
        }
        self.this = self.this.max(value);
    }

    pub(super) fn next_cycle(&mut self) {
        self.outdated = self.this == 0.0;
        if !self.outdated {
            self.previous = self.this;
            self.this = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::control::windowed::WindowedMax;

    proptest! {
        #[test]
        fn it_is_a_windowed_maximum_of_two_rounds(steps in prop::collection::vec(prop::option::of(1.0f64..100.0), 1..100)) {
            let (mut max, mut windowed, mut cycle) = (CycleMax::default(), WindowedMax::new(2), 0);
            for step in steps {
                if let Some(value) = step {
                    max.update(value);
                    windowed.update(cycle, value);
                } else {
                    cycle += 1;
                    max.next_cycle();
                    windowed.forget(cycle);
                }
                prop_assert_eq!(max.get().to_bits(), windowed.get().to_bits());
            }
        }
    }
}
