//! The path as a pipe: rate times round trip.

use std::time::Duration;

use wad_model::{Bytes, Rate};

/// The bandwidth-delay product in segments: the window that fills a path without a queue.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "rates and sizes of this world are far below 2^53")]
pub fn window_of(rate: Rate, segment: Bytes, rtt: Duration) -> f64 {
    rate.as_bps() as f64 * rtt.as_secs_f64() / (8.0 * segment.get().max(1) as f64)
}

/// What a window allows: W * MSS * 8 / RTT. With the payload of a segment it is goodput, with its size on the wire the
/// rate on the wire. A round trip of zero limits nothing.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates and sizes of this world are far below 2^53, and `as` saturates"
)]
pub fn rate_of(window: f64, segment: Bytes, rtt: Duration) -> Rate {
    let bits = window * segment.get() as f64 * 8.0;
    Rate::from_bps((bits / rtt.as_secs_f64()).round() as u64)
}

/// The rate of a flow that its window limits, or its path, whichever is lower: `wire` of `segment` bytes each are on the
/// wire. The round trip is that of an empty queue.
#[must_use]
pub fn goodput(window: f64, path: Rate, segment: Bytes, wire: Bytes, rtt: Duration) -> Rate {
    let bytes = u128::from(path.as_bps()) * u128::from(segment.get()) / u128::from(wire.get().max(1));
    let most = Rate::from_bps(u64::try_from(bytes).unwrap_or(u64::MAX));
    rate_of(window, segment, rtt).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(80);

    /// OC-12 at 80 ms, as in the paper of 2002: 622 Mbit/s need a buffer of 6.2 MB.
    #[test]
    fn the_product_of_the_paper() {
        let window = window_of(Rate::from_bps(622_000_000), Bytes::new(1448), RTT);
        assert!((window * 1448.0 / 6.22e6 - 1.0).abs() < 1e-3, "{window}");
    }

    /// A window of 64 KB at 80 ms: 6.5 Mbit/s, whatever the path.
    #[test]
    fn a_window_limits_the_rate() {
        let rate = rate_of(65_536.0 / 1448.0, Bytes::new(1448), RTT);
        assert_eq!(rate.as_bps(), 6_553_600);
        let path = Rate::from_bps(622_000_000);
        let (segment, wire) = (Bytes::new(1448), Bytes::new(1500));
        assert_eq!(goodput(65_536.0 / 1448.0, path, segment, wire, RTT), rate);
        assert_eq!(goodput(1e6, path, segment, wire, RTT).as_bps(), 622_000_000 * 1448 / 1500);
    }
}
