//! Standard TCP with time-outs and a receiver's window (J. Padhye, V. Firoiu, D. Towsley, J. Kurose, "Modeling TCP Reno
//! performance: a simple model and its empirical validation", IEEE/ACM Transactions on Networking 8 (2), 2000).
//!
//! Losses come in rounds: once a segment of a round is lost, so is the rest of it. That is what drop-tail does and random
//! loss does not.

use std::time::Duration;

use wad_model::{Bytes, Rate};

use super::pipe;

/// A flow and its path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pftk {
    /// The round trip.
    pub rtt: Duration,
    /// The first retransmission time-out (`T0`).
    pub rto: Duration,
    /// Segments that an ACK acknowledges (`b`): 1, or 2 with delayed ACKs.
    pub segments_an_ack: f64,
    /// The receiver's window in segments (`Wm`).
    pub window: f64,
}

impl Pftk {
    /// Segments a second that are sent at a loss rate: the full model, equation (32).
    #[must_use]
    pub fn segments_per_second(&self, loss: f64) -> f64 {
        if loss <= 0.0 {
            return self.window / self.rtt.as_secs_f64();
        }
        let p = loss.min(0.999_999);
        let unconstrained = self.mean_of_largest(p);
        if unconstrained < self.window { self.free(p, unconstrained) } else { self.limited(p) }
    }

    /// The same as a rate of so many bytes a segment.
    #[must_use]
    pub fn rate(&self, loss: f64, segment: Bytes) -> Rate {
        pipe::rate_of(self.segments_per_second(loss) * self.rtt.as_secs_f64(), segment, self.rtt)
    }

    /// Segments a second by the approximation, equation (33):
    /// min(Wm/RTT, 1 / (RTT sqrt(2bp/3) + T0 min(1, 3 sqrt(3bp/8)) p (1 + 32 p²))).
    #[must_use]
    pub fn approximation(&self, loss: f64) -> f64 {
        let (rtt, b, p) = (self.rtt.as_secs_f64(), self.segments_an_ack, loss);
        let time_outs = (3.0 * (3.0 * b * p / 8.0).sqrt()).min(1.0) * p * (1.0 + 32.0 * p * p);
        let each = rtt * (2.0 * b * p / 3.0).sqrt() + self.rto.as_secs_f64() * time_outs;
        (1.0 / each).min(self.window / rtt)
    }

    /// `E[W]`, equation (13): the window at the end of a round of increase.
    fn mean_of_largest(&self, p: f64) -> f64 {
        let b = self.segments_an_ack;
        let offset = (2.0 + b) / (3.0 * b);
        offset + (8.0 * (1.0 - p) / (3.0 * b * p) + offset * offset).sqrt()
    }

    /// The window is not limited by the receiver. `E[X]`, equation (15), is how many round trips the increase lasts.
    fn free(&self, p: f64, largest: f64) -> f64 {
        let b = self.segments_an_ack;
        let offset = (2.0 + b) / 6.0;
        let rounds = offset + (2.0 * b * (1.0 - p) / (3.0 * p) + offset * offset).sqrt();
        self.throughput(p, largest, rounds + 1.0)
    }

    /// The receiver limits it.
    fn limited(&self, p: f64) -> f64 {
        let most = self.window;
        let rounds = self.segments_an_ack / 8.0 * most + (1.0 - p) / (p * most) + 2.0;
        self.throughput(p, most, rounds)
    }

    fn throughput(&self, p: f64, largest: f64, rounds: f64) -> f64 {
        let timeout = ends_in_timeout(p, largest);
        let sent = (1.0 - p) / p + largest + timeout / (1.0 - p);
        let waited = timeout * self.rto.as_secs_f64() * backoff(p) / (1.0 - p);
        sent / (self.rtt.as_secs_f64() * rounds + waited)
    }
}

/// Q(w), equation (24): the probability that a loss in a window of w shows by a time-out.
fn ends_in_timeout(p: f64, w: f64) -> f64 {
    use crate::control::math::pow;
    let kept = 1.0 - p;
    let three = kept * kept * kept;
    let q = (1.0 - three) * (1.0 + three * (1.0 - pow(kept, w - 3.0))) / (1.0 - pow(kept, w));
    q.clamp(0.0, 1.0)
}

/// f(p), equation (29): how many first time-outs a sequence of them lasts, times 1 - p.
fn backoff(p: f64) -> f64 {
    1.0 + p * (1.0 + p * (2.0 + p * (4.0 + p * (8.0 + p * (16.0 + p * 32.0)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::response::{Acks, Losses, mathis_constant};

    const PATH: Pftk = Pftk {
        rtt: Duration::from_millis(100),
        rto: Duration::from_millis(400),
        segments_an_ack: 2.0,
        window: 1e9,
    };

    /// Without time-outs, for small losses, it is sqrt(3/(2bp)) (the paper's equation (20)).
    #[test]
    fn small_losses_are_those_of_mathis() {
        for b in [1.0, 2.0] {
            let acks = if b > 1.0 { Acks::Delayed } else { Acks::Every };
            let window = mathis_constant(Losses::Periodic, acks) / 1e-7f64.sqrt();
            let model = Pftk { segments_an_ack: b, ..PATH }.segments_per_second(1e-7) * 0.1;
            assert!((model / window - 1.0).abs() < 0.01, "{model} {window}");
        }
    }

    /// The approximation is close to the full model over the losses that the paper measured.
    #[test]
    fn the_approximation_is_close() {
        for p in [1e-4, 1e-3, 1e-2, 0.05, 0.1] {
            let ratio = PATH.approximation(p) / PATH.segments_per_second(p);
            assert!((0.75..1.25).contains(&ratio), "{ratio} at {p}");
        }
    }

    #[test]
    fn the_receivers_window_is_the_most() {
        let limited = Pftk { window: 20.0, ..PATH };
        assert!((limited.segments_per_second(0.0) - 200.0).abs() < 1e-9);
        let some = limited.segments_per_second(1e-4);
        assert!((170.0..200.0).contains(&some), "{some}");
        assert!((limited.approximation(1e-4) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn more_loss_is_less_rate() {
        let rates: Vec<f64> =
            [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.3, 0.6].iter().map(|&p| PATH.segments_per_second(p)).collect();
        assert!(rates.is_sorted_by(|a, b| a > b), "{rates:?}");
        let kilobytes =
            f64::from(u32::try_from(PATH.rate(1e-3, Bytes::new(1000)).as_bps()).unwrap()) / 8000.0;
        assert!((kilobytes / rates[2] - 1.0).abs() < 1e-6);
    }

    /// 1 + p + 2p² + 4p³ + 8p⁴ + 16p⁵ + 32p⁶.
    #[test]
    fn the_backoff_is_the_sum() {
        assert!((backoff(0.5) - 4.0).abs() < 1e-9);
        assert!((backoff(1.0) - 64.0).abs() < 1e-9);
    }
}
