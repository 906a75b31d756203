//! How much of a path a saw-tooth uses whose queue is short.
//!
//! The window grows until pipe and queue are full, a loss takes a part of it, and it grows again. While it is below the pipe,
//! the path is not full; above, it is, and the round trip grows with the queue. Flows that share the path are taken to lose at
//! the same time, which a drop-tail queue makes them do.

use std::time::Duration;

use wad_sim::control::math::cbrt;

/// Additive increase (segments a round trip, of all flows together) and multiplicative decrease (the part that a loss takes).
pub(super) fn aimd(pipe: f64, queue: f64, increase: f64, decrease: f64) -> f64 {
    let most = pipe + queue;
    let least = (1.0 - decrease) * most;
    if least >= pipe || pipe <= 0.0 {
        return 1.0;
    }
    // In round trips of the empty path: below the pipe each lasts one, above as many as the window is of the pipe.
    let below = (pipe - least) / increase;
    let above = queue / increase * (pipe + queue / 2.0) / pipe;
    let used = below * (least + pipe) / (2.0 * pipe) + above;
    used / (below + above)
}

/// CUBIC: from beta W back to W in K seconds, fast first (RFC 9438, section 4.2).
pub(super) fn cubic(pipe: f64, queue: f64, c: f64, beta: f64, rtt: Duration) -> f64 {
    const STEPS: u32 = 200;
    let most = pipe + queue;
    if beta * most >= pipe || pipe <= 0.0 {
        return 1.0;
    }
    let k = cbrt(most * (1.0 - beta) / c);
    // Where standard TCP with the same mean is faster, CUBIC grows like it (section 4.3).
    let increase = 3.0 * (1.0 - beta) / (1.0 + beta);
    let window = |t: f64| {
        let cube = c * (t - k) * (t - k) * (t - k) + most;
        cube.max(beta * most + increase * t / rtt.as_secs_f64().max(1e-9)).min(most)
    };
    let until_full = ((1.0 - beta) * most / increase * rtt.as_secs_f64()).min(k);
    let at = |step: u32| (f64::from(step) + 0.5) / f64::from(STEPS) * until_full;
    (0..STEPS).map(|step| (window(at(step)) / pipe).min(1.0)).sum::<f64>() / f64::from(STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reno without a queue has a saw-tooth from a half to the whole: three quarters.
    #[test]
    fn without_a_queue_reno_has_three_quarters() {
        assert!((aimd(1000.0, 0.0, 1.0, 0.5) - 0.75).abs() < 1e-9);
        assert!((aimd(1000.0, 1000.0, 1.0, 0.5) - 1.0).abs() < 1e-9, "one product is enough");
        let some = aimd(1000.0, 300.0, 1.0, 0.5);
        assert!((0.75..1.0).contains(&some), "{some}");
    }

    #[test]
    fn cubic_needs_less() {
        let rtt = Duration::from_millis(100);
        assert!((cubic(1000.0, 430.0, 0.4, 0.7, rtt) - 1.0).abs() < 1e-9);
        let none = cubic(1000.0, 0.0, 0.4, 0.7, rtt);
        assert!((0.88..0.95).contains(&none), "{none}");
    }
}
