//! The two ends of a flow, as state machines without a clock or a network.
//!
//! A [`sender::Sender`] is told of what is written, of ACKs, and that its deadline has come, and hands
//! segments to an output; a [`receiver::Receiver`] is told of segments and returns ACKs.

use std::collections::VecDeque;

mod classic;
pub(crate) mod core;
mod persist;
mod pipe;
mod rare_queue;
mod receive_buffer;
pub(crate) mod receiver;
mod rtt;
pub(crate) mod runs;
pub(crate) mod selective;
pub(crate) mod sender;
pub(crate) mod statistics;

/// Puts an item into a ring that holds something of each segment in flight. It begins with 32 bytes and grows by an eighth,
/// not to the double, as with many flows or long paths these rings are most of the memory.
#[inline]
pub(crate) fn push_tightly<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() == ring.capacity() {
        grow_tightly(ring);
    }
    ring.push_back(item);
}

#[cold]
fn grow_tightly<T>(ring: &mut VecDeque<T>) {
    let least = (32 / size_of::<T>()).max(1);
    ring.reserve_exact((ring.len() / 8).max(least));
}
