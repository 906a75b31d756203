//! A queue that most flows never use.

use std::collections::VecDeque;

use crate::tcp::push_tightly;

/// First in, first out. It takes the room of a pointer until something is put in.
#[derive(Clone, Debug)]
#[expect(clippy::box_collection, reason = "every flow has it, few use it")]
pub(crate) struct RareQueue<T>(Option<Box<VecDeque<T>>>);

impl<T> Default for RareQueue<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Copy> RareQueue<T> {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.front().is_none()
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<T> {
        self.0.as_ref()?.front().copied()
    }

    pub(crate) fn push_back(&mut self, item: T) {
        push_tightly(self.0.get_or_insert_default(), item);
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.0.as_mut()?.pop_front()
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        if let Some(queue) = &mut self.0 {
            queue.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_first_comes_out_first() {
        let mut queue = RareQueue::default();
        assert_eq!((queue.is_empty(), queue.pop_front()), (true, None));
        (1..4).for_each(|i| queue.push_back(i));
        assert_eq!((queue.pop_front(), queue.front(), queue.is_empty()), (Some(1), Some(2), false));
        queue.clear();
        assert_eq!((queue.front(), size_of::<RareQueue<u64>>()), (None, size_of::<usize>()));
    }
}
