//! Response functions: the mean window that a control keeps under a loss rate, and the loss rate that a window needs.

use std::time::Duration;

use wad_model::high_speed::{HIGH_LOSS, HIGH_WINDOW, LOW_WINDOW};
use wad_model::{Bytes, Rate};

use super::pipe;
use crate::control::math::{cbrt, pow};

/// How losses come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Losses {
    /// At equal distances: one every 1/p segments.
    Periodic,
    /// Each segment for itself with probability p.
    Random,
}

/// How a receiver acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// Every segment.
    Every,
    /// Every other segment, and a sender that counts ACKs and not bytes.
    Delayed,
}

/// The constant C of the mean window C/sqrt(p) of standard TCP (M. Mathis, J. Semke, J. Mahdavi, T. Ott, "The
/// macroscopic behavior of the TCP congestion avoidance algorithm", Computer Communication Review 27 (3), 1997, table
/// 1; the values for periodic losses are sqrt(3/2) and sqrt(3/4)).
#[must_use]
pub const fn mathis_constant(losses: Losses, acks: Acks) -> f64 {
    match (losses, acks) {
        (Losses::Periodic, Acks::Every) => 1.224_744_871,
        (Losses::Periodic, Acks::Delayed) => 0.866_025_404,
        (Losses::Random, Acks::Every) => 1.31,
        (Losses::Random, Acks::Delayed) => 0.93,
    }
}

/// The response function of a control.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Response {
    /// C / sqrt(p): see [`mathis_constant`].
    Mathis {
        /// C.
        constant: f64,
    },
    /// Additive increase a, multiplicative decrease b, periodic losses: sqrt(a (2 - b) / (2 b p)) (S. Floyd, M. Handley, J.
    /// Padhye, "A comparison of equation-based and AIMD congestion control", 2000, section 2).
    Aimd {
        /// Segments a round trip.
        increase: f64,
        /// The part of the window that a loss takes.
        decrease: f64,
    },
    /// RFC 3649, section 5: 0.12 / p^0.835 above 38 segments, standard TCP below.
    HighSpeed,
    /// a / (b p) where that is above the legacy window (T. Kelly, "Scalable TCP", 2003, section 3).
    Scalable {
        /// What an ACK adds.
        increase: f64,
        /// The part of the window that a loss takes.
        decrease: f64,
    },
    /// RFC 9438, section 5.1: (C (3 + beta) / (4 (1 - beta)))^(1/4) (RTT/p)^(3/4), or standard TCP where that is more.
    Cubic {
        /// C, segments per second cubed.
        c: f64,
        /// The part of the window that a loss leaves.
        beta: f64,
    },
}

impl Response {
    /// Standard TCP under periodic losses.
    pub const STANDARD: Self = Self::Mathis { constant: mathis_constant(Losses::Periodic, Acks::Every) };
    /// Scalable TCP with Kelly's constants.
    pub const SCALABLE: Self = Self::Scalable { increase: 0.01, decrease: 0.125 };
    /// CUBIC with the constants of RFC 9438.
    pub const CUBIC: Self = Self::Cubic { c: 0.4, beta: 0.7 };

    /// The mean window in segments; infinite without losses.
    #[must_use]
    pub fn mean_window(self, loss: f64, rtt: Duration) -> f64 {
        if loss <= 0.0 {
            return f64::INFINITY;
        }
        let standard = mathis_constant(Losses::Periodic, Acks::Every) / loss.sqrt();
        match self {
            Self::Mathis { constant } => constant / loss.sqrt(),
            Self::Aimd { increase: a, decrease: b } => (a * (2.0 - b) / (2.0 * b * loss)).sqrt(),
            Self::HighSpeed if loss > LOW_LOSS => standard,
            Self::HighSpeed => high_speed_window(loss),
            Self::Scalable { increase, decrease } => increase / (decrease * loss),
            Self::Cubic { c, beta } => cubic_window(c, beta, loss, rtt).max(standard),
        }
    }

    /// The largest loss rate under which a mean window of so many segments is kept; at most 1.
    #[must_use]
    pub fn loss_rate(self, window: f64, rtt: Duration) -> f64 {
        let standard = 1.5 / (window * window);
        let loss = match self {
            Self::Mathis { constant } => (constant / window).powi(2),
            Self::Aimd { increase: a, decrease: b } => a * (2.0 - b) / (2.0 * b * window * window),
            Self::HighSpeed if window <= LOW_WINDOW.into() => standard,
            Self::HighSpeed => high_speed_loss(window),
            Self::Scalable { increase, decrease } => increase / (decrease * window),
            Self::Cubic { c, beta } => cubic_loss(c, beta, window, rtt).max(standard),
        };
        loss.min(1.0)
    }

    /// What a loss rate allows: the mean window's rate.
    #[must_use]
    pub fn rate(self, loss: f64, segment: Bytes, rtt: Duration) -> Rate {
        pipe::rate_of(self.mean_window(loss, rtt), segment, rtt)
    }

    /// The largest loss rate under which a flow has this rate.
    #[must_use]
    pub fn loss_for(self, rate: Rate, segment: Bytes, rtt: Duration) -> f64 {
        self.loss_rate(pipe::window_of(rate, segment, rtt), rtt)
    }
}

/// The low end of the line of RFC 3649, section 5 (`Low_P`).
const LOW_LOSS: f64 = 1e-3;

