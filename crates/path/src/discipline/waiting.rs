//! Packets that wait where the head decides, and what has become of them.

use std::collections::VecDeque;

use wad_model::{Bytes, Time};

/// A packet in the queue.
#[derive(Clone, Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) entered: Time,
    pub(crate) size: Bytes,
    pub(crate) ecn_capable: bool,
    pub(crate) item: T,
}

/// First in, first out, with the sum of the sizes.
#[derive(Clone, Debug)]
pub(crate) struct Fifo<T> {
    packets: VecDeque<Waiting<T>>,
    bytes: Bytes,
}

impl<T> Fifo<T> {
    pub(crate) const fn new() -> Self {
        Self { packets: VecDeque::new(), bytes: Bytes::ZERO }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        self.bytes
    }

    pub(crate) fn push(&mut self, packet: Waiting<T>) {
        self.bytes = self.bytes + packet.size;
        self.packets.push_back(packet);
    }

    pub(crate) fn pop(&mut self) -> Option<Waiting<T>> {
        let packet = self.packets.pop_front()?;
        self.bytes = self.bytes - packet.size;
        Some(packet)
    }
}

/// A packet that goes next, and whether it was marked on the way.
#[derive(Clone, Debug)]
pub(crate) struct Sent<T> {
    pub(crate) packet: Waiting<T>,
    pub(crate) marked: bool,
}
