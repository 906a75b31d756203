//! A queue for what is small and passes through in millions.

/// First in, first out: a ring whose length is a power of two, so that a place is a mask away.
#[derive(Clone, Debug)]
pub struct Ring<T> {
    places: Box<[T]>,
    /// How many have ever been taken out and put in; their difference is how many there are.
    out: usize,
    into: usize,
}

impl<T: Copy + Default> Default for Ring<T> {
    fn default() -> Self {
        Self { places: vec![T::default(); 2].into_boxed_slice(), out: 0, into: 0 }
    }
}

impl<T: Copy + Default> Ring<T> {
    /// A ring with nothing in it, and places for two.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is nothing.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.into == self.out
    }

    /// For how many there are places, before it takes twice the memory.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.places.len()
    }

    /// How many there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.into.wrapping_sub(self.out)
    }

    /// The one that was put in first.
    #[inline]
    #[must_use]
    pub fn front(&self) -> Option<T> {
        (!self.is_empty()).then(|| self.places[self.out & (self.places.len() - 1)])
    }

    /// Takes the front out.
    #[inline]
    pub fn pop_front(&mut self) -> Option<T> {
        let front = self.front()?;
        self.drop_front();
        Some(front)
    }

    /// Forgets the front, which must be there.
    #[inline]
    pub(crate) fn drop_front(&mut self) {
        self.out = self.out.wrapping_add(1);
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.out = self.into;
    }

    /// Puts one in.
    #[inline]
    pub fn push_back(&mut self, item: T) {
        if self.len() == self.places.len() {
            self.grow();
        }
        self.places[self.into & (self.places.len() - 1)] = item;
        self.into = self.into.wrapping_add(1);
    }

    /// From the back to the front.
    pub(crate) fn backwards(&self) -> impl Iterator<Item = T> {
        (0..self.len()).map(|i| self.places[self.into.wrapping_sub(i + 1) & (self.places.len() - 1)])
    }

    /// Doubles the places.
    #[cold]
    fn grow(&mut self) {
        let mut places = vec![T::default(); self.places.len() * 2];
        for (place, item) in places.iter_mut().rev().zip(self.backwards()) {
            *place = item;
        }
        let count = self.len();
        (self.out, self.into) = (places.len() - count, places.len());
        self.places = places.into_boxed_slice();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_queue(steps in prop::collection::vec(prop::option::of(0u32..100), 0..200)) {
            let (mut ring, mut queue) = (Ring::new(), VecDeque::new());
            for step in steps {
                match step {
                    Some(item) => {
                        ring.push_back(item);
                        queue.push_back(item);
                    }
                    None if queue.pop_front().is_some() => ring.drop_front(),
                    None => {}
                }
                prop_assert_eq!(ring.len(), queue.len());
                prop_assert_eq!(ring.front(), queue.front().copied());
                prop_assert!(ring.backwards().eq(queue.iter().rev().copied()));
            }
        }
    }
}
