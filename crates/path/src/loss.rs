//! The loss model: which entering packets never reach the queue.

use crate::config::Loss;
use crate::random::{Coin, Generator, Stream};

/// Judges packets in order of entry.
#[derive(Clone, Debug)]
pub(crate) struct LossModel {
    kind: Kind,
    generator: Generator,
}

#[derive(Clone, Debug)]
enum Kind {
    None,
    Random(Coin),
    List(List),
    Every(u64),
    GilbertElliott(Chain),
}

impl LossModel {
    pub(crate) fn new(config: &Loss, seed: u64) -> Self {
        let kind = match *config {
            Loss::None => Kind::None,
            Loss::Random { probability } => Kind::Random(Coin::new(probability)),
            Loss::List { ref packets } => Kind::List(List::new(packets)),
            Loss::Every { nth } => Kind::Every(nth),
            Loss::GilbertElliott { good_to_bad, bad_to_good, loss_good, loss_bad } => {
                Kind::GilbertElliott(Chain {
                    state: State { loss: Coin::new(loss_good), leave: Coin::new(good_to_bad) },
                    other: State { loss: Coin::new(loss_bad), leave: Coin::new(bad_to_good) },
                })
            }
        };
        Self { kind, generator: Generator::new(seed, Stream::Loss) }
    }

    /// Whether the packet at `position` is lost. To be called once for each position, from 0 upwards.
    #[inline]
    pub(crate) fn strikes(&mut self, position: u64) -> bool {
        match &mut self.kind {
            Kind::None => false,
            Kind::Random(coin) => coin.toss(&mut self.generator),
            Kind::List(list) => list.strikes(position),
            Kind::Every(nth) => *nth > 0 && (position + 1).is_multiple_of(*nth),
            Kind::GilbertElliott(chain) => chain.strikes(&mut self.generator),
        }
    }
}

/// Positions in rising order, and the first of them that is still to come.
#[derive(Clone, Debug)]
struct List {
    positions: Vec<u64>,
    next: usize,
}

impl List {
    fn new(positions: &[u64]) -> Self {
        let mut positions = positions.to_vec();
        positions.sort_unstable();
        positions.dedup();
        Self { positions, next: 0 }
    }

    fn strikes(&mut self, position: u64) -> bool {
        let struck = self.positions.get(self.next) == Some(&position);
        self.next += usize::from(struck);
        struck
    }
}

/// The chain of Gilbert and Elliott.
#[derive(Clone, Copy, Debug)]
struct Chain {
    /// The state it is in.
    state: State,
    other: State,
}

#[derive(Clone, Copy, Debug)]
struct State {
    loss: Coin,
    leave: Coin,
}

impl Chain {
    fn strikes(&mut self, generator: &mut Generator) -> bool {
        let State { loss, leave } = self.state;
        let lost = loss.toss(generator);
        if leave.toss(generator) {
            std::mem::swap(&mut self.state, &mut self.other);
        }
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = 1_000_000;

    fn losses(config: &Loss, packets: u64) -> Vec<u64> {
        let mut model = LossModel::new(config, 11);
        (0..packets).filter(|&position| model.strikes(position)).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn ratio(part: usize, whole: u64) -> f64 {
        part as f64 / whole as f64
    }

    /// Losses in a row, in the mean.
    fn mean_burst(lost: &[u64]) -> f64 {
        let bursts = 1 + lost.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
        ratio(lost.len(), bursts as u64)
    }

    fn assert_near(value: f64, expected: f64, tolerance: f64) {
        assert!((value / expected - 1.0).abs() < tolerance, "{value}, not {expected}");
    }

    #[test]
    fn a_list_is_exact_whatever_its_order() {
        let list = Loss::List { packets: vec![1006, 0, 1000, 1000, 1002] };
        assert_eq!(losses(&list, 2000), [0, 1000, 1002, 1006]);
    }

    #[test]
    fn every_nth_counts_from_one() {
        assert_eq!(losses(&Loss::Every { nth: 4 }, 13), [3, 7, 11]);
        assert_eq!(losses(&Loss::Every { nth: 1 }, 3), [0, 1, 2]);
    }

    #[test]
    fn none_loses_none() {
        assert_eq!(losses(&Loss::None, 1000), [0u64; 0]);
    }

    /// Bernoulli: rate p, and bursts of 1 / (1 - p). The rate's standard error is 0.2% here.
    #[test]
    fn random_loss_has_its_rate_and_no_memory() {
        let lost = losses(&Loss::Random { probability: 0.2 }, MANY);
        assert_near(ratio(lost.len(), MANY), 0.2, 0.01);
        assert_near(mean_burst(&lost), 1.25, 0.01);
    }

    /// Gilbert 1960: the bad state holds p / (p + r) of the packets, for 1 / r of them at a time.
    #[test]
    fn gilbert_has_the_closed_form_rate_and_burst() {
        let (p, r) = (0.01, 0.2);
        let lost = losses(
            &Loss::GilbertElliott { good_to_bad: p, bad_to_good: r, loss_good: 0.0, loss_bad: 1.0 },
            MANY,
        );
        assert_near(ratio(lost.len(), MANY), p / (p + r), 0.03);
        assert_near(mean_burst(&lost), 1.0 / r, 0.03);
    }

    /// Elliott 1963 with h = loss_bad < 1: a burst goes on with probability (1 - r) h.
    #[test]
    fn gilbert_with_partial_loss_has_shorter_bursts() {
        let (p, r, h) = (0.02, 0.1, 0.5);
        let lost = losses(
            &Loss::GilbertElliott { good_to_bad: p, bad_to_good: r, loss_good: 0.0, loss_bad: h },
            MANY,
        );
        assert_near(ratio(lost.len(), MANY), h * p / (p + r), 0.03);
        assert_near(mean_burst(&lost), 1.0 / (1.0 - (1.0 - r) * h), 0.03);
    }

    #[test]
    fn elliott_loses_in_both_states() {
        let (p, r, g, h) = (0.05, 0.15, 0.1, 0.6);
        let lost =
            losses(&Loss::GilbertElliott { good_to_bad: p, bad_to_good: r, loss_good: g, loss_bad: h }, MANY);
        assert_near(ratio(lost.len(), MANY), (r * g + p * h) / (p + r), 0.02);
    }
}
