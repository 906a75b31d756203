//! Buffers for packets on their way, used again and again.

use std::cell::{Cell, RefCell};
use std::io::IoSlice;
use std::ops::Range;
use std::rc::{Rc, Weak};

use crate::segment::SuperPacket;

/// The sizes of buffers. A packet on its way occupies the smallest that holds it: a path of 10 MB
/// full of acknowledgements must not occupy 64 KiB for each.
const SIZES: [usize; 3] = [2 * 1024, 16 * 1024, LARGEST];
/// The largest IPv6 packet, and the note before it, rounded up.
pub(crate) const LARGEST: usize = 66 * 1024;

/// The buffers of one emulator.
#[derive(Debug)]
pub(crate) struct Pool {
    free: [RefCell<Vec<Rc<Packet>>>; SIZES.len()],
    held_bytes: Cell<usize>,
    limit_bytes: usize,
}

/// A packet as it was read.
#[derive(Debug)]
pub(crate) struct Packet {
    buffer: Box<[u8]>,
    class: usize,
    /// Where in the buffer the IP packet lies; the note before it, if any, lies before it.
    ip: Range<usize>,
    cut: Option<SuperPacket>,
    pool: Weak<Pool>,
}

impl Pool {
    /// A pool that hands out buffers of at most `limit_bytes` in all.
    pub(crate) fn new(limit_bytes: usize) -> Rc<Self> {
        Rc::new(Self { free: Default::default(), held_bytes: Cell::new(0), limit_bytes })
    }

    /// Takes what was read into `scratch`: an IP packet at `ip`, and before it the note of a device with
    /// offload, if there was one. `cut` says how to cut it, if it is a super-packet.
    ///
    /// A large packet keeps the buffer into which it was read, and `scratch` becomes another.
    /// `None` if the pool's limit is reached.
    pub(crate) fn take(
        self: &Rc<Self>,
        scratch: &mut Box<[u8]>,
        ip: Range<usize>,
        cut: Option<SuperPacket>,
    ) -> Option<PacketRef> {
        let length = ip.end;
        let class = SIZES.iter().position(|size| length <= *size)?;
        let mut shared = self.buffer(class)?;
        let packet = Rc::get_mut(&mut shared).expect("a free buffer has no other user");
        if class == SIZES.len() - 1 {
            std::mem::swap(&mut packet.buffer, scratch);
        } else {
            packet.buffer[..length].copy_from_slice(&scratch[..length]);
        }
        packet.ip = ip;
        packet.cut = cut;
        Some(PacketRef(Some(shared)))
    }

    fn buffer(self: &Rc<Self>, class: usize) -> Option<Rc<Packet>> {
        if let Some(packet) = self.free[class].borrow_mut().pop() {
            return Some(packet);
        }
        let held = self.held_bytes.get() + SIZES[class];
        if held > self.limit_bytes {
            return None;
        }
        self.held_bytes.set(held);
        let buffer = vec![0; SIZES[class]].into_boxed_slice();
        Some(Rc::new(Packet { buffer, class, ip: 0..0, cut: None, pool: Rc::downgrade(self) }))
    }
}

impl Packet {
    /// The IP packet.
    pub(crate) fn ip(&self) -> &[u8] {
        &self.buffer[self.ip.clone()]
    }

    /// What was read: the IP packet with the note before it, if it came with one.
    pub(crate) fn whole(&self) -> IoSlice<'_> {
        IoSlice::new(&self.buffer[..self.ip.end])
    }

    /// How to cut it, if it is a super-packet.
    pub(crate) fn cut(&self) -> Option<&SuperPacket> {
        self.cut.as_ref()
    }
}

/// A share in a packet; the last one gives the buffer back to the pool.
#[derive(Clone, Debug)]
pub(crate) struct PacketRef(Option<Rc<Packet>>);

impl PacketRef {
    /// Whether both are the same packet.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.as_ref().zip(other.0.as_ref()).is_some_and(|(a, b)| Rc::ptr_eq(a, b))
    }
}

impl std::ops::Deref for PacketRef {
    type Target = Packet;

    fn deref(&self) -> &Packet {
        self.0.as_deref().expect("only dropping empties it")
    }
}

impl Drop for PacketRef {
    fn drop(&mut self) {
        let Some(packet) = self.0.take() else { return };
        if Rc::strong_count(&packet) > 1 {
            return;
        }
        if let Some(pool) = packet.pool.upgrade() {
            pool.free[packet.class].borrow_mut().push(packet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> Box<[u8]> {
        vec![7; LARGEST].into_boxed_slice()
    }

    #[test]
    fn the_last_share_gives_the_buffer_back() {
        let pool = Pool::new(1 << 20);
        let packet = pool.take(&mut scratch(), 0..100, None).unwrap();
        let share = packet.clone();
        assert!(share.is(&packet));
        drop(packet);
        assert!(pool.free[0].borrow().is_empty());
        assert_eq!(share.ip().len(), 100);
        drop(share);
        assert_eq!(pool.free[0].borrow().len(), 1);
        let _again = pool.take(&mut scratch(), 0..2000, None).unwrap();
        assert_eq!(pool.held_bytes.get(), 2048);
    }

    #[test]
    fn a_large_packet_keeps_its_buffer_and_the_limit_holds() {
        let pool = Pool::new(LARGEST);
        let mut buffer = scratch();
        let packet = pool.take(&mut buffer, 0..60_000, None).unwrap();
        assert_eq!(packet.ip()[59_999], 7);
        assert_eq!(buffer[0], 0);
        assert!(pool.take(&mut buffer, 0..60_000, None).is_none());
    }
}
