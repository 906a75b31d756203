//! Limited slow start (RFC 3742): from a window of `max_ssthresh` on, slow start adds at most half of that a round trip.
//!
//! Slow start doubles the window each round trip, so in its last round trip a window of thousands of segments
//! overfills the queue by as many. With the limit (section 2), for each acknowledged segment:
//!
//! ```text
//! cwnd <= max_ssthresh    cwnd += 1
//! cwnd >  max_ssthresh    K = int(cwnd / (0.5 max_ssthresh)),  cwnd += 1/K
//! ```
//!
//! It is no control of its own but part of [`slow_start`](super::slow_start), for every control that has a slow start.

/// What a segment acknowledged in slow start adds to a window.
#[must_use]
#[inline]
pub fn gain(cwnd: f64, max_ssthresh: f64) -> f64 {
    if cwnd <= max_ssthresh {
        return 1.0;
    }
    1.0 / (cwnd / (0.5 * max_ssthresh)).floor()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 2 with 100 segments: a window up to 100 doubles, one of 150 grows by a third of a segment an ACK.
    #[test]
    fn the_gain_falls_in_steps() {
        assert_eq!(
            [50.0, 100.0, 101.0, 149.0, 150.0, 200.0].map(|cwnd| gain(cwnd, 100.0)),
            [1.0, 1.0, 0.5, 0.5, 1.0 / 3.0, 0.25]
        );
    }

    /// Section 2: at most max_ssthresh / 2 a round trip.
    #[test]
    fn a_round_trip_adds_half_of_the_threshold_at_most() {
        let mut cwnd = 120.0;
        while cwnd < 10_000.0 {
            let before = cwnd;
            let mut acked = 0.0;
            while acked < before {
                cwnd += gain(cwnd, 100.0);
                acked += 1.0;
            }
            assert!((25.0..=60.5).contains(&(cwnd - before)), "{before} to {cwnd}");
        }
    }
}
