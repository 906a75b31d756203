//! A parameter and the values that it takes: `window=64KiB..16MiB:log8`.

use std::str::FromStr;

use wad_sim::control::math::pow;

use super::quantity::{self, Kind};

/// No axis needs more values.
const MOST: usize = 1_000_000;

/// A parameter that is varied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Its name, as for a [`Setting`](crate::Setting).
    pub name: String,
    /// Its values, as text.
    pub values: Vec<String>,
}

impl Axis {
    /// The values as numbers of one kind; none if one of them is a name, or they are of several kinds.
    pub(super) fn numbers(&self) -> Option<(Kind, Vec<f64>)> {
        let read: Vec<_> = self.values.iter().map(|text| quantity::read(text)).collect::<Option<_>>()?;
        let (kind, _) = read.first()?;
        read.iter().all(|(other, _)| other == kind).then(|| (*kind, read.iter().map(|(_, n)| *n).collect()))
    }

    /// As on the command line, each value by itself.
    #[must_use]
    pub fn listed(&self) -> String {
        format!("{}={}", self.name, self.values.join(","))
    }
}

/// `NAME=A,B,C`, or with ranges: `A..B:logN` (N values with equal ratios), `A..B:linN` (with equal steps), `A..B:STEP`, and
/// `A..B` by steps of one.
impl FromStr for Axis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, values)) = text.split_once('=').filter(|(name, _)| !name.trim().is_empty()) else {
            return Err("give NAME=VALUES, such as streams=1,2,4,8 or window=64KiB..16MiB:log8".to_owned());
        };
        let mut all = Vec::new();
        for item in items(values) {
            match item.split_once("..") {
                Some((from, rest)) => all.extend(range(from.trim(), rest.trim())?),
                None if item.trim().is_empty() => return Err(format!("{name} has an empty value")),
                None => all.push(item.trim().to_owned()),
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|value| seen.insert(value.clone()));
        Ok(Self { name: name.trim().to_owned(), values: all })
    }
}

/// Splits at commas that stand in no braces, brackets or quotes.
fn items(text: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start, mut items) = (0u32, false, 0, Vec::new());
    for (place, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                items.push(&text[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    items.push(&text[start..]);
    items
}

/// Values from one to another.
fn range(from: &str, rest: &str) -> Result<Vec<String>, String> {
    let (to, how) = rest.split_once(':').unwrap_or((rest, ""));
    let fault = |problem: &str| Err(format!("{from}..{rest}: {problem}"));
    let (Some((kind, low)), Some((other, high))) = (quantity::read(from), quantity::read(to)) else {
        return fault("a range goes from a number to a number, such as 64KiB..16MiB");
    };
    if kind != other {
        return fault("both ends must be of one kind");
    }
    if low >= high {
        return fault("the first end must be the lower one");
    }
    let count = |text: &str| text.parse::<usize>().ok().filter(|count| (2..=MOST).contains(count));
    let is_whole = kind == Kind::Number && [from, to].iter().all(|text| text.parse::<i64>().is_ok());
    let values = if let Some(text) = how.strip_prefix("log") {
        match count(text) {
            None => return fault("give how many values, such as :log8"),
            Some(_) if low <= 0.0 => return fault("equal ratios need a first end above 0"),
            Some(count) => spread(count, |share| low * pow(high / low, share), high),
        }
    } else if let Some(text) = how.strip_prefix("lin") {
        match count(text) {
            None => return fault("give how many values, such as :lin5"),
            Some(count) => spread(count, |share| low + (high - low) * share, high),
        }
    } else {
        match (how, quantity::read(how)) {
            ("", _) if is_whole => steps(low, high, 1.0),
            ("", _) => return fault("say how many values (:log8, :lin5) or give a step (:10ms)"),
            (_, Some((step_kind, step))) if step_kind == kind && step > 0.0 && (high - low) / step < 1e6 => {
                steps(low, high, step)
            }
            _ => return fault("give :logN, :linN, or a step of the same kind as the ends"),
        }
    };
    let rounded = values.into_iter().map(|value| if is_whole { value.round() } else { significant(value) });
    Ok(rounded.map(|value| quantity::write(kind, value)).collect())
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a million values")]
fn spread(count: usize, value: impl Fn(f64) -> f64, last: f64) -> Vec<f64> {
    let inner = (0..count - 1).map(|place| value(place as f64 / (count - 1) as f64));
    inner.chain([last]).collect()
}

/// The steps that end at or before `high`, whatever rounding does.
fn steps(low: f64, high: f64, step: f64) -> Vec<f64> {
    let value = |place: u32| low + f64::from(place) * step;
    (0..).map(value).take_while(|value| *value <= high + step * 1e-9).collect()
}

/// Nine digits: enough for any parameter, and the same whatever the last bits are.
fn significant(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        text.parse::<Axis>().unwrap().values
    }

    #[test]
    fn lists_and_ranges() {
        assert_eq!(values("streams=1,2,4,8"), ["1", "2", "4", "8"]);
        assert_eq!(values("streams=1..4"), ["1", "2", "3", "4"]);
        assert_eq!(values("window=64KiB..1MiB:log5"), ["64 KiB", "128 KiB", "256 KiB", "512 KiB", "1 MiB"]);
        assert_eq!(values("rtt=10ms..30ms:10ms"), ["10 ms", "20 ms", "30 ms"]);
        assert_eq!(values("rate=10Mbit/s..20Mbit/s:lin3"), ["10 Mbit/s", "15 Mbit/s", "20 Mbit/s"]);
        assert_eq!(values("loss=1e-5..1e-2:log4,0.1"), ["0.00001", "0.0001", "0.001", "0.01", "0.1"]);
        assert_eq!(values("streams=1..64:log4"), ["1", "4", "16", "64"]);
        assert_eq!(values("control=reno,{ aimd = { additive_increase = 6.0 } }").len(), 2);
        assert_eq!(values("streams=1,1,2"), ["1", "2"], "each once");
    }

    #[test]
    fn what_is_no_range_says_what_would_be() {
        let fault = |text: &str| text.parse::<Axis>().unwrap_err();
        assert!(fault("window").contains("NAME=VALUES"));
        assert!(fault("window=1MiB..64KiB:log8").contains("lower one"));
        assert!(fault("window=1MiB..80ms:log8").contains("one kind"));
        assert!(fault("window=64KiB..1MiB").contains("how many values"));
        assert!(fault("rtt=1ms..9ms:1KiB").contains("same kind"));
        assert!(fault("loss=0..1:log3").contains("above 0"));
        assert!(fault("control=a..b:log3").contains("number"));
    }

    #[test]
    fn a_listed_axis_is_the_same_axis() {
        let axis: Axis = "window=64KiB..16MiB:log7".parse().unwrap();
        assert_eq!(axis.listed().parse(), Ok(axis));
    }
}
