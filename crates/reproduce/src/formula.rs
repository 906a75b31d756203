//! Windows of real flows against the formulas that they are to follow.
//!
//! ```text
//! congestion avoidance   w grows by a each round trip             slope of w over round trips, by least squares
//!                        each acknowledged segment adds a(w)/w    growth over a stretch, from what was acknowledged
//! loss                   w becomes (1 - b) w
//! limited slow start     w grows by at most max_ssthresh/2 each round trip                         (RFC 3742)
//! HighSpeed TCP          a(w), b(w) of Appendix B of RFC 3649
//! ```
//!
//! The per-round-trip form is what the papers state. The per-acknowledgement form is what a sender does; it also
//! holds where a changes within the stretch. A round trip is over when all that was outstanding at its begin is
//! acknowledged: no clock is needed, and a machine that stalls does not count.
//!
//! Windows are in segments.

use wad_tune::high_speed;

/// The slope of `y` over `x` by least squares; `None` unless there are two different `x`.
#[must_use]
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = f64::from(u32::try_from(points.len()).ok()?);
    let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
    let xy: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let xx: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (xx > 0.0).then(|| xy / xx)
}

/// Round trips passed at each of the samples (time, round-trip time), both in seconds: for several streams, which
/// have no common order of segments.
#[must_use]
pub fn round_trips(samples: &[(f64, f64)]) -> Vec<f64> {
    let mut passed = 0.0;
    let mut before = samples.first().copied().unwrap_or_default();
    let mut step = |&(time, rtt): &(f64, f64)| {
        passed += (time - before.0) / f64::midpoint(rtt, before.1);
        before = (time, rtt);
        passed
    };
    samples.iter().map(&mut step).collect()
}

/// Round trips passed at each of the samples (acknowledged, outstanding), both in segments.
#[must_use]
pub fn rounds(samples: &[(f64, f64)]) -> Vec<f64> {
    let Some(&(acked, outstanding)) = samples.first() else { return Vec::new() };
    let (mut passed, mut begin, mut end) = (0.0, acked, acked + outstanding);
    let mut before = (acked, outstanding);
    let mut all = Vec::with_capacity(samples.len());
    for &(acked, outstanding) in samples {
        while acked >= end && end > begin {
            passed += 1.0;
            // What had been sent when `end` was acknowledged, in proportion between the samples.
            let part = if acked > before.0 { (end - before.0) / (acked - before.0) } else { 1.0 };
            let sent = (before.0 + before.1) + part * (acked + outstanding - before.0 - before.1);
            (begin, end) = (end, sent);
        }
        before = (acked, outstanding);
        all.push(passed + if end > begin { (acked - begin) / (end - begin) } else { 0.0 });
    }
    all
}

/// The share of the window that an event took.
#[must_use]
pub fn decrease(before: f64, after: f64) -> f64 {
    1.0 - after / before
}

/// What windows should have grown by over samples of (acknowledged segments, window), if each acknowledged
/// segment adds `per_segment(window)`.
#[must_use]
pub fn expected_growth(samples: &[(f64, f64)], per_segment: impl Fn(f64) -> f64) -> f64 {
    let step =
        |pair: &[(f64, f64)]| (pair[1].0 - pair[0].0) * per_segment(f64::midpoint(pair[0].1, pair[1].1));
    samples.windows(2).map(step).sum()
}

/// Measured growth over [`expected_growth`]; `None` if nothing was to grow.
#[must_use]
pub fn growth_ratio(samples: &[(f64, f64)], per_segment: impl Fn(f64) -> f64) -> Option<f64> {
    let expected = expected_growth(samples, per_segment);
    let (first, last) = (samples.first()?, samples.last()?);
    (expected > 0.0).then(|| (last.1 - first.1) / expected)
}

/// What each acknowledged segment adds under HighSpeed TCP: a(w)/w by the table of RFC 3649, Appendix B.
#[must_use]
pub fn high_speed_increase(window: f64) -> f64 {
    f64::from(high_speed_row(window).increase) / window
}

