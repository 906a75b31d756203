//! Flow-queue CoDel (RFC 8290): each flow has a queue of its own under CoDel, and queues take turns.
//!
//! Flows are spread by a hash over a fixed number of queues. The turns are deficit round robin: a queue may send
//! `quantum` bytes more each time it comes round. A queue that was empty is put on a list that goes before all
//! others, once for one quantum, so that sparse flows (a query, a key stroke, an ACK) do not wait behind bulk:
//!
//! ```text
//!   packet -> hash -> queue --first packet--> new queues --quantum used--> old queues --+
//!                                                 | first                    ^  | next   |
//!                                                 v                          |  v        |
//!                                               wire <-----------------------|-----------+
//!                                                          quantum used -----+
//! ```
//!
//! Where the limit is reached, the head of the queue with the most bytes is dropped (section 4.1), not the packet
//! that enters.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, Time};

use super::codel::{Codel, CodelState};
use super::waiting::{Fifo, Sent, Waiting};
use crate::error::ConfigError;
use crate::random::{Stream, derive_seed};

/// Flow-queue CoDel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FqCodel {
    /// How many queues there are (RFC 8290 section 5.2.4).
    pub flows: u32,
    /// Bytes that a queue may send in a turn (section 5.2.3).
    pub quantum: Bytes,
    /// CoDel in each queue.
    pub codel: Codel,
}

impl Default for FqCodel {
    /// RFC 8290 section 5.2: 1024 queues, 1514 bytes, ECN.
    fn default() -> Self {
        Self { flows: 1024, quantum: Bytes::new(1514), codel: Codel { ecn: true, ..Codel::default() } }
    }
}

impl FqCodel {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        const REMEDY: &str = "give a number above 0, or leave the key out";
        for (name, value) in [("flows", self.flows.into()), ("quantum", self.quantum.get())] {
            if value == 0 {
                return Err(ConfigError::Zero { key: format!("discipline.fq_codel.{name}"), remedy: REMEDY });
            }
        }
        self.codel.validate("discipline.fq_codel.codel")
    }
}

/// The state of FQ-CoDel.
#[derive(Clone, Debug)]
pub(crate) struct FqCodelState<T> {
    quantum: i64,
    /// The seed of the hash, so that no two flows share a queue in all runs.
    perturbation: u64,
    queues: Vec<FlowQueue<T>>,
    new: VecDeque<usize>,
    old: VecDeque<usize>,
}

#[derive(Clone, Debug)]
struct FlowQueue<T> {
    packets: Fifo<T>,
    codel: CodelState,
    /// Bytes that it may still send in this turn.
    credit: i64,
    /// Whether it is on one of the lists.
    listed: bool,
}

impl<T> FqCodelState<T> {
    pub(crate) fn new(config: FqCodel, seed: u64) -> Self {
        let queue = || FlowQueue {
            packets: Fifo::new(),
            codel: CodelState::new(config.codel),
            credit: 0,
            listed: false,
        };
        Self {
            quantum: signed(config.quantum),
            perturbation: derive_seed(seed, Stream::FlowHash),
            queues: (0..config.flows.max(1)).map(|_| queue()).collect(),
            new: VecDeque::new(),
            old: VecDeque::new(),
        }
    }

    /// Section 4.1: takes a packet in.
    pub(crate) fn enqueue(&mut self, flow: u64, packet: Waiting<T>) {
        let index = self.queue_of(flow);
        let queue = &mut self.queues[index];
        queue.packets.push(packet);
        if !queue.listed {
            queue.listed = true;
            queue.credit = self.quantum;
            self.new.push_back(index);
        }
    }

