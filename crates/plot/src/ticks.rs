//! Where an axis has its marks: at round numbers.

/// The round number (1, 2 or 5 times a power of ten, or 2.5 where that fits best) that divides
/// `span` into at most `count` parts.
pub(crate) fn nice_step(span: f64, count: f64) -> f64 {
    let raw = span / count.max(1.0);
    let power = 10f64.powf(raw.log10().floor());
    // The tolerance keeps a span of 5 in five parts of 1, whatever the last bit says.
    let fits = |m: &&f64| **m * power * (1.0 + 1e-9) >= raw;
    [1.0, 2.0, 2.5, 5.0].iter().find(fits).unwrap_or(&10.0) * power
}

/// The multiples of `step` in `from..=to`.
pub(crate) fn multiples(from: f64, to: f64, step: f64) -> Vec<f64> {
    let last = to / step * (1.0 + f64::EPSILON.copysign(to)) + 1e-9;
    let mut index = (from / step - 1e-9).ceil();
    let mut out = Vec::new();
    while index <= last && out.len() < MOST {
        out.push(index * step);
        index += 1.0;
    }
    out
}

/// A bound no reasonable axis meets, so that rounding can never make a loop endless.
const MOST: usize = 1000;

/// The multiples of `step` that enclose `from..=to`.
pub(crate) fn enclosing(from: f64, to: f64, step: f64) -> (f64, f64) {
    ((from / step + 1e-9).floor() * step, (to / step - 1e-9).ceil() * step)
}

/// Marks for `from..=to` on a logarithmic axis, the outermost at or beyond the ends: 1, 2, 5 in
/// each decade while at most `count` of those come out, otherwise every decade or every so many.
pub(crate) fn log_ticks(from: f64, to: f64, count: f64) -> Vec<f64> {
    let (low, high) = (from.log10(), to.log10());
    let fine = high - low < (count / 3.0).max(1.0);
    if fine { enclosed(&one_two_five(low, high), from, to) } else { decades(low, high, count) }
}

fn one_two_five(low: f64, high: f64) -> Vec<f64> {
    let decades = multiples(low.floor(), high.ceil(), 1.0);
    decades.iter().flat_map(|d| [1.0, 2.0, 5.0].map(|m| m * 10f64.powf(*d))).collect()
}

fn decades(low: f64, high: f64, count: f64) -> Vec<f64> {
    let step = ((high - low) / count).ceil().max(1.0);
    let (first, last) = enclosing(low, high, step);
    // A mark beyond what a number can hold is left out.
    multiples(first, last, step).iter().map(|d| 10f64.powf(*d)).filter(|m| m.is_normal()).collect()
}

/// The marks from the last at or below `from` to the first at or above `to`.
fn enclosed(marks: &[f64], from: f64, to: f64) -> Vec<f64> {
    let slack = 1e-9;
    let first = marks.iter().rposition(|m| *m <= from * (1.0 + slack)).unwrap_or(0);
    let last = marks.iter().position(|m| *m >= to * (1.0 - slack)).unwrap_or(marks.len() - 1);
    marks.get(first..=last.max(first + 1).min(marks.len() - 1)).unwrap_or(marks).to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_nice(step: f64) -> bool {
        let mantissa = step / 10f64.powf((step * (1.0 + 1e-9)).log10().floor());
        [1.0, 2.0, 2.5, 5.0].iter().any(|m| (mantissa - m).abs() < 1e-6)
    }

    #[test]
    fn steps_of_everyday_axes() {
        assert_eq!(nice_step(622.0, 7.0), 100.0);
        assert_eq!(nice_step(60.0, 8.0), 10.0);
        assert_eq!(nice_step(5.0, 5.0), 1.0);
        assert_eq!(multiples(0.0, 60.0, 20.0), [0.0, 20.0, 40.0, 60.0]);
        assert_eq!(enclosing(3.0, 622.0, 100.0), (0.0, 700.0));
    }

    #[test]
    fn logarithmic_marks() {
        assert_eq!(log_ticks(3.0, 80.0, 7.0), [2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!(log_ticks(1.0, 1e6, 7.0).len(), 7);
        assert_eq!(log_ticks(10.0, 10.0, 7.0).len(), 2);
    }

    proptest! {
        #[test]
        fn ticks_are_nice_and_enclose_the_range(from in -1e12..1e12f64, span in 1e-3..1e12f64, count in 2.0..12.0f64) {
            prop_assume!(span > from.abs() * 1e-5);
            let to = from + span;
            let step = nice_step(span, count);
            prop_assert!(is_nice(step), "{step}");
            let (first, last) = enclosing(from, to, step);
            let slack = step * 1e-6;
            prop_assert!(first <= from + slack && last >= to - slack);
            let ticks = multiples(first, last, step);
            let (Some(low), Some(high)) = (ticks.first(), ticks.last()) else {
                return Err(TestCaseError::fail("no ticks"));
            };
            prop_assert!((low - first).abs() <= slack && (high - last).abs() <= slack);
            prop_assert!(ticks.len() <= 15);
        }

        #[test]
        fn log_ticks_enclose_the_range(from in -150.0..150.0f64, span in 0.0..100.0f64, count in 2.0..12.0f64) {
            let (low, high) = (10f64.powf(from), 10f64.powf(from + span));
            let ticks = log_ticks(low, high, count);
            prop_assert!(ticks.len() >= 2 && ticks.len() < 20, "{ticks:?}");
            prop_assert!(ticks[0] <= low * (1.0 + 1e-6));
            prop_assert!(ticks[ticks.len() - 1] >= high * (1.0 - 1e-6));
        }
    }
}
