//! Blocks of selective acknowledgements that are under way, and windows of receivers whose buffer has a limit.
//!
//! Few ACKs carry any, and 32 bytes in every packet would be most of it. So a packet carries a number, and what it
//! tells lies here. Most ACKs in a row tell the same, but for the end of the first block, which the next segment has
//! moved, and for the window: so there is an entry for each stretch of alike ACKs and not for each ACK.
//!
//! ACKs may be lost or overtaken. One that comes behind [`KEPT`] later ones counts as one without blocks: they have
//! told what it told.

use std::collections::VecDeque;

use crate::tcp::push_tightly;
use crate::tcp::receiver::{BLOCKS, Details};
use crate::tcp::runs::Run;

/// How far behind the foremost an ACK that arrives is still known.
const KEPT: u32 = 64;

/// The blocks of one flow's ACKs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    stretches: VecDeque<Stretch>,
    /// The number of the latest.
    latest: u32,
    /// The foremost number that has arrived.
    arrived: u32,
}

/// ACKs from `number` on, each of which tells `end_step` and `edge_step` more than the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    number: u32,
    blocks: [Run; BLOCKS],
    edge: u32,
    count: u8,
    has_edge: bool,
    end_step: u8,
    edge_step: u8,
}

impl Stretch {
    fn new(number: u32, Details { count, blocks, edge }: Details) -> Self {
        let (has_edge, edge) = (edge.is_some(), edge.unwrap_or(0));
        Self { number, blocks, edge, count, has_edge, end_step: 0, edge_step: 0 }
    }

    /// What the ACK of that number tells.
    fn details(&self, number: u32) -> Details {
        let steps = number - self.number;
        let mut blocks = self.blocks;
        blocks[0].end += steps * u32::from(self.end_step);
        let edge = self.edge + steps * u32::from(self.edge_step);
        Details { count: self.count, blocks, edge: self.has_edge.then_some(edge) }
    }

    /// Whether the ACK of that number, one past the last, is one of these; the second decides by how much they differ.
    fn takes(&mut self, number: u32, details: Details) -> bool {
        if number == self.number + 1 {
            let step = |from: u32, to: u32| {
                to.checked_sub(from).and_then(|step| u8::try_from(step).ok()).unwrap_or(0)
            };
            self.end_step = step(self.blocks[0].end, details.blocks[0].end);
            self.edge_step = step(self.edge, details.edge.unwrap_or(0));
        }
        self.details(number) == details
    }
}

impl Blocks {
    /// Keeps what an ACK tells; returns its number, which is not 0.
    pub(crate) fn push(&mut self, details: Details) -> u32 {
        self.latest += 1;
        let number = self.latest;
        if !self.stretches.back_mut().is_some_and(|last| last.takes(number, details)) {
            push_tightly(&mut self.stretches, Stretch::new(number, details));
        }
        number
    }

    /// What was kept under that number; nothing if it comes too late.
    pub(crate) fn take(&mut self, number: u32) -> Details {
        self.arrived = self.arrived.max(number);
        if number + KEPT <= self.arrived {
            return Details::default();
        }
        while self.stretches.get(1).is_some_and(|second| second.number + KEPT <= self.arrived) {
            self.stretches.pop_front();
        }
        let later = self.stretches.partition_point(|stretch| stretch.number <= number);
        let stretch = later.checked_sub(1).and_then(|place| self.stretches.get(place));
        stretch.map_or_else(Details::default, |stretch| stretch.details(number))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn details(start: u32, end: u32, edge: Option<u32>) -> Details {
        Details { count: 1, blocks: [Run { start, end }, Run::default(), Run::default()], edge }
    }

    #[test]
    fn alike_acks_take_one_place() {
        let mut blocks = Blocks::default();
        let all = (0..1000).map(|i| details(7, 8 + i, Some(100 + 2 * i)));
        let numbers: Vec<u32> = all.clone().map(|details| blocks.push(details)).collect();
        assert_eq!(blocks.stretches.len(), 1);
        assert!(all.zip(numbers).all(|(details, number)| blocks.take(number) == details));
    }

    #[test]
    fn what_has_arrived_makes_room() {
        let mut blocks = Blocks::default();
        for i in 0..10_000 {
            let number = blocks.push(details(i * i % 1000, 1000, None));
            blocks.take(number);
        }
        assert!(blocks.stretches.len() <= KEPT as usize + 1);
    }

    proptest! {
        /// ACKs that arrive in whatever order, if at all.
        #[test]
        fn an_ack_tells_what_was_put_in_unless_it_is_late(
            acks in prop::collection::vec((0u32..3, 3u32..6, prop::option::of(0u32..3), 0usize..100), 1..400),
        ) {
            let mut blocks = Blocks::default();
            let mut sent = Vec::new();
            for (start, end, edge, _) in &acks {
                let details = details(*start, *end, *edge);
                sent.push((blocks.push(details), details));
            }
            let mut foremost = 0;
            for (i, (.., choice)) in acks.iter().enumerate() {
                let (number, details) = sent[(i + choice) % sent.len()];
                foremost = foremost.max(number);
                let expected = if number + KEPT <= foremost { Details::default() } else { details };
                prop_assert_eq!(blocks.take(number), expected);
            }
        }
    }
}
