//! How long a control takes to have the window back that a loss took.

use std::time::Duration;

use crate::control::high_speed::{Constants, Law};
use crate::control::math::{cbrt, ln};

/// Additive increase: b W / a round trips; W/2 for standard TCP.
#[must_use]
pub fn aimd(window: f64, increase: f64, decrease: f64, rtt: Duration) -> Duration {
    of_rounds(decrease * window / increase, rtt)
}

/// Scalable TCP: ln(1 / (1 - b)) / ln(1 + a) round trips at any window (T. Kelly, "Scalable TCP", 2003, section 3).
#[must_use]
pub fn scalable(increase: f64, decrease: f64, rtt: Duration) -> Duration {
    of_rounds(-ln(1.0 - decrease) / ln(1.0 + increase), rtt)
}

/// HighSpeed TCP: the sum of 1/a(w) over the windows from (1 - b(W)) W to W (RFC 3649 section 5).
#[must_use]
pub fn high_speed(window: f64, rtt: Duration) -> Duration {
    const STEPS: u32 = 1000;
    let lost = Constants::at(Law::Rfc, window).decrease * window;
    let step = lost / f64::from(STEPS);
    let increase = |i: u32| Constants::at(Law::Rfc, window - lost + step * (f64::from(i) + 0.5)).increase;
    of_rounds((0..STEPS).map(|i| step / increase(i)).sum(), rtt)
}

/// CUBIC: K = cbrt(W (1 - beta) / C), whatever the round trip (RFC 9438, figure 2); where standard TCP is faster, less.
#[must_use]
pub fn cubic(window: f64, c: f64, beta: f64, rtt: Duration) -> Duration {
    let k = Duration::from_secs_f64(cbrt(window * (1.0 - beta) / c));
    let increase = 3.0 * (1.0 - beta) / (1.0 + beta);
    k.min(aimd(window, increase, 1.0 - beta, rtt))
}

fn of_rounds(rounds: f64, rtt: Duration) -> Duration {
    Duration::try_from_secs_f64(rounds * rtt.as_secs_f64()).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    /// The window of 10 Gbit/s at 100 ms, 83333 segments: standard TCP takes more than an hour.
    #[test]
    fn a_large_window_takes_standard_tcp_an_hour() {
        let seconds = aimd(83_333.0, 1.0, 0.5, RTT).as_secs_f64();
        assert!((seconds - 4166.65).abs() < 0.01, "{seconds}");
    }

    /// The paper of 2002, figure 5: AIMD (0.3, 6) recovers ten times as fast.
    #[test]
    fn a_tuned_flow_recovers_faster() {
        let ratio = aimd(400.0, 1.0, 0.5, RTT).as_secs_f64() / aimd(400.0, 6.0, 0.3, RTT).as_secs_f64();
        assert!((ratio - 10.0).abs() < 1e-6);
    }

    /// Kelly, section 3: 13.4 round trips; 2.7 s at 200 ms.
    #[test]
    fn scalable_takes_as_long_at_any_window() {
        let seconds = scalable(0.01, 0.125, Duration::from_millis(200)).as_secs_f64();
        assert!((seconds - 2.68).abs() < 0.02, "{seconds}");
    }

    /// At 83000 segments b = 0.1 and a is about 72.
    #[test]
    fn high_speed_takes_some_hundred_round_trips() {
        let rounds = high_speed(83_000.0, RTT).as_secs_f64() / 0.1;
        assert!((110.0..125.0).contains(&rounds), "{rounds}");
        assert!((high_speed(20.0, RTT).as_secs_f64() - 1.0).abs() < 1e-9, "standard: 10 round trips");
    }

    /// RFC 9438: K for a window of 1000 segments is cbrt(750) = 9.09 s.
    #[test]
    fn cubic_does_not_look_at_the_round_trip() {
        let seconds = cubic(1000.0, 0.4, 0.7, RTT).as_secs_f64();
        assert!((seconds - 9.0856).abs() < 1e-3, "{seconds}");
        assert!(cubic(1000.0, 0.4, 0.7, Duration::from_millis(1)).as_secs_f64() < 0.6);
    }
}
