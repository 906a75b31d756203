//! Blocks of selective acknowledgements that are under way, and windows of receivers whose buffer has a limit.
//!
//! Few ACKs carry any, and 24 bytes in every packet would be most of it. So a packet carries a number,
//! and the blocks lie in a ring of their flow. The ring is as long as the ACKs under way demand, at
//! least [`KEPT`]. An ACK that comes so late that its place has been taken counts as one without blocks,
//! as later ones have told what it told.

use crate::tcp::receiver::Details;

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
    details: Details,
}

impl Blocks {
    /// Keeps what an ACK says; returns its number, which is not 0.
    pub(crate) fn push(&mut self, details: Details) -> u32 {
        self.latest += 1;
        if (self.latest - self.arrived) as usize >= self.places.len() {
            self.grow();
        }
        let place = self.latest as usize & (self.places.len() - 1);
        self.places[place] = Place { number: self.latest, details };
        self.latest
    }

    /// What was kept under that number; nothing if its place has been taken.
    pub(crate) fn take(&mut self, number: u32) -> Details {
        self.arrived = self.arrived.max(number);
        match self.places.get(number as usize & (self.places.len().max(1) - 1)) {
            Some(place) if place.number == number && number > 0 => place.details,
            _ => Details::default(),
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
    use crate::tcp::receiver::BLOCKS;
    use crate::tcp::runs::Run;

    fn details(start: u32, count: u8) -> Details {
        Details { count, blocks: [Run { start, end: start + 1 }; BLOCKS], edge: Some(start) }
    }

    #[test]
    fn blocks_are_kept_until_their_ack_arrives_however_many_are_under_way() {
        let mut blocks = Blocks::default();
        let numbers: Vec<u32> = (0..1000).map(|i| blocks.push(details(i, 3))).collect();
        for (i, number) in (0..).zip(numbers) {
            assert_eq!(blocks.take(number), details(i, 3));
        }
        assert_eq!(blocks.take(0), Details::default());
    }

    #[test]
    fn a_ring_does_not_grow_while_acks_arrive() {
        let mut blocks = Blocks::default();
        for _ in 0..10_000 {
            let number = blocks.push(details(0, 1));
            blocks.take(number);
        }
        assert_eq!(blocks.places.len(), KEPT);
    }
}
