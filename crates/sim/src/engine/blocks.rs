//! Blocks of selective acknowledgements that are under way, and windows of receivers whose buffer has a limit.
//!
//! Few ACKs carry any, and 24 bytes in every packet would be most of it. So a packet carries a number,
//! and the blocks lie in a ring of their flow. The ring is as long as the ACKs under way demand, at
//! least [`KEPT`]. An ACK that comes so late that its place has been taken counts as one without blocks,
//! as later ones have told what it told.

use crate::tcp::receiver::{Acknowledgement, BLOCKS};
use crate::tcp::runs::Run;

/// Places that a ring has at least.
const KEPT: usize = 64;

/// The blocks of one flow's ACKs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blocks {
    places: Vec<Place>,
    /// The number of the latest.
    latest: u32,
    /// The foremost number that has arrived.
    arrived: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    number: u32,
    count: u8,
    blocks: [Run; BLOCKS],
    edge: Option<u32>,
}

impl Blocks {
    /// Keeps what an ACK says; returns its number, which is not 0.
    pub(crate) fn push(&mut self, ack: Acknowledgement) -> u32 {
        self.latest += 1;
        if (self.latest - self.arrived) as usize >= self.places.len() {
            self.grow();
        }
        let place = self.latest as usize & (self.places.len() - 1);
        let Acknowledgement { count, blocks, edge, .. } = ack;
        self.places[place] = Place { number: self.latest, count, blocks, edge };
        self.latest
    }

    /// The blocks of that number, with how many of them count, and the window's edge.
    pub(crate) fn take(&mut self, number: u32) -> ([Run; BLOCKS], usize, Option<u32>) {
        self.arrived = self.arrived.max(number);
        match self.places.get(number as usize & (self.places.len().max(1) - 1)) {
            Some(place) if place.number == number && number > 0 => {
                (place.blocks, place.count.into(), place.edge)
            }
            _ => ([Run::default(); BLOCKS], 0, None),
        }
    }

    /// Doubles the places.
    #[cold]
    fn grow(&mut self) {
        let mut places = vec![Place::default(); (self.places.len() * 2).max(KEPT)];
        let mask = places.len() - 1;
        for place in &self.places {
            places[place.number as usize & mask] = *place;
        }
        self.places = places;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(run: Run, count: u8) -> Acknowledgement {
        let edge = Some(run.end);
        Acknowledgement { next: 0, blocks: [run; BLOCKS], count, marked: false, duplicate: false, edge }
    }

    #[test]
    fn blocks_are_kept_until_their_ack_arrives_however_many_are_under_way() {
        let mut blocks = Blocks::default();
        let run = |i| Run { start: i, end: i + 1 };
        let numbers: Vec<u32> = (0..1000).map(|i| blocks.push(ack(run(i), 3))).collect();
        for (i, number) in (0..).zip(numbers) {
            assert_eq!(blocks.take(number), ([run(i); BLOCKS], 3, Some(i + 1)));
        }
        assert_eq!(blocks.take(0).1, 0);
    }

    #[test]
    fn a_ring_does_not_grow_while_acks_arrive() {
        let mut blocks = Blocks::default();
        for _ in 0..10_000 {
            let number = blocks.push(ack(Run::default(), 1));
            blocks.take(number);
        }
        assert_eq!(blocks.places.len(), KEPT);
    }
}
