//! How long slow start lasts, and what it sends.

use crate::control::math::ln;

/// By how much a window grows in a round trip of slow start: 2 where each segment adds one (RFC 5681 with RFC 3465), 1.5
/// where a receiver acknowledges every other segment and the sender counts ACKs.
#[must_use]
pub fn growth(segments_an_ack: f64) -> f64 {
    1.0 + 1.0 / segments_an_ack
}

/// Round trips until the window has grown from one to another, as a fraction; none if it is there.
#[must_use]
pub fn rounds(initial: f64, target: f64, growth: f64) -> f64 {
    if target <= initial { 0.0 } else { ln(target / initial) / ln(growth) }
}

/// Segments sent in so many round trips: the geometric series.
#[must_use]
pub fn segments(initial: f64, growth: f64, rounds: f64) -> f64 {
    initial * (crate::control::math::exp(rounds * ln(growth)) - 1.0) / (growth - 1.0)
}

/// Round trips to send so many segments without a loss, with a window of `most` at the most (N. Cardwell, S. Savage, T.
/// Anderson, "Modeling TCP latency", INFOCOM 2000, equation 15).
#[must_use]
pub fn rounds_to_send(segments: f64, initial: f64, most: f64, growth: f64) -> f64 {
    if segments <= 0.0 {
        return 0.0;
    }
    // Equation 11: the window that slow start would end with.
    let last = segments * (growth - 1.0) / growth + initial / growth;
    if last <= most {
        return ln(segments * (growth - 1.0) / initial + 1.0) / ln(growth);
    }
    let grown = (growth * most - initial) / (growth - 1.0);
    rounds(initial, most, growth) + 1.0 + (segments - grown) / most
}

/// Round trips until the window is there with limited slow start (RFC 3742 section 2): the logarithm up to
/// `max_ssthresh`, then half of that a round trip.
#[must_use]
pub fn limited_rounds(initial: f64, target: f64, max_ssthresh: f64, growth: f64) -> f64 {
    let begin = target.min(max_ssthresh);
    let linear = (target - max_ssthresh.max(initial)).max(0.0) / (max_ssthresh / 2.0);
    rounds(initial, begin, growth) + linear
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::limited_slow_start::gain;

    #[test]
    fn doubling_is_a_logarithm() {
        assert!((rounds(10.0, 10_240.0, 2.0) - 10.0).abs() < 1e-9);
        assert!((segments(10.0, 2.0, 10.0) - 10_230.0).abs() < 1e-6);
        assert!((growth(2.0) - 1.5).abs() < 1e-12);
        assert!(rounds(10.0, 5.0, 2.0) < 1e-12);
    }

    /// RFC 3649 section 6.1: a window of 83,000 takes 16 to 17 round trips from one segment.
    #[test]
    fn a_large_window_is_soon_there() {
        assert!((16.0..17.0).contains(&rounds(1.0, 83_000.0, 2.0)));
    }

    /// 100 segments from 10: 10, 20, 40, and 30 of the fourth round trip.
    #[test]
    fn a_short_transfer_takes_a_few_round_trips() {
        let rounds = rounds_to_send(100.0, 10.0, 1e9, 2.0);
        assert!((3.0..4.0).contains(&rounds), "{rounds}");
        // With at most 20: 10, 20, 20, 20, 20, 10.
        let rounds = rounds_to_send(100.0, 10.0, 20.0, 2.0);
        assert!((5.0..6.0).contains(&rounds), "{rounds}");
    }

    /// Against the rule itself, ACK by ACK. The whole number K = int(cwnd / (0.5 max)) makes it faster than the bound where
    /// the window is only a few times the limit.
    #[test]
    fn limited_slow_start_takes_as_long_as_it_says() {
        let (mut cwnd, mut rounds) = (10.0, 0.0);
        while cwnd < 5000.0 {
            let mut acks = cwnd;
            while acks >= 1.0 {
                cwnd += gain(cwnd, 100.0);
                acks -= 1.0;
            }
            rounds += 1.0;
        }
        let formula = limited_rounds(10.0, 5000.0, 100.0, 2.0);
        assert!((formula / rounds - 1.0).abs() < 0.05, "{formula}, counted {rounds}");
    }
}