/// S of section 5: the slope of the window over the loss rate on logarithmic scales, -0.835.
fn slope() -> f64 {
    use crate::control::math::ln;
    ln(f64::from(HIGH_WINDOW) / f64::from(LOW_WINDOW)) / ln(HIGH_LOSS / LOW_LOSS)
}

/// Section 5: w = (p / Low_P)^S Low_Window.
fn high_speed_window(loss: f64) -> f64 {
    pow(loss / LOW_LOSS, slope()) * f64::from(LOW_WINDOW)
}

fn high_speed_loss(window: f64) -> f64 {
    LOW_LOSS * pow(window / f64::from(LOW_WINDOW), 1.0 / slope())
}

fn cubic_scale(c: f64, beta: f64) -> f64 {
    (c * (3.0 + beta) / (4.0 * (1.0 - beta))).sqrt().sqrt()
}

fn cubic_window(c: f64, beta: f64, loss: f64, rtt: Duration) -> f64 {
    let x = rtt.as_secs_f64() / loss;
    cubic_scale(c, beta) * x.sqrt() * x.sqrt().sqrt()
}

fn cubic_loss(c: f64, beta: f64, window: f64, rtt: Duration) -> f64 {
    let y = cbrt(window / cubic_scale(c, beta));
    rtt.as_secs_f64() / (y * y * y * y)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    fn windows(response: Response, rtt: Duration) -> Vec<f64> {
        (2..=8).map(|n| response.mean_window(10f64.powi(-n), rtt).round()).collect()
    }

    fn assert_near(ours: &[f64], published: &[f64], tolerance: f64) {
        for (a, b) in ours.iter().zip(published) {
            assert!((a / b - 1.0).abs() < tolerance, "{ours:?} not {published:?}");
        }
    }

    /// RFC 9438, table 1 (RTT 0.1 s, C = 0.4), and table 2 (0.01 s). It has 1.2 for standard TCP's constant.
    #[test]
    fn cubic_is_that_of_rfc_9438() {
        let cubic = windows(Response::CUBIC, RTT);
        assert_near(&cubic, &[12.0, 38.0, 187.0, 1054.0, 5926.0, 33_325.0, 187_400.0], 0.03);
        assert_near(&cubic[2..], &[187.0, 1054.0, 5926.0, 33_325.0, 187_400.0], 0.003);
        let short = windows(Response::CUBIC, Duration::from_millis(10));
        assert_near(&short, &[12.0, 38.0, 120.0, 379.0, 1200.0, 5926.0, 33_325.0], 0.03);
    }

    /// RFC 3649, table 1; and what ns2/README.md computes with 0.12/p^0.835.
    #[test]
    fn high_speed_is_that_of_rfc_3649() {
        let published = [12.0, 38.0, 263.0, 1795.0, 12_280.0, 83_981.0, 574_356.0];
        assert_near(&windows(Response::HighSpeed, RTT), &published, 0.025);
    }

    /// RFC 3649, section 1: 10 Gbit/s at 100 ms needs a loss rate of 2e-10, a loss every 5,000,000,000 segments.
    #[test]
    fn standard_tcp_needs_what_no_path_has() {
        let (rate, segment) = (Rate::from_bps(10_000_000_000), Bytes::new(1500));
        let loss = Response::STANDARD.loss_for(rate, segment, RTT);
        assert!((loss / 2.16e-10 - 1.0).abs() < 1e-3, "{loss}");
        let ratio = Response::HighSpeed.loss_for(rate, segment, RTT) / 1e-7;
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
    }

    /// Mathis et al., table 1; AIMD(1, 1/2) is standard TCP.
    #[test]
    fn mathis_has_four_constants() {
        let window = |losses, acks| {
            Response::Mathis { constant: mathis_constant(losses, acks) }.mean_window(1e-4, RTT).round()
        };
        assert_eq!(
            [window(Losses::Periodic, Acks::Every), window(Losses::Periodic, Acks::Delayed)],
            [122.0, 87.0]
        );
        assert_eq!(
            [window(Losses::Random, Acks::Every), window(Losses::Random, Acks::Delayed)],
            [131.0, 93.0]
        );
        let aimd = Response::Aimd { increase: 1.0, decrease: 0.5 }.mean_window(1e-4, RTT);
        assert!((aimd - 122.474_487_1).abs() < 1e-6);
    }

    #[test]
    fn scalable_falls_with_the_loss_rate_itself() {
        assert!((Response::SCALABLE.mean_window(1e-4, RTT) - 800.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn each_is_the_inverse_of_itself(exponent in 1.5f64..8.0, rtt in 1u64..1000) {
            let (loss, rtt) = (10f64.powf(-exponent), Duration::from_millis(rtt));
            let aimd = Response::Aimd { increase: 6.0, decrease: 0.3 };
            for response in [Response::STANDARD, aimd, Response::SCALABLE, Response::CUBIC] {
                let back = response.loss_rate(response.mean_window(loss, rtt), rtt);
                prop_assert!((back / loss - 1.0).abs() < 1e-6, "{response:?}: {loss} {back}");
            }
            // The line of RFC 3649 and standard TCP do not quite meet at 38 segments.
            let back = Response::HighSpeed.loss_rate(Response::HighSpeed.mean_window(loss, rtt), rtt);
            prop_assert!((back / loss - 1.0).abs() < 0.04, "{loss} {back}");
        }
    }
}
