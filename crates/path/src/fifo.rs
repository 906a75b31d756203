//! A queue for what is small and passes through in millions.

use std::collections::VecDeque;

/// First in, first out, in blocks: most calls touch one block, and the memory follows what is in it.
#[derive(Clone, Debug)]
pub struct Fifo<T> {
    /// Where the first are, from `out` on. Empty only if there is nothing anywhere.
    front: Vec<T>,
    out: usize,
    /// Full blocks between the two.
    middle: VecDeque<Vec<T>>,
    /// Where the last are, if not in `front`.
    back: Vec<T>,
    /// A block that was emptied, for the next time that one is wanted.
    spare: Vec<T>,
    len: usize,
}

/// Items of a full block.
const BLOCK: usize = 512;

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        let none = Vec::new;
        Self { front: none(), out: 0, middle: VecDeque::new(), back: none(), spare: none(), len: 0 }
    }
}

impl<T: Copy> Fifo<T> {
    /// How many there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is nothing.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The one that was put in first.
    #[inline]
    #[must_use]
    pub fn front(&self) -> Option<T> {
        self.front.get(self.out).copied()
    }

    /// Takes the front out.
    #[inline]
    pub fn pop_front(&mut self) -> Option<T> {
        let front = self.front()?;
        self.len -= 1;
        self.out += 1;
        if self.out == self.front.len() {
            self.next_front();
        }
        Some(front)
    }

    /// Puts one in.
    #[inline]
    pub fn push_back(&mut self, item: T) {
        self.len += 1;
        if self.front.is_empty() {
            self.front.push(item);
            return;
        }
        if self.back.len() == self.back.capacity() {
            self.make_room();
        }
        self.back.push(item);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.front.clear();
        self.middle.clear();
        self.back.clear();
        (self.out, self.len) = (0, 0);
    }

    /// From the back to the front.
    pub fn backwards(&self) -> impl Iterator<Item = T> {
        let middle = self.middle.iter().rev().flat_map(|block| block.iter().rev());
        let front = self.front.get(self.out..).unwrap_or_default();
        self.back.iter().rev().chain(middle).chain(front.iter().rev()).copied()
    }

    /// The front is used up: the next block comes to the front.
    #[inline]
    fn next_front(&mut self) {
        self.front.clear();
        self.out = 0;
        if self.len > 0 {
            let next = self.middle.pop_front().unwrap_or_else(|| std::mem::take(&mut self.back));
            self.spare = std::mem::replace(&mut self.front, next);
        }
    }

    /// The block at the back is full: it grows, or gives way to another.
    #[cold]
    fn make_room(&mut self) {
        if self.back.capacity() < BLOCK {
            if self.back.is_empty() && self.spare.capacity() > 0 {
                std::mem::swap(&mut self.back, &mut self.spare);
            } else {
                self.back.reserve_exact(self.back.len().max(4));
            }
            return;
        }
        let next = std::mem::take(&mut self.spare);
        self.middle.push_back(std::mem::replace(&mut self.back, next));
        if self.back.capacity() == 0 {
            self.back.reserve_exact(BLOCK);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In turns so many go in and so many come out, up to several blocks.
        #[test]
        fn it_is_a_queue(turns in prop::collection::vec((0u32..1500, 0u32..1500), 0..20)) {
            let (mut fifo, mut queue) = (Fifo::default(), VecDeque::new());
            let mut next = 0;
            for (into, out) in turns {
                for _ in 0..into {
                    fifo.push_back(next);
                    queue.push_back(next);
                    next += 1;
                }
                for _ in 0..out {
                    prop_assert_eq!(fifo.pop_front(), queue.pop_front());
                    prop_assert_eq!(fifo.front(), queue.front().copied());
                }
                prop_assert_eq!((fifo.len(), fifo.is_empty()), (queue.len(), queue.is_empty()));
                prop_assert!(fifo.backwards().eq(queue.iter().rev().copied()));
            }
            fifo.clear();
            prop_assert_eq!(fifo.front(), None);
            fifo.push_back(1);
            prop_assert_eq!((fifo.pop_front(), fifo.pop_front()), (Some(1), None));
        }
    }

    #[test]
    fn memory_follows_what_is_in_it() {
        let mut fifo = Fifo::default();
        (0..100_000).for_each(|i| fifo.push_back(i));
        assert!(fifo.middle.len() > 190);
        (0..99_000).for_each(|_| assert!(fifo.pop_front().is_some()));
        assert!(fifo.middle.len() < 3);
    }
}
