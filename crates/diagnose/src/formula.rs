//! What loss allows: the response function of standard TCP, and its inverse.
//!
//! rate = MSS / RTT * C / sqrt(p), with C = sqrt(3/2) for one acknowledgement a segment (Mathis, Semke, Mahdavi, Ott: The
//! Macroscopic Behavior of the TCP Congestion Avoidance Algorithm, 1997). The constant of CUBIC differs on long paths; the
//! formula is then a lower bound (RFC 9438, section 5.1: the Reno-friendly region).

/// The constant of the formula.
const C: f64 = 1.224_744_871_391_589;

/// The rate in bits a second that a loss rate allows.
pub(crate) fn mathis_rate_bps(mss_bytes: f64, rtt_s: f64, loss: f64) -> Option<f64> {
    let rate = mss_bytes * 8.0 / rtt_s * C / loss.sqrt();
    rate.is_finite().then_some(rate)
}

/// The largest loss rate with which a rate is reached.
pub(crate) fn mathis_loss(mss_bytes: f64, rtt_s: f64, rate_bps: f64) -> Option<f64> {
    let loss = (C * mss_bytes * 8.0 / (rtt_s * rate_bps)).powi(2);
    loss.is_finite().then_some(loss.min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_gigabits_over_fifty_milliseconds_need_almost_no_loss() {
        let loss = mathis_loss(1460.0, 0.05, 10e9).unwrap();
        assert!((7.9e-10..8.5e-10).contains(&loss), "{loss}");
        let rate = mathis_rate_bps(1460.0, 0.05, loss).unwrap();
        assert!((rate / 10e9 - 1.0).abs() < 1e-9);
        assert_eq!(mathis_rate_bps(1460.0, 0.05, 0.0), None);
    }
}