    /// Section 4.2: the packet that goes next at `now`; those that are dropped before it go to `dropped`.
    pub(crate) fn dequeue(&mut self, now: Time, dropped: &mut impl FnMut(Waiting<T>)) -> Option<Sent<T>> {
        loop {
            let is_new = !self.new.is_empty();
            let list = if is_new { &mut self.new } else { &mut self.old };
            let index = *list.front()?;
            let queue = &mut self.queues[index];
            if queue.credit <= 0 {
                queue.credit += self.quantum;
                list.pop_front();
                self.old.push_back(index);
                continue;
            }
            let FlowQueue { packets, codel, .. } = queue;
            if let Some(sent) = codel.dequeue(now, packets, dropped) {
                queue.credit -= signed(sent.packet.size);
                return Some(sent);
            }
            list.pop_front();
            // An empty new queue makes one round among the old ones, else a flow that sends a packet at a time
            // would always go first.
            if is_new {
                self.old.push_back(index);
            } else {
                queue.listed = false;
            }
        }
    }

    /// Section 4.1: what is dropped where there is no more room.
    pub(crate) fn drop_from_fattest(&mut self) -> Option<Waiting<T>> {
        let fattest = self.queues.iter_mut().max_by_key(|queue| queue.packets.bytes())?;
        fattest.packets.pop()
    }

    #[expect(clippy::cast_possible_truncation, reason = "below the number of queues")]
    fn queue_of(&self, flow: u64) -> usize {
        let hash = mix(flow ^ self.perturbation);
        ((u128::from(hash) * self.queues.len() as u128) >> 64) as usize
    }
}

/// The finaliser of splitmix64.
const fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn signed(bytes: Bytes) -> i64 {
    i64::try_from(bytes.get()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::ZERO;

    fn state() -> FqCodelState<u64> {
        FqCodelState::new(FqCodel::default(), 1)
    }

    fn enqueue(state: &mut FqCodelState<u64>, flow: u64, size: u64, packets: u64) {
        for _ in 0..packets {
            let size = Bytes::new(size);
            state.enqueue(flow, Waiting { entered: NOW, size, ecn_capable: false, item: flow });
        }
    }

    /// The flows of the next packets.
    fn order(state: &mut FqCodelState<u64>, packets: usize) -> Vec<u64> {
        (0..packets).map_while(|_| state.dequeue(NOW, &mut |_| ())).map(|sent| sent.packet.item).collect()
    }

    #[test]
    fn flows_take_turns_by_bytes() {
        let mut state = state();
        enqueue(&mut state, 1, 1500, 10);
        enqueue(&mut state, 2, 500, 30);
        let order = order(&mut state, 40);
        let bytes =
            |flow| order[..20].iter().filter(|&&f| f == flow).count() * if flow == 1 { 1500 } else { 500 };
        assert!(bytes(1).abs_diff(bytes(2)) <= 3000, "{order:?}");
        assert_eq!(order.len(), 40);
    }

    #[test]
    fn a_sparse_flow_goes_first() {
        let mut state = state();
        enqueue(&mut state, 1, 1500, 10);
        assert_eq!(order(&mut state, 3), [1, 1, 1]);
        enqueue(&mut state, 2, 100, 1);
        assert_eq!(order(&mut state, 3), [2, 1, 1]);
    }

    /// Section 4.2: a queue that empties goes through the old list before it counts as new again.
    #[test]
    fn one_packet_at_a_time_does_not_starve_others() {
        let mut state = state();
        enqueue(&mut state, 1, 1500, 10);
        order(&mut state, 2);
        let mut sent = Vec::new();
        for _ in 0..8 {
            enqueue(&mut state, 2, 1500, 1);
            sent.extend(order(&mut state, 1));
        }
        assert!(sent.iter().filter(|&&flow| flow == 1).count() >= 3, "{sent:?}");
    }

    #[test]
    fn the_fattest_queue_pays() {
        let mut state = state();
        enqueue(&mut state, 1, 1500, 3);
        enqueue(&mut state, 2, 1500, 5);
        assert_eq!(state.drop_from_fattest().map(|packet| packet.item), Some(2));
        assert_eq!(order(&mut state, 10).len(), 7);
        assert!(state.drop_from_fattest().is_none());
    }
}
