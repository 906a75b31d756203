//! Which of the links delivers next.

/// The time of each link's next delivery, and the earliest of them: a tournament, in which a change of one
/// time costs a match for each doubling of the number of links.
#[derive(Clone, Debug)]
pub(crate) struct Agenda {
    /// Nanoseconds; [`Agenda::NEVER`] for a link without a packet.
    times: Vec<u64>,
    /// The winner of each match: the champion is at 1, the players of match `i` won `2i` and `2i + 1`; from `leaves` on
    /// the players of the first round, who are the links.
    winners: Vec<u32>,
    /// The number of leaves, a power of two.
    leaves: usize,
}

impl Agenda {
    pub(crate) const NEVER: u64 = u64::MAX;

    pub(crate) fn new(links: usize) -> Self {
        let leaves = links.next_power_of_two().max(2);
        let mut winners = vec![0; 2 * leaves];
        for (place, link) in winners[leaves..].iter_mut().zip(0..) {
            *place = link;
        }
        // With equal times the lower number wins.
        for round in (1..leaves).rev() {
            winners[round] = winners[2 * round];
        }
        Self { times: vec![Self::NEVER; leaves], winners, leaves }
    }

    /// The earliest time and its link; of equals the one with the lowest number.
    #[inline]
    pub(crate) fn earliest(&self) -> (u64, usize) {
        let link = self.winners[1] as usize;
        (self.times[link], link)
    }

    #[inline]
    pub(crate) fn time_of(&self, link: usize) -> u64 {
        self.times[link]
    }

    /// Sets a link's time.
    #[inline]
    pub(crate) fn set(&mut self, link: usize, time: u64) {
        if self.times[link] == time {
            return;
        }
        self.times[link] = time;
        let mut round = (self.leaves + link) / 2;
        while round >= 1 {
            let (left, right) = (self.winners[2 * round], self.winners[2 * round + 1]);
            let later = self.times[right as usize] < self.times[left as usize];
            self.winners[round] = if later { right } else { left };
            round /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_earliest_wins(links in 1usize..20, changes in prop::collection::vec((0usize..20, 0u64..50), 1..100)) {
            let mut agenda = Agenda::new(links);
            let mut times = vec![Agenda::NEVER; links];
            for (link, time) in changes {
                let link = link % links;
                times[link] = time;
                agenda.set(link, time);
                let earliest = times.iter().enumerate().map(|(link, &time)| (time, link)).min();
                prop_assert_eq!(Some(agenda.earliest()), earliest);
            }
        }
    }
}
