//! A source of traffic as a state machine.

use std::time::Duration;

use wad_model::math::exp;
use wad_model::{Bytes, Rate, Time};

use super::pattern::{Constant, ParetoOnOff, Pattern, Poisson, Recorded, Transfers};
use crate::random::{Generator, Stream};

/// What is sent when. The order of calls:
///
/// 1. [`poll_timeout`](Self::poll_timeout) tells when to come back; none if nothing will come any more.
/// 2. [`poll_emission`](Self::poll_emission) at that time or later, until it gives nothing. Coming later loses nothing:
///    each emission has the instant at which it was due.
#[derive(Clone, Debug)]
pub struct Traffic {
    beat: Beat,
    generator: Generator,
    /// Picoseconds since the origin.
    at: u128,
    stop: Time,
    next: Option<Emission>,
}

/// Something to be sent: a packet, or of [`Transfers`] all that a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Emission {
    /// When.
    pub at: Time,
    /// How much: of a packet what it takes on the wire, of a connection the data that it carries.
    pub size: Bytes,
}

/// How the time goes from one emission to the next. Spans are picoseconds.
#[derive(Clone, Debug)]
enum Beat {
    Constant { gap: Gap, size: Bytes },
    Poisson { gap: u128, size: Bytes },
    OnOff { gap: Gap, on: Pareto, off: Pareto, left: u64, size: Bytes },
    Recorded { recorded: Recorded, next: usize, round_began: u128 },
    Transfers { gap: u128, size: Pareto },
}

const PICOS: u128 = 1_000_000_000_000;

impl Traffic {
    /// A source that begins at `start` and is silent from `stop` on. What [`Pattern::validate`] refuses is taken as the
    /// nearest thing that has a meaning.
    #[must_use]
    pub fn new(pattern: &Pattern, start: Time, stop: Option<Time>, seed: u64) -> Self {
        let mut traffic = Self {
            beat: Beat::new(pattern),
            generator: Generator::new(seed, Stream::Traffic),
            at: u128::from(start.as_nanos()) * 1000,
            stop: stop.unwrap_or(Time::from_nanos(u64::MAX)),
            next: None,
        };
        if let Beat::Recorded { round_began, .. } = &mut traffic.beat {
            *round_began = traffic.at;
        }
        traffic.next = traffic.first();
        traffic
    }

    /// When the next emission is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        self.next.map(|emission| emission.at)
    }

    /// The next emission, if it is due by `now`.
    pub fn poll_emission(&mut self, now: Time) -> Option<Emission> {
        let due = self.next.filter(|emission| emission.at <= now)?;
        self.next = self.advance();
        Some(due)
    }

    /// The first emission. Constant traffic begins at once; what is random begins with a gap.
    fn first(&mut self) -> Option<Emission> {
        match self.beat {
            Beat::Constant { size, .. } => self.emission(size),
            _ => self.advance(),
        }
    }

    fn advance(&mut self) -> Option<Emission> {
        let generator = &mut self.generator;
        let size = match &mut self.beat {
            Beat::Constant { gap, size } => {
                self.at += gap.next();
                *size
            }
            Beat::Poisson { gap, size } => {
                self.at += exponential(*gap, generator);
                *size
            }
            Beat::OnOff { gap, on, off, left, size } => {
                if *left == 0 {
                    *left = (on.draw(generator).saturating_add(500) / 1000).max(1);
                    self.at += u128::from(off.draw(generator)) * 1000;
                }
                *left -= 1;
                self.at += gap.next();
                *size
            }
            Beat::Recorded { recorded, next, round_began } => {
                if *next == recorded.packets.len() {
                    let repeat = recorded.repeat?;
                    *round_began += repeat.as_nanos() * 1000;
                    *next = 0;
                }
                let (after, size) = recorded.packets.get(*next)?;
                *next += 1;
                self.at = self.at.max(*round_began + after.as_nanos() * 1000);
                size
            }
            Beat::Transfers { gap, size } => {
                self.at += exponential(*gap, generator);
                Bytes::new(size.draw(generator).max(1))
            }
        };
        self.emission(size)
    }

    fn emission(&self, size: Bytes) -> Option<Emission> {
        let at = Time::from_nanos(u64::try_from(self.at / 1000).ok()?);
        (at < self.stop).then_some(Emission { at, size })
    }
}

