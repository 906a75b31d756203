//! Reordering: some packets are held until a number of later ones have gone ahead.
//!
//! ```text
//!   departed:   1  2* 3  4  5         2 is held, depth 2
//!   gone on:    1     3  4  2  5
//! ```
//!
//! All packets have the same depth and the same timeout, so the first held is the first released.

use std::collections::VecDeque;
use std::time::Duration;

use wad_model::Time;

use crate::config::Reordering;
use crate::random::{Coin, Generator, Stream};

/// The packets that are held.
#[derive(Clone, Debug)]
pub(crate) struct Reorderer<T> {
    chance: Coin,
    generator: Generator,
    depth: u64,
    /// Longest wait.
    timeout: Duration,
    held: VecDeque<Held<T>>,
    /// How many packets have gone on without being held.
    passed: u64,
}

#[derive(Clone, Debug)]
struct Held<T> {
    /// Released when so many have passed...
    after: u64,
    /// ...or at this time.
    expires: Time,
    packet: T,
}

impl<T> Reorderer<T> {
    pub(crate) fn new(config: &Reordering, seed: u64) -> Self {
        Self {
            chance: Coin::new(config.probability),
            generator: Generator::new(seed, Stream::Reordering),
            depth: config.depth.into(),
            timeout: config.timeout,
            held: VecDeque::new(),
            passed: 0,
        }
    }

    /// Takes a packet that departs at `departs`, and hands on with their times those that go on then.
    /// Departures never go back in time.
    pub(crate) fn depart(&mut self, departs: Time, packet: T, mut go_on: impl FnMut(Time, T)) {
        self.expire(departs, &mut go_on);
        if self.chance.toss(&mut self.generator) {
            self.hold(departs, packet);
            return;
        }
        go_on(departs, packet);
        self.passed += 1;
        let passed = self.passed;
        while let Some(held) = self.pop_if(|held| held.after <= passed) {
            go_on(departs, held.packet);
        }
    }

    /// Hands on the packets that have waited long enough at `now`.
    pub(crate) fn expire(&mut self, now: Time, mut go_on: impl FnMut(Time, T)) {
        while let Some(held) = self.pop_if(|held| held.expires <= now) {
            go_on(held.expires, held.packet);
        }
    }

    /// The held packets and when each goes on at the latest, in that order.
    pub(crate) fn held(&self) -> impl ExactSizeIterator<Item = (Time, &T)> {
        self.held.iter().map(|held| (held.expires, &held.packet))
    }

    fn pop_if(&mut self, due: impl FnOnce(&Held<T>) -> bool) -> Option<Held<T>> {
        self.held.front().filter(|held| due(held))?;
        self.held.pop_front()
    }

    fn hold(&mut self, departs: Time, packet: T) {
        let after = self.passed + self.depth;
        self.held.push_back(Held { after, expires: departs + self.timeout, packet });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packet `i` departs at `i * 10` ns; `held` ones are held, for 3 packets or 100 ns at most.
    fn gone_on(held: &[u64], packets: u64, end: u64) -> Vec<(u64, u64)> {
        let config = Reordering { probability: 0.0, depth: 3, timeout: Duration::from_nanos(100) };
        let mut reorderer = Reorderer::new(&config, 0);
        let mut gone = Vec::new();
        for i in 0..packets {
            reorderer.chance = Coin::new(if held.contains(&i) { 1.0 } else { 0.0 });
            reorderer.depart(Time::from_nanos(i * 10), i, |at, i| gone.push((at.as_nanos(), i)));
        }
        reorderer.expire(Time::from_nanos(end), |at, i| gone.push((at.as_nanos(), i)));
        gone
    }

    #[test]
    fn three_packets_overtake() {
        assert_eq!(gone_on(&[1], 6, 60), [(0, 0), (20, 2), (30, 3), (40, 4), (40, 1), (50, 5)]);
    }

    #[test]
    fn held_packets_stay_in_order_and_do_not_count() {
        assert_eq!(gone_on(&[0, 1, 3], 6, 60), [(20, 2), (40, 4), (50, 5), (50, 0), (50, 1)]);
    }

    #[test]
    fn without_traffic_the_timeout_releases() {
        assert_eq!(gone_on(&[1], 3, 109), [(0, 0), (20, 2)]);
        assert_eq!(gone_on(&[1], 3, 110), [(0, 0), (20, 2), (110, 1)]);
    }

    #[test]
    fn what_expired_before_a_departure_goes_first() {
        let gone = gone_on(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 12, 110);
        assert_eq!(gone[..2], [(100, 0), (110, 1)]);
        assert_eq!(gone[2], (110, 11));
    }
}
