//! An axis that has met its data: its ends, its marks, and where a value lies.

use crate::axis::{Axis, Scale};
use crate::unit::{Multiple, Unit};
use crate::{calendar, number, ticks};

/// An axis with its ends and marks settled.
#[derive(Clone, Debug)]
pub(crate) struct Ruler {
    low: f64,
    high: f64,
    scale: Scale,
    pub(crate) marks: Vec<Mark>,
    pub(crate) title: String,
}

/// A tick and its text.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// The steps of a linear axis, chosen for its data and kept when its ends move to a mark.
struct Steps {
    multiple: Multiple,
    /// In base units.
    step: f64,
    count: f64,
}

impl Steps {
    fn new(axis: &Axis, low: f64, high: f64, count: f64) -> Self {
        let multiple = axis.unit.multiple(low.abs().max(high.abs()));
        let step = ticks::nice_step((high - low) / multiple.factor, count) * multiple.factor;
        Self { multiple, step, count }
    }

    /// The next mark after `high` if that is near: a run of 59.9 s is shown as a minute.
    fn rounded_end(&self, low: f64, high: f64) -> f64 {
        let (_, mark) = ticks::enclosing(low, high, self.step);
        if mark - high < 0.02 * (high - low) { mark.max(high) } else { high }
    }
}

/// Values beyond this are drawn as if they were this, so that no difference of two overflows.
const HUGE: f64 = 1e300;
/// Below this everything is zero.
const TINY: f64 = 1e-290;

impl Ruler {
    /// The x axis: exactly as wide as the data, marks within; zero included if it is near.
    pub(crate) fn horizontal(axis: &Axis, data: Option<(f64, f64)>, count: f64) -> Self {
        let near_zero = |(low, high): (f64, f64)| low > 0.0 && low <= 0.1 * high;
        let from_zero = axis.unit != Unit::Timestamp && !axis.fit && data.is_some_and(near_zero);
        let (low, high) = fixed(axis).unwrap_or_else(|| ends(axis.scale, data, from_zero));
        let steps = Steps::new(axis, low, high, count);
        let may_round = axis.range.is_none() && axis.scale == Scale::Linear && axis.unit != Unit::Timestamp;
        let end = if may_round { steps.rounded_end(low, high) } else { high };
        Self::new(axis, low, end, &steps)
    }

    /// The y axis: from mark to mark around the data, zero included unless the axis says otherwise.
    pub(crate) fn vertical(axis: &Axis, data: Option<(f64, f64)>, count: f64) -> Self {
        if let Some((low, high)) = fixed(axis) {
            return Self::new(axis, low, high, &Steps::new(axis, low, high, count));
        }
        let (low, high) = ends(axis.scale, data, !axis.fit);
        let steps = Steps::new(axis, low, high, count);
        let (low, high) = match axis.scale {
            Scale::Log => around(&ticks::log_ticks(low, high, count), low, high),
            Scale::Linear => ticks::enclosing(low, high, steps.step),
        };
        Self::new(axis, low, high, &steps)
    }

    fn new(axis: &Axis, low: f64, high: f64, steps: &Steps) -> Self {
        let (marks, unit) = match (axis.scale, &axis.unit) {
            (Scale::Log, _) => log_marks(axis, low, high, steps.count),
            (_, Unit::Timestamp) if calendar::can_label(low, high, steps.count) => {
                dates(low, high, steps.count)
            }
            _ => linear_marks(low, high, steps),
        };
        Self { low, high, scale: axis.scale, marks, title: title(&axis.label, &unit) }
    }

    /// Where `value` lies between the ends, as a share; `NaN` if it cannot be shown.
    pub(crate) fn share(&self, value: f64) -> f64 {
        if !value.is_finite() {
            return f64::NAN;
        }
        match self.scale {
            Scale::Linear => (value.clamp(-HUGE, HUGE) - self.low) / (self.high - self.low),
            Scale::Log if value > 0.0 => {
                let low = self.low.log10();
                (value.clamp(TINY, HUGE).log10() - low) / (self.high.log10() - low)
            }
            Scale::Log => f64::NAN,
        }
    }

    /// The same axis without marks, for a panel that has nothing to measure.
    pub(crate) fn without_marks(self) -> Self {
        Self { marks: Vec::new(), ..self }
    }

