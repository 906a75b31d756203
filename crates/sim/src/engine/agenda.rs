//! Which of the links delivers next.

/// The time of each link's next delivery, and the earliest of them: a tournament, in which a change of one
/// time costs a match for each doubling of the number of links.
#[derive(Clone, Debug)]
pub(crate) struct Agenda {
    /// The two players of each match: the final is at 1, the winner of match `i` plays in match `i / 2`, and from half of
    /// `leaves` on the players are the links themselves.
    matches: Vec<[Player; 2]>,
    /// The number of places for links, a power of two.
    leaves: usize,
}

#[derive(Clone, Copy, Debug)]
struct Player {
    /// Nanoseconds; [`Agenda::NEVER`] for a link without a packet.
    time: u64,
    link: u32,
}

/// The winner of a match; with equal times the first.
#[inline]
fn winner([first, second]: [Player; 2]) -> Player {
    if second.time < first.time { second } else { first }
}

impl Agenda {
    pub(crate) const NEVER: u64 = u64::MAX;

    pub(crate) fn new(links: usize) -> Self {
        let leaves = links.next_power_of_two().max(2);
        let nobody = Player { time: Self::NEVER, link: 0 };
        let mut agenda = Self { matches: vec![[nobody; 2]; leaves], leaves };
        for (place, link) in (0..leaves).zip(0..) {
            agenda.matches[(leaves + place) / 2][place % 2].link = link;
            agenda.set(place, Self::NEVER);
        }
        agenda
    }

    /// The earliest time and its link; of equals the one with the lowest number.
    #[inline]
    pub(crate) fn earliest(&self) -> (u64, usize) {
        let Player { time, link } = winner(self.matches[1]);
        (time, link as usize)
    }

    #[inline]
    pub(crate) fn time_of(&self, link: usize) -> u64 {
        self.matches[(self.leaves + link) / 2][link % 2].time
    }

    /// Sets a link's time.
    #[inline]
    pub(crate) fn set(&mut self, link: usize, time: u64) {
        let mut round = (self.leaves + link) / 2;
        self.matches[round][link % 2].time = time;
        while round > 1 {
            let winner = winner(self.matches[round]);
            self.matches[round / 2][round % 2] = winner;
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
