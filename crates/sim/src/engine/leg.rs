//! Links one behind the other that hand packets over at once, taken as one while nothing waits at any of them.
//!
//! Where a link is fed by nothing but the one before it, and a packet of the same size as ever finds all of them idle, its way
//! through all of them takes as long as that of the packet before, and adds the same to each. So such packets are counted
//! for all links together, and each link is told when something else happens: a packet of another size, one that
//! comes too soon after the last, a mark, somebody who asks.

use wad_model::Bytes;
use wad_path::Conduit;

/// A stretch of a route that no other route touches.
#[derive(Clone, Debug)]
pub(crate) struct Leg {
    /// The size of the packets that run through as one; larger than any if they do not.
    size: u64,
    /// From when on the next finds all links idle, and up to when nothing else comes between.
    idle_from: u64,
    until: u64,
    /// How long it takes, and how much later than one packet the next may enter, in nanoseconds.
    passage: u64,
    spacing: u64,
    /// Packets that the links have not been told of, and when the last of them entered.
    passed: u64,
    last: u64,
    /// The shortest time that any packet of the size of the last took, link by link.
    shortest: u64,
    tried: u32,
    /// How many links it has; none if it cannot be taken as one.
    links: usize,
}

const NO_SIZE: u64 = u64::MAX;

impl Default for Leg {
    fn default() -> Self {
        Self {
            size: NO_SIZE,
            idle_from: 0,
            until: 0,
            passage: 0,
            spacing: 0,
            passed: 0,
            last: 0,
            shortest: u64::MAX,
            tried: 0,
            links: 0,
        }
    }
}

impl Leg {
    /// One of so many links.
    pub(crate) fn of(links: usize) -> Self {
        Self { links, ..Self::default() }
    }

    /// Whether packets run through as one.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.size != NO_SIZE
    }

    /// How many links it has; none if packets go through one link after the other.
    #[inline]
    pub(crate) fn links(&self) -> usize {
        self.links
    }

    /// A packet of `size` bytes enters: returns when it leaves, if it finds all links idle.
    #[inline]
    pub(crate) fn run(&mut self, size: u32, now: u64) -> Option<u64> {
        if u64::from(size) != self.size || now < self.idle_from || now >= self.until {
            return None;
        }
        self.passed += 1;
        self.last = now;
        self.idle_from = now.saturating_add(self.spacing);
        Some(now.saturating_add(self.passage))
    }

    /// Whether a packet of `size` bytes that went link by link in so many nanoseconds may have been unhindered.
    #[inline]
    pub(crate) fn may_run(&mut self, size: u32, nanos: u64) -> bool {
        if self.links == 0 || (size == self.tried && nanos > self.shortest) {
            return false;
        }
        (self.tried, self.shortest) = (size, nanos);
        true
    }

    /// A packet has gone link by link, and may have been unhindered: if so, those that follow run. Of each link what it
    /// is, and up to when nothing else comes between.
    pub(crate) fn start<'a>(&mut self, size: u32, now: u64, links: impl Iterator<Item = (&'a Conduit, u64)>) {
        let (mut passage, mut spacing, mut until) = (0u64, 0, u64::MAX);
        for (conduit, mark) in links {
            let Some(usual) = conduit.usual(Bytes::new(size.into())) else { return };
            until = until.min(mark.saturating_sub(passage));
            passage = passage.saturating_add(usual.passage);
            spacing = spacing.max(usual.service);
        }
        if passage == self.shortest {
            let idle_from = now.saturating_add(spacing);
            *self = Self { size: size.into(), idle_from, until, passage, spacing, ..self.clone() };
        }
    }

    /// Packets go link by link again: returns how many have run since the links were last told, if any, and when the last
    /// of them entered.
    #[inline]
    pub(crate) fn stop(&mut self) -> Option<(u64, u64)> {
        self.size = NO_SIZE;
        let passed = std::mem::take(&mut self.passed);
        (passed > 0).then_some((passed, self.last))
    }
}

#[cfg(test)]
mod tests {
    use wad_model::{Rate, Time};
    use wad_path::{Link, LinkConfig};

    use super::*;

    const SIZE: u32 = 1500;

    /// 1 ms and 2 ms on the wire, and what a packet of each entry costs, one link after the other.
    fn links() -> [Conduit; 2] {
        [12_000_000, 6_000_000].map(|rate| {
            let config = LinkConfig { rate: Some(Rate::from_bps(rate)), ..LinkConfig::default() };
            Link::<()>::new(&config, 1).to_conduit().unwrap()
        })
    }

    fn pass(links: &mut [Conduit; 2], at: u64) -> u64 {
        let at = links[0].pass(Time::from_nanos(at), Bytes::new(SIZE.into())).unwrap();
        links[1].pass(at, Bytes::new(SIZE.into())).unwrap().as_nanos()
    }

    #[test]
    fn packets_that_run_come_out_and_count_as_if_they_had_gone_link_by_link() {
        let millis = |ms: u64| ms * 1_000_000;
        let (mut alone, mut together) = (links(), links());
        let mut leg = Leg::of(2);
        let mut runs = 0;
        // Two each to show what is usual, some with room between them, one too soon, and again.
        for at in [0, 10, 20, 22, 25, 26, 40, 50, 60].map(millis) {
            let expected = pass(&mut alone, at);
            let found = match leg.run(SIZE, at) {
                Some(delivered) => {
                    runs += 1;
                    delivered
                }
                None => {
                    settle(&mut leg, &mut together);
                    let delivered = pass(&mut together, at);
                    if leg.may_run(SIZE, delivered - at) {
                        leg.start(SIZE, at, together.iter().map(|link| (link, u64::MAX)));
                    }
                    delivered
                }
            };
            assert_eq!(found, expected, "at {at}");
        }
        assert_eq!(runs, 5, "20, 22, 25, 50 and 60 ms");
        settle(&mut leg, &mut together);
        let end = Time::from_nanos(millis(100));
        for (alone, together) in alone.iter().zip(&together) {
            assert_eq!((alone.counters(), alone.usage(end)), (together.counters(), together.usage(end)));
        }
    }

    fn settle(leg: &mut Leg, links: &mut [Conduit; 2]) {
        if let Some((count, mut at)) = leg.stop() {
            for link in links {
                at = link.pass_usual(count, at);
            }
        }
    }

    #[test]
    fn nothing_runs_past_a_mark() {
        let mut together = links();
        let mut leg = Leg::of(2);
        for at in [0, 10_000_000, 20_000_000] {
            let delivered = pass(&mut together, at);
            if leg.may_run(SIZE, delivered - at) {
                leg.start(SIZE, at, together.iter().map(|link| (link, 40_000_000)));
            }
        }
        // The second link is reached a millisecond later.
        assert!(leg.run(SIZE, 38_999_999).is_some());
        assert_eq!(leg.run(SIZE, 39_000_000), None);
    }
}
