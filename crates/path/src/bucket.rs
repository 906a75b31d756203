//! Token buckets: a policer, which drops what exceeds its contract, and a shaper, which delays it.
//!
//! A bucket of depth B that fills at rate r is a virtual wire of rate r that is allowed to lag: a packet conforms
//! as soon as the virtual wire would be done with it within B/r. (The virtual scheduling algorithm, ITU-T I.371.)

use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::config::TokenBucket;
use crate::serialiser::Serialiser;

/// Drops packets that do not conform.
#[derive(Clone, Debug)]
pub(crate) struct Policer {
    wire: Serialiser,
    slack: Duration,
}

impl Policer {
    pub(crate) fn new(contract: TokenBucket) -> Self {
        Self { wire: Serialiser::new(Some(contract.rate)), slack: slack(contract) }
    }

    /// Whether a packet conforms; one that does not takes no tokens.
    pub(crate) fn admits(&mut self, now: Time, size: Bytes) -> bool {
        let mut after = self.wire.clone();
        let conforms = after.transmit(now, size) - now <= self.slack;
        if conforms {
            self.wire = after;
        }
        conforms
    }
}

/// Delays packets until they conform.
#[derive(Clone, Debug)]
pub(crate) struct Shaper {
    wire: Serialiser,
    slack: Duration,
}

impl Shaper {
    pub(crate) fn new(contract: TokenBucket) -> Self {
        Self { wire: Serialiser::new(Some(contract.rate)), slack: slack(contract) }
    }

    /// When a packet that enters at `now` may leave: at once as long as the bucket has tokens.
    pub(crate) fn transmit(&mut self, now: Time, size: Bytes) -> Time {
        let done = self.wire.transmit(now, size) - Time::ZERO;
        (Time::ZERO + done.saturating_sub(self.slack)).max(now)
    }
}

/// How far the virtual wire may lag.
fn slack(contract: TokenBucket) -> Duration {
    contract.rate.time_to_send(contract.burst)
}

#[cfg(test)]
mod tests {
    use wad_model::Rate;

    use super::*;

    /// A packet of 1000 bytes takes 1 ms; three of them may come at once.
    const CONTRACT: TokenBucket = TokenBucket { rate: Rate::from_bps(8_000_000), burst: Bytes::new(3000) };
    const SIZE: Bytes = Bytes::new(1000);

    fn ms(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_policer_passes_the_burst_and_then_the_rate() {
        let mut policer = Policer::new(CONTRACT);
        let burst: Vec<bool> = (0..5).map(|_| policer.admits(ms(0), SIZE)).collect();
        assert_eq!(burst, [true, true, true, false, false]);
        assert!(policer.admits(ms(1), SIZE) && !policer.admits(ms(1), SIZE));
        let later: Vec<bool> = (0..4).map(|_| policer.admits(ms(100), SIZE)).collect();
        assert_eq!(later, [true, true, true, false], "a full bucket holds no more than the burst");
    }

    #[test]
    fn a_shaper_delays_what_a_policer_drops() {
        let mut shaper = Shaper::new(CONTRACT);
        let departures: Vec<Time> = (0..5).map(|_| shaper.transmit(ms(0), SIZE)).collect();
        assert_eq!(departures, [ms(0), ms(0), ms(0), ms(1), ms(2)]);
        assert_eq!(shaper.transmit(ms(100), SIZE), ms(100));
    }
}