impl Beat {
    fn new(pattern: &Pattern) -> Self {
        match pattern {
            Pattern::Constant(Constant { rate, packet }) => {
                Self::Constant { gap: Gap::new(*rate, *packet), size: *packet }
            }
            Pattern::Poisson(Poisson { rate, packet }) => {
                let bits = u128::from(packet.get()) * 8;
                Self::Poisson { gap: bits * PICOS / u128::from(rate.as_bps().max(1)), size: *packet }
            }
            Pattern::ParetoOnOff(ParetoOnOff { rate, on, off, shape, packet }) => {
                let gap = Gap::new(*rate, *packet);
                Self::OnOff {
                    on: Pareto::new(gap.how_often(*on), *shape),
                    off: Pareto::new(nanos(*off), *shape),
                    gap,
                    left: 0,
                    size: *packet,
                }
            }
            Pattern::Recorded(recorded) => {
                Self::Recorded { recorded: recorded.clone(), next: 0, round_began: 0 }
            }
            Pattern::Transfers(Transfers { every, size, shape }) => {
                Self::Transfers { gap: every.as_nanos() * 1000, size: Pareto::new(size.get(), *shape) }
            }
        }
    }
}

/// The time that a packet takes at a rate, with the rest of the division carried on.
#[derive(Clone, Copy, Debug)]
struct Gap {
    whole: u128,
    rest: u128,
    rate: u128,
    carried: u128,
}

impl Gap {
    fn new(rate: Rate, packet: Bytes) -> Self {
        let rate = u128::from(rate.as_bps().max(1));
        let picos = u128::from(packet.get().max(1)) * 8 * PICOS;
        Self { whole: picos / rate, rest: picos % rate, rate, carried: 0 }
    }

    fn next(&mut self) -> u128 {
        self.carried += self.rest;
        let carry = u128::from(self.carried >= self.rate);
        self.carried -= carry * self.rate;
        self.whole + carry
    }

    /// Thousandths of packets in a time.
    fn how_often(&self, time: Duration) -> u64 {
        u64::try_from(time.as_nanos() * 1_000_000 / self.whole.max(1)).unwrap_or(u64::MAX)
    }
}

/// A Pareto distribution: P(X > x) = (least / x)^shape, the mean is least * shape / (shape - 1).
#[derive(Clone, Copy, Debug)]
struct Pareto {
    least: f64,
    shape: f64,
}

impl Pareto {
    #[expect(clippy::cast_precision_loss, reason = "a mean to 15 digits")]
    fn new(mean: u64, shape: f64) -> Self {
        let shape = if shape > 1.0 { shape } else { 1.001 };
        Self { least: mean as f64 * (shape - 1.0) / shape, shape }
    }

    /// The logarithm of a Pareto deviate is an exponential one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
    #[expect(clippy::cast_precision_loss, reason = "the whole part is small, and 53 bits of the fraction do")]
    fn draw(&self, generator: &mut Generator) -> u64 {
        let (whole, fraction) = generator.exponential();
        let deviate = whole as f64 + (fraction >> 11) as f64 / (1u64 << 53) as f64;
        (self.least * exp(deviate / self.shape)).round() as u64
    }
}

/// An exponential deviate with that mean.
fn exponential(mean: u128, generator: &mut Generator) -> u128 {
    let (whole, fraction) = generator.exponential();
    // 96 bits of picoseconds and 32 of the fraction leave no overflow below 10^17 s.
    mean * u128::from(whole) + ((mean * u128::from(fraction >> 32)) >> 32)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "counts and times of a test")]
mod tests {
    use super::*;
    use crate::traffic::PacketTrace;

    const MBIT: u64 = 1_000_000;

    fn drain(pattern: &Pattern, seconds: u64, seed: u64) -> Vec<Emission> {
        pattern.validate().unwrap();
        let end = Time::from_nanos(seconds * 1_000_000_000);
        let mut traffic = Traffic::new(pattern, Time::ZERO, Some(end), seed);
        let emissions: Vec<_> = std::iter::from_fn(|| traffic.poll_emission(end)).collect();
        assert_eq!(traffic.poll_timeout(), None);
        assert!(emissions.is_sorted_by_key(|emission| emission.at));
        emissions
    }

    fn rate(emissions: &[Emission], seconds: u64) -> f64 {
        let bytes: u64 = emissions.iter().map(|emission| emission.size.get()).sum();
        bytes as f64 * 8.0 / seconds as f64
    }

    #[test]
    fn a_constant_rate_is_met_over_any_time() {
        // 1500 * 8 / 7 Mbit/s is no whole number of picoseconds.
        let pattern =
            Pattern::Constant(Constant { rate: Rate::from_bps(7 * MBIT), packet: Bytes::new(1500) });
        let packets = drain(&pattern, 12, 1);
        assert_eq!(packets.len(), 7000);
        assert_eq!(packets[7 * 500].at, Time::from_nanos(6_000_000_000));
    }