    /// Whether `value` lies between the ends.
    pub(crate) fn contains(&self, value: f64) -> bool {
        (-1e-9..=1.0 + 1e-9).contains(&self.share(value))
    }

    /// The part of `from..=to` between the ends, as shares; either may be infinite.
    pub(crate) fn within(&self, from: f64, to: f64) -> Option<(f64, f64)> {
        let share = |value: f64, end: f64, beyond: f64| if value == beyond { end } else { self.share(value) };
        let from = share(from, 0.0, f64::NEG_INFINITY);
        let to = share(to, 1.0, f64::INFINITY);
        (from <= to && from <= 1.0 && to >= 0.0).then_some((from.max(0.0), to.min(1.0)))
    }
}

/// "Throughput (Mbit/s)".
fn title(label: &str, unit: &str) -> String {
    match (label, unit) {
        (label, "") => label.to_owned(),
        ("", unit) => unit.to_owned(),
        (label, unit) => format!("{label} ({unit})"),
    }
}

/// The range the axis asks for, if it can be drawn.
fn fixed(axis: &Axis) -> Option<(f64, f64)> {
    let (low, high) = axis.range?;
    let drawable = low.abs() <= HUGE && high.abs() <= HUGE && high - low > high.abs().max(low.abs()) * 1e-9;
    (drawable && (axis.scale == Scale::Linear || low >= TINY)).then_some((low, high))
}

/// Ends that enclose the data, always some way apart.
fn ends(scale: Scale, data: Option<(f64, f64)>, with_zero: bool) -> (f64, f64) {
    match (scale, data) {
        (Scale::Linear, Some((low, high))) => linear_ends(low, high, with_zero),
        (Scale::Log, Some((low, high))) => log_ends(low.clamp(TINY, HUGE), high.clamp(TINY, HUGE)),
        (Scale::Linear, None) => (0.0, 1.0),
        (Scale::Log, None) => (1.0, 10.0),
    }
}

fn linear_ends(low: f64, high: f64, with_zero: bool) -> (f64, f64) {
    let (low, high) = (low.clamp(-HUGE, HUGE), high.clamp(-HUGE, HUGE));
    let (low, high) = if with_zero { (low.min(0.0), high.max(0.0)) } else { (low, high) };
    let largest = low.abs().max(high.abs());
    if largest < TINY {
        (0.0, 1.0)
    } else if high - low < largest * 1e-6 {
        (low - largest * 0.05, high + largest * 0.05)
    } else {
        (low, high)
    }
}

fn log_ends(low: f64, high: f64) -> (f64, f64) {
    if high / low < 1.01 { (low / 2.0, high * 2.0) } else { (low, high) }
}

/// The ends of `marks`, or of the range where that reaches further.
fn around(marks: &[f64], low: f64, high: f64) -> (f64, f64) {
    let (first, last) = (marks.first().copied(), marks.last().copied());
    (first.map_or(low, |m| m.min(low)), last.map_or(high, |m| m.max(high)))
}

fn linear_marks(low: f64, high: f64, steps: &Steps) -> (Vec<Mark>, String) {
    let Multiple { factor, ref name } = steps.multiple;
    let mark = |value: f64| Mark { value, label: number::format(value / factor, steps.step / factor) };
    (ticks::multiples(low, high, steps.step).into_iter().map(mark).collect(), name.clone())
}

fn log_marks(axis: &Axis, low: f64, high: f64, count: f64) -> (Vec<Mark>, String) {
    let own = |v: f64| axis.unit.multiple_of_tick(v);
    let base = axis.unit.base();
    let text = |v: f64| match own(v) {
        Some(multiple) => format!("{} {}", log_number(v / multiple.factor), multiple.name),
        None => log_number(v / base.factor),
    };
    let inside = |v: &f64| *v >= low * (1.0 - 1e-9) && *v <= high * (1.0 + 1e-9);
    let marks = ticks::log_ticks(low, high, count).into_iter().filter(inside);
    let unit = if own(1.0).is_some() { String::new() } else { base.name.clone() };
    (marks.map(|value| Mark { value, label: text(value) }).collect(), unit)
}