/// The window that a loss leaves under HighSpeed TCP: (1 - b(w)) w by the same table.
#[must_use]
pub fn high_speed_after_loss(window: f64) -> f64 {
    window * (1.0 - f64::from(high_speed_row(window).decrease_1024) / 1024.0)
}

fn high_speed_row(window: f64) -> high_speed::Row {
    let found = high_speed::HIGH_SPEED_TABLE.iter().find(|row| f64::from(row.window) >= window);
    *found.unwrap_or(&high_speed::HIGH_SPEED_TABLE[high_speed::HIGH_SPEED_TABLE.len() - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(measured: f64, expected: f64) {
        close_to(measured, expected, 1e-9);
    }

    fn close_to(measured: f64, expected: f64, share: f64) {
        assert!(
            (measured - expected).abs() < share * expected.abs().max(1.0),
            "{measured} is not {expected}"
        );
    }

    #[test]
    fn a_straight_line_has_its_slope_and_a_point_has_none() {
        let line: Vec<_> = (0..50).map(|x| (f64::from(x), 6.0f64.mul_add(f64::from(x), 100.0))).collect();
        close(slope(&line).unwrap(), 6.0);
        assert_eq!(slope(&[(1.0, 2.0)]), None);
        assert_eq!(slope(&[]), None);
    }

    #[test]
    fn a_staircase_of_whole_segments_has_the_slope_of_its_line() {
        let stairs: Vec<_> =
            (0..1000).map(|x| f64::from(x) / 50.0).map(|x| (x, 4.0f64.mul_add(x, 300.0).floor())).collect();
        assert!((slope(&stairs).unwrap() - 4.0).abs() < 0.02);
    }

    #[test]
    fn round_trips_follow_the_round_trip_time() {
        let passed = round_trips(&[(1.0, 0.1), (1.1, 0.1), (1.4, 0.2), (1.8, 0.2)]);
        for (passed, expected) in passed.iter().zip([0.0, 1.0, 3.0, 5.0]) {
            close(*passed, expected);
        }
    }

    /// A sender that adds 50 segments in each round trip, seen six times in a round trip.
    #[test]
    fn rounds_are_those_of_what_is_outstanding() {
        let (mut window, mut acked) = (100.0f64, 0.0f64);
        let mut samples = Vec::new();
        for _ in 0..20 {
            for part in 0..6 {
                let share = f64::from(part) / 6.0;
                samples.push((share.mul_add(window, acked), 50.0f64.mul_add(share, window)));
            }
            acked += window;
            window += 50.0;
        }
        let passed = rounds(&samples);
        let line: Vec<_> = passed.iter().copied().zip(samples.iter().map(|sample| sample.1)).collect();
        assert!((slope(&line).unwrap() / 50.0 - 1.0).abs() < 0.005, "{:?}", slope(&line));
        assert!(rounds(&[]).is_empty());
    }

    /// RFC 5681: each acknowledged segment adds 1/w.
    #[test]
    fn expected_growth_is_what_the_acknowledgements_give() {
        let (mut window, mut acked) = (100.0f64, 0.0);
        let mut samples = vec![(acked, window)];
        for _ in 0..20_000 {
            window += 4.0 / window;
            acked += 1.0;
            if acked % 40.0 == 0.0 {
                samples.push((acked, window));
            }
        }
        close_to(growth_ratio(&samples, |w| 4.0 / w).unwrap(), 1.0, 1e-3);
        assert_eq!(growth_ratio(&[], |w| 4.0 / w), None);
    }

    /// RFC 3649, Appendix B.
    #[test]
    fn high_speed_follows_the_table() {
        close(38.0 * high_speed_increase(38.0), 1.0);
        close(1000.0 * high_speed_increase(1000.0), 8.0);
        // The appendix gives b with two digits: 0.33.
        close_to(high_speed_after_loss(1058.0), 1058.0 * (1.0 - 0.33), 0.01);
        close(decrease(1000.0, 700.0), 0.3);
    }
}