    /// Mean and variance of the count in equal times are the same, which is what makes it Poisson.
    #[test]
    fn poisson_packets_are_poisson() {
        let pattern = Pattern::Poisson(Poisson { rate: Rate::from_bps(12 * MBIT), packet: Bytes::new(1500) });
        let packets = drain(&pattern, 200, 3);
        let mut counts = vec![0.0; 10_000];
        for packet in &packets {
            counts[usize::try_from(packet.at.as_nanos() / 20_000_000).unwrap()] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / 10_000.0;
        let variance = counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>() / 10_000.0;
        assert!((mean - 20.0).abs() < 0.15, "{mean}");
        assert!((variance / mean - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn bursts_come_at_their_rate_and_have_the_mean_that_was_asked_for() {
        // A finite variance, so that the mean settles.
        let on_off = ParetoOnOff {
            rate: Rate::from_bps(120 * MBIT),
            on: Duration::from_millis(10),
            off: Duration::from_millis(30),
            shape: 2.5,
            packet: Bytes::new(1500),
        };
        let packets = drain(&Pattern::ParetoOnOff(on_off), 500, 5);
        let mean = rate(&packets, 500) / 30e6;
        assert!((mean - 1.0).abs() < 0.03, "{mean}");
        let gaps = packets.windows(2).map(|two| two[1].at.as_nanos() - two[0].at.as_nanos());
        let (inside, pauses): (Vec<u64>, Vec<u64>) = gaps.partition(|&gap| gap == 100_000);
        assert!(inside.len() > 50 * pauses.len());
        // The shortest pause is 30 ms * 1.5 / 2.5, and the gap of a packet.
        assert!(pauses.iter().all(|&gap| gap >= 18_100_000), "{:?}", pauses.iter().min());
    }

    /// P(X > x) = (least / x)^shape.
    #[test]
    fn sizes_have_the_tail_of_pareto() {
        let transfers = Transfers { every: Duration::from_millis(1), size: Bytes::new(12_000), shape: 1.2 };
        let sizes = drain(&Pattern::Transfers(transfers), 100, 7);
        let count = sizes.len() as f64;
        assert!((count / 100_000.0 - 1.0).abs() < 0.02, "{count}");
        for over in [4000.0, 20_000.0, 200_000.0] {
            let found = sizes.iter().filter(|one| one.size.get() as f64 > over).count() as f64 / count;
            let expected = (2000.0f64 / over).powf(1.2);
            assert!((found / expected - 1.0).abs() < 0.1, "{found}, not {expected} over {over}");
        }
    }

    #[test]
    fn a_recording_is_played_from_the_start_and_again() {
        let packets = PacketTrace::parse("5.0 100\n5.5 200\n").unwrap();
        let recorded = Recorded { packets, repeat: Some(Duration::from_secs(2)) };
        let start = Time::from_nanos(1_000_000_000);
        let stop = Time::from_nanos(5_000_000_000);
        let mut traffic = Traffic::new(&Pattern::Recorded(recorded), start, Some(stop), 0);
        let found: Vec<_> = std::iter::from_fn(|| traffic.poll_emission(stop))
            .map(|emission| (emission.at.as_nanos() / 1_000_000, emission.size.get()))
            .collect();
        assert_eq!(found, [(1000, 100), (1500, 200), (3000, 100), (3500, 200)]);
    }

    #[test]
    fn seeds_differ_and_repeat() {
        let pattern = Pattern::Poisson(Poisson { rate: Rate::from_bps(MBIT), packet: Bytes::new(1500) });
        assert_eq!(drain(&pattern, 2, 1), drain(&pattern, 2, 1));
        assert_ne!(drain(&pattern, 2, 1), drain(&pattern, 2, 2));
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        let rate = Rate::from_bps(MBIT);
        let fault = |pattern: Pattern| pattern.validate().unwrap_err().to_string();
        let packets = PacketTrace::parse("0 100\n5 200\n").unwrap();
        let recorded = Recorded { packets, repeat: Some(Duration::from_secs(4)) };
        assert_eq!(
            fault(Pattern::Recorded(recorded)),
            "repeat = 4 s: the recording lasts longer; give at least its length"
        );
        let constant = Constant { rate: Rate::from_bps(0), packet: Bytes::new(1500) };
        assert_eq!(fault(Pattern::Constant(constant)), "rate is 0: give a rate, or leave this traffic out");
        let on_off = ParetoOnOff {
            rate,
            on: Duration::from_millis(10),
            off: Duration::from_millis(10),
            shape: 1.0,
            packet: Bytes::new(1500),
        };
        assert_eq!(
            fault(Pattern::ParetoOnOff(on_off)),
            "shape = 1: give more than 1, as a Pareto distribution of shape 1 or less has no mean; 1.2 to \
             1.9 are usual"
        );
    }
}
