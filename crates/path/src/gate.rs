//! Before the queue: packets that never get there.

use std::time::Duration;

use wad_model::{Bytes, Time};

use crate::bucket::Policer;
use crate::config::{LinkConfig, Loss, Outage};
use crate::loss::LossModel;

/// Loss, outage, black hole and policer.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    /// Whether all packets pass.
    open: bool,
    loss: LossModel,
    outage: Option<Outage>,
    black_hole: Option<Bytes>,
    policer: Option<Policer>,
}

impl Gate {
    pub(crate) fn new(config: &LinkConfig, seed: u64) -> Self {
        let LinkConfig { loss, outage, black_hole, policer, .. } = config;
        Self {
            open: *loss == Loss::None && outage.is_none() && black_hole.is_none() && policer.is_none(),
            loss: LossModel::new(loss, seed),
            outage: *outage,
            black_hole: *black_hole,
            policer: policer.map(Policer::new),
        }
    }

    /// Whether all packets pass; then none need be asked for.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the packet at `position` passes. To be called once for each, from 0 upwards.
    #[inline]
    pub(crate) fn passes(&mut self, position: u64, now: Time, since_first: Duration, size: Bytes) -> bool {
        !self.loss.strikes(position)
            && !self.outage.is_some_and(|outage| outage.covers(since_first))
            && self.black_hole.is_none_or(|largest| size <= largest)
            && self.policer.as_mut().is_none_or(|policer| policer.admits(now, size))
    }
}
