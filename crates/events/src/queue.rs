//! What waits for a consumer: bounded by its bytes, with the gaps that the bound has made.

use std::collections::VecDeque;

use wad_model::Timestamp;

/// What a message takes beside its bytes.
const OVERHEAD: usize = 32;

/// Messages in their order. Where the queue was full a gap stands in the place of what is missing.
#[derive(Debug)]
pub(crate) struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
    capacity: usize,
    /// Behind the last item.
    gap: Option<Gap>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Message(Vec<u8>),
    Gap(Gap),
}

/// Events that are missing in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) count: u64,
    /// The times of the first and of the last of them.
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Queue {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { items: VecDeque::new(), bytes: 0, capacity, gap: None }
    }

    /// Whether the next event will be missed.
    pub(crate) const fn is_full(&self) -> bool {
        self.bytes >= self.capacity
    }

    /// Takes a message. The one that fills the queue may go beyond its bound.
    pub(crate) fn push(&mut self, message: Vec<u8>) {
        if let Some(gap) = self.gap.take() {
            self.items.push_back(Item::Gap(gap));
        }
        self.bytes += message.len() + OVERHEAD;
        self.items.push_back(Item::Message(message));
    }

    /// Counts an event of this time that finds no room.
    pub(crate) fn miss(&mut self, time: Timestamp) {
        let gap = self.gap.get_or_insert(Gap { count: 0, first: time, last: time });
        gap.count += 1;
        gap.last = time;
    }

    /// What comes next; of a gap its whole count up to now.
    pub(crate) fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front().or_else(|| self.gap.take().map(Item::Gap))?;
        if let Item::Message(message) = &item {
            self.bytes -= message.len() + OVERHEAD;
        }
        Some(item)
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, Item::Message(_))).count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.gap.is_none()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes and goes: what comes out is what went in, in its order, and each gap is where it belongs and
        /// counts what is missing there.
        #[test]
        fn nothing_is_lost_uncounted(capacity in 0..500_usize, steps in prop::collection::vec(any::<bool>(), 0..300)) {
            let mut queue = Queue::new(capacity);
            let (mut pushed, mut next) = (0_u64, 0_u64);
            let mut take = |queue: &mut Queue| -> Result<bool, TestCaseError> {
                match queue.pop() {
                    Some(Item::Message(message)) => {
                        prop_assert_eq!(message, next.to_be_bytes().to_vec());
                        next += 1;
                    }
                    Some(Item::Gap(gap)) => {
                        let first = i64::try_from(next).unwrap();
                        prop_assert_eq!(gap.first, Timestamp::from_nanos(first));
                        next += gap.count;
                        prop_assert_eq!(gap.last, Timestamp::from_nanos(i64::try_from(next - 1).unwrap()));
                    }
                    None => return Ok(false),
                }
                Ok(true)
            };
            for push in steps {
                if push {
                    if queue.is_full() {
                        queue.miss(Timestamp::from_nanos(i64::try_from(pushed).unwrap()));
                    } else {
                        queue.push(pushed.to_be_bytes().to_vec());
                    }
                    pushed += 1;
                } else {
                    take(&mut queue)?;
                }
                prop_assert!(queue.bytes() < capacity + 8 + OVERHEAD);
            }
            while take(&mut queue)? {}
            prop_assert_eq!(next, pushed);
            prop_assert_eq!((queue.bytes(), queue.len()), (0, 0));
        }
    }
}
