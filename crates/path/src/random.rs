//! Seeded chance: a generator for each stage, and a coin with a given probability.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// Who draws. Each has its own sequence, so that no stage disturbs another's.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Loss = 1,
    Reordering = 2,
    Jitter = 3,
    Duplication = 4,
    Forward = 5,
    Backward = 6,
    Red = 7,
    FlowHash = 8,
    Traffic = 9,
}

/// A sequence of random numbers that its seed determines.
#[derive(Clone, Debug)]
pub(crate) struct Generator(Pcg64Mcg);

impl Generator {
    pub(crate) fn new(seed: u64, stream: Stream) -> Self {
        Self(Pcg64Mcg::seed_from_u64(derive_seed(seed, stream)))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to below 1, of 53 bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number below `bound`, each as likely as the other to one part in 2^64 / `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        scale(bound, self.bits())
    }

    /// An exponential deviate with mean 1, whole part and 2^-64ths, from comparisons alone (J. von
    /// Neumann, "Various techniques used in connection with random digits", 1951): a falling run of
    /// uniform numbers that begins with x has odd length with probability e^-x.
    pub(crate) fn exponential(&mut self) -> (u64, u64) {
        let mut whole = 0;
        loop {
            let first = self.bits();
            if !self.falling_run(first).is_multiple_of(2) {
                return (whole, first);
            }
            whole += 1;
        }
    }

    /// How many numbers, `first` included, fall before one rises.
    fn falling_run(&mut self, first: u64) -> u32 {
        let (mut last, mut length) = (first, 1);
        loop {
            let next = self.bits();
            if next >= last {
                return length;
            }
            (last, length) = (next, length + 1);
        }
    }
}

/// The part `fraction / 2^64` of `whole`, rounded down.
pub(crate) fn scale(whole: u64, fraction: u64) -> u64 {
    ((u128::from(whole) * u128::from(fraction)) >> 64) as u64
}

/// A seed for `stream`, unrelated to those of the other streams: the `stream`-th output of splitmix64
/// (Steele, Lea, Flood 2014) that starts at `seed`.
pub(crate) fn derive_seed(seed: u64, stream: Stream) -> u64 {
    let z = seed.wrapping_add((stream as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A coin that falls on "yes" with a given probability, to 2^-53.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coin {
    /// The probability times 2^53.
    threshold: u64,
}

impl Coin {
    const ONE: u64 = 1 << 53;

    /// A probability outside of 0 to 1 is taken as the nearer end, what is no number as 0.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to 0..=2^53, where every whole number is a double"
    )]
    pub(crate) fn new(probability: f64) -> Self {
        Self { threshold: (probability.clamp(0.0, 1.0) * Self::ONE as f64).round() as u64 }
    }

    /// Draws nothing where the answer is certain.
    pub(crate) fn toss(self, generator: &mut Generator) -> bool {
        match self.threshold {
            0 => false,
            Self::ONE => true,
            threshold => generator.bits() >> 11 < threshold,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_coin_keeps_to_its_probability() {
        let mut generator = Generator::new(7, Stream::Loss);
        for (probability, least, most) in [(0.0, 0, 0), (0.25, 24_500, 25_500), (1.0, 100_000, 100_000)] {
            let coin = Coin::new(probability);
            let yes = (0..100_000).filter(|_| coin.toss(&mut generator)).count();
            assert!((least..=most).contains(&yes), "{yes} at {probability}");
        }
    }

    #[test]
    fn what_is_no_probability_is_clamped() {
        for (value, threshold) in [(-1.0, 0), (f64::NAN, 0), (2.0, Coin::ONE)] {
            assert_eq!(Coin::new(value).threshold, threshold);
        }
    }

    #[test]
    fn streams_differ_and_repeat() {
        let draw = |stream| Generator::new(1, stream).bits();
        assert_eq!(draw(Stream::Loss), draw(Stream::Loss));
        assert_ne!(draw(Stream::Loss), draw(Stream::Jitter));
        assert_ne!(derive_seed(1, Stream::Forward), derive_seed(1, Stream::Backward));
    }
}
