//! The two ends of a flow, as state machines without a clock or a network.
//!
//! A [`sender::Sender`] is told of what is written, of ACKs, and that its deadline has come, and hands
//! segments to an output; a [`receiver::Receiver`] is told of segments and returns ACKs.

use std::collections::VecDeque;

mod classic;
pub(crate) mod core;
mod persist;
mod pipe;
mod receive_buffer;
pub(crate) mod receiver;
mod rtt;
pub(crate) mod runs;
pub(crate) mod selective;
pub(crate) mod sender;
pub(crate) mod statistics;

/// Puts an item into a ring that holds something of each segment in flight. It grows by a quarter and not to the double,
/// as with many flows these rings are most of the memory.
#[inline]
fn push_tightly<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() == ring.capacity() {
        ring.reserve_exact((ring.len() / 4).max(4));
    }
    ring.push_back(item);
}