fn log_number(value: f64) -> String {
    let power = 10f64.powf((value * (1.0 + 1e-9)).log10().floor());
    if value < 1e-3 { number::scientific(value, power) } else { number::format(value, power) }
}

fn dates(low: f64, high: f64, count: f64) -> (Vec<Mark>, String) {
    let step = calendar::step(high - low, count);
    let mark = |value: f64| Mark { value, label: calendar::label(value, step) };
    let marks = ticks::multiples(low, high, step).into_iter().map(mark).collect();
    (marks, format!("UTC, from {}", calendar::iso_date(low)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(ruler: &Ruler) -> Vec<&str> {
        ruler.marks.iter().map(|m| m.label.as_str()).collect()
    }

    #[test]
    fn a_throughput_axis_starts_at_zero_and_ends_on_a_mark() {
        let axis = Axis::new("Throughput", Unit::BitsPerSecond);
        let ruler = Ruler::vertical(&axis, Some((3e6, 622e6)), 5.0);
        assert_eq!(labels(&ruler), ["0", "200", "400", "600", "800"]);
        assert_eq!(ruler.title, "Throughput (Mbit/s)");
        assert_eq!(ruler.share(400e6), 0.5);
    }

    #[test]
    fn a_time_axis_is_as_wide_as_its_data() {
        let axis = Axis::new("Time", Unit::Seconds);
        let ruler = Ruler::horizontal(&axis, Some((0.1, 55.0)), 6.0);
        assert_eq!(labels(&ruler), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(ruler.share(55.0), 1.0);
        let ruler = Ruler::horizontal(&axis, Some((0.1, 59.9)), 6.0);
        assert_eq!(ruler.share(60.0), 1.0);
    }

    #[test]
    fn the_ticks_of_a_logarithmic_axis_carry_their_unit() {
        let axis = Axis::new("Rate", Unit::BitsPerSecond).scale(Scale::Log);
        let ruler = Ruler::vertical(&axis, Some((1e5, 2e9)), 5.0);
        assert_eq!(
            labels(&ruler),
            ["100 kbit/s", "1 Mbit/s", "10 Mbit/s", "100 Mbit/s", "1 Gbit/s", "10 Gbit/s"]
        );
        assert_eq!(ruler.title, "Rate");
        assert!(ruler.share(0.0).is_nan());
    }

    #[test]
    fn a_constant_far_from_zero_has_room_around_it() {
        let ruler = Ruler::vertical(&Axis::new("RTT", Unit::Seconds).fit(), Some((0.07, 0.07)), 5.0);
        assert!(ruler.share(0.07) > 0.2 && ruler.share(0.07) < 0.8);
    }

    #[test]
    fn an_impossible_range_is_ignored() {
        let axis = Axis::new("", Unit::None).range(5.0, f64::NAN);
        assert_eq!(labels(&Ruler::vertical(&axis, Some((0.0, 4.0)), 4.0)), ["0", "1", "2", "3", "4"]);
    }

    #[test]
    fn both_ends_of_a_y_axis_have_a_mark() {
        let axis = Axis::new("", Unit::None);
        for data in [(-0.1, 1.0), (0.0, 590.0), (-3.0, 2.0)] {
            let ruler = Ruler::vertical(&axis, Some(data), 4.0);
            let (first, last) = (&ruler.marks[0], &ruler.marks[ruler.marks.len() - 1]);
            assert!(ruler.share(first.value).abs() < 1e-9 && (ruler.share(last.value) - 1.0).abs() < 1e-9);
        }
    }

    proptest! {
        #[test]
        fn any_data_lie_within_the_ends(a in any::<f64>(), b in any::<f64>(), log: bool, fit: bool) {
            prop_assume!(a.is_finite() && b.is_finite());
            let scale = if log { Scale::Log } else { Scale::Linear };
            let axis = Axis { fit, ..Axis::new("", Unit::Bytes).scale(scale) };
            for ruler in [Ruler::vertical, Ruler::horizontal].map(|f| f(&axis, Some((a.min(b), a.max(b))), 6.0)) {
                for share in [ruler.share(a), ruler.share(b)] {
                    prop_assert!(share.is_nan() || (-1e-6..=1.0 + 1e-6).contains(&share), "{ruler:?} {share}");
                }
                prop_assert!(ruler.marks.len() <= 20);
            }
        }
    }
}
