//! Which designated flows are open: pure bookkeeping over the kernel's records.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use wad_linux::{NO_PATH, Record, RecordKind, SocketState};
use wad_model::Time;

/// The flows that are open, as far as the daemon knows.
#[derive(Debug, Default)]
pub struct FlowTable {
    open: HashMap<u64, Record>,
    /// Flows that a predecessor has counted and that nothing has been heard of since, as they were before.
    inherited: HashMap<u64, Option<SocketState>>,
    opened: u64,
    closed: u64,
}

/// What a record means.
#[derive(Debug)]
pub enum FlowEvent {
    /// A flow opened.
    Opened(Record),
    /// A flow closed; the record has its final counters.
    Closed(Record),
}

impl FlowTable {
    /// Takes a record of the ring. A flow whose opening record was lost is reported by its closing one, if that says
    /// of which path it was; an opening record of a flow that a resynchronisation has found says nothing new.
    pub fn handle_record(&mut self, record: Record) -> Option<FlowEvent> {
        match record.kind {
            RecordKind::Open => self.insert(record.clone()).then_some(FlowEvent::Opened(record)),
            RecordKind::Close => self.close(record).map(FlowEvent::Closed),
            RecordKind::Sample | RecordKind::Stranger | RecordKind::Applied => None,
        }
    }

    /// Takes a flow after an order was carried out; whether it is one that was adopted just now. What a known flow
    /// was before it was first tuned, and what its open was, stays. One that is not known and opened by itself is left
    /// to its opening record, which is on its way.
    pub fn handle_applied(&mut self, record: Record) -> bool {
        match self.open.entry(record.cookie) {
            Entry::Occupied(mut known) => {
                let Record { before, opened, direction, adopted, .. } = known.get().clone();
                let before = before.or_else(|| record.before.clone());
                known.insert(Record { before, opened, direction, adopted, ..record });
                false
            }
            Entry::Vacant(place) if record.adopted => {
                place.insert(record);
                self.opened += 1;
                true
            }
            Entry::Vacant(_) => false,
        }
    }

    /// A flow that is followed no longer: it runs on, as it was before.
    pub fn release(&mut self, cookie: u64) {
        self.open.remove(&cookie);
    }

    /// An open flow.
    #[must_use]
    pub fn find_open(&self, cookie: u64) -> Option<&Record> {
        self.open.get(&cookie)
    }

    /// The open flows, in no order.
    pub fn flows(&self) -> impl Iterator<Item = &Record> {
        self.open.values()
    }

    /// Goes on where a predecessor was: with its counts, and with the flows that it knew to be open, each as it was
    /// before it was tuned.
    pub fn inherit(
        &mut self,
        opened: u64,
        closed: u64,
        flows: impl IntoIterator<Item = (u64, Option<SocketState>)>,
    ) {
        self.opened = opened;
        self.closed = closed;
        self.inherited = flows.into_iter().collect();
    }

    /// Takes in those flows of the predecessor that the kernel still has. Records are on their way of the others, and
    /// of flows that it did not know.
    pub fn find_inherited(&mut self, sample: &[Record]) {
        for record in sample {
            if let Some(before) = self.inherited.remove(&record.cookie) {
                self.open.insert(record.cookie, Record { before, ..record.clone() });
            }
        }
    }

    /// The first half of a resynchronisation after records were lost: takes in all flows that the
    /// kernel has, and returns those that were not known.
    pub fn find(&mut self, sample: &[Record]) -> Vec<Record> {
        sample.iter().filter(|record| self.insert((*record).clone())).cloned().collect()
    }

    /// The second half: forgets the flows that `sample` no longer had and that no record closed.
    /// Their final counters are lost. Returns them.
    ///
    /// `begun` is when the kernel was asked for the sample: a flow that opened later may be missing
    /// from it. Call this when all records have been handled that were in the ring *after* the sample
    /// was taken; otherwise a flow would count as gone whose closing record is still to come.
    pub fn forget(&mut self, sample: &[Record], begun: Time) -> Vec<Record> {
        let alive: HashSet<u64> = sample.iter().map(|record| record.cookie).collect();
        let is_gone = |cookie: &u64, record: &mut Record| record.opened < begun && !alive.contains(cookie);
        let gone: Vec<Record> = self.open.extract_if(is_gone).map(|(_, record)| record).collect();
        self.closed += (gone.len() + std::mem::take(&mut self.inherited).len()) as u64;
        gone
    }

    /// How many flows are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// How many flows have opened since the start.
    #[must_use]
    pub const fn opened(&self) -> u64 {
        self.opened
    }

    /// How many flows have closed since the start.
    #[must_use]
    pub const fn closed(&self) -> u64 {
        self.closed
    }

    /// The closing record, with what only the opening one said; `None` if it is of a flow that nobody knows.
    fn close(&mut self, record: Record) -> Option<Record> {
        let closed = if let Some(opening) = self.open.remove(&record.cookie) {
            record.completed_by(opening)
        } else if let Some(before) = self.inherited.remove(&record.cookie) {
            Record { before, ..record }
        } else if record.path == NO_PATH {
            return None;
        } else {
            self.opened += 1;
            record
        };
        self.closed += 1;
        Some(closed)
    }

    /// Whether the flow was not known.
    fn insert(&mut self, record: Record) -> bool {
        let Entry::Vacant(place) = self.open.entry(record.cookie) else { return false };
        place.insert(record);
        self.opened += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;

    fn of(kind: RecordKind, cookie: u64) -> Record {
        Record { kind, cookie, ..record() }
    }

    #[test]
    fn a_flow_opens_and_closes_once() {
        let mut table = FlowTable::default();
        assert!(matches!(table.handle_record(of(RecordKind::Open, 1)), Some(FlowEvent::Opened(_))));
        assert_eq!(table.open(), 1);
        assert!(matches!(table.handle_record(of(RecordKind::Close, 1)), Some(FlowEvent::Closed(_))));
        assert_eq!((table.open(), table.opened(), table.closed()), (0, 1, 1));
    }

    #[test]
    fn a_close_whose_open_was_lost_is_reported_all_the_same() {
        let mut table = FlowTable::default();
        assert!(matches!(table.handle_record(of(RecordKind::Close, 1)), Some(FlowEvent::Closed(_))));
        assert_eq!((table.opened(), table.closed()), (1, 1));
    }

    #[test]
    fn a_flow_that_the_kernel_has_forgotten_is_closed_by_what_its_opening_record_said() {
        let mut table = FlowTable::default();
        let forgotten =
            || Record { path: NO_PATH, opened: Time::ZERO, before: None, ..of(RecordKind::Close, 1) };
        assert!(table.handle_record(forgotten()).is_none(), "nobody has opened it");
        let opening = of(RecordKind::Open, 1);
        table.handle_record(opening.clone());
        let Some(FlowEvent::Closed(closed)) = table.handle_record(forgotten()) else { panic!("it closed") };
        assert_eq!(
            (closed.path, closed.opened, closed.before),
            (opening.path, opening.opened, opening.before)
        );
        assert_eq!((table.opened(), table.closed()), (1, 1));
    }

    #[test]
    fn a_flow_that_ran_is_adopted_and_one_that_has_just_opened_is_not() {
        let mut table = FlowTable::default();
        assert!(table.handle_applied(Record { adopted: true, ..of(RecordKind::Applied, 1) }));
        assert!(!table.handle_applied(of(RecordKind::Applied, 2)));
        assert!(matches!(table.handle_record(of(RecordKind::Open, 2)), Some(FlowEvent::Opened(_))));
        assert_eq!((table.open(), table.opened()), (2, 2));
    }

    #[test]
    fn flows_of_a_predecessor_are_counted_once() {
        let mut table = FlowTable::default();
        let before = || record().before;
        table.inherit(10, 7, [(1, before()), (2, before()), (3, None)]);
        table.find_inherited(&[of(RecordKind::Sample, 1), of(RecordKind::Sample, 4)]);
        assert!(table.handle_record(of(RecordKind::Open, 4)).is_some(), "the predecessor had not read it");
        let Some(FlowEvent::Closed(closed)) =
            table.handle_record(Record { before: None, ..of(RecordKind::Close, 2) })
        else {
            panic!("it closed in between");
        };
        assert_eq!(closed.before, before());
        assert_eq!((table.open(), table.opened(), table.closed()), (2, 11, 8));
        table.forget(&[of(RecordKind::Sample, 1), of(RecordKind::Sample, 4)], Time::from_nanos(u64::MAX));
        assert_eq!((table.open(), table.closed()), (2, 9), "the third one's closing record was lost");
    }

    /// A flow that opened so many nanoseconds after the clock's origin.
    fn opened_at(nanos: u64, cookie: u64) -> Record {
        Record { opened: Time::from_nanos(nanos), ..of(RecordKind::Open, cookie) }
    }

    fn cookies(records: &[Record]) -> Vec<u64> {
        records.iter().map(|record| record.cookie).collect()
    }

    #[test]
    fn a_resynchronisation_finds_what_was_lost() {
        let mut table = FlowTable::default();
        table.handle_record(opened_at(1, 1));
        table.handle_record(opened_at(2, 2));
        let sample = [of(RecordKind::Sample, 2), of(RecordKind::Sample, 3)];
        assert_eq!(cookies(&table.find(&sample)), [3]);
        assert_eq!(cookies(&table.forget(&sample, Time::from_nanos(10))), [1]);
        assert_eq!((table.open(), table.opened(), table.closed()), (2, 3, 1));
        assert!(table.handle_record(of(RecordKind::Open, 3)).is_none(), "known already");
    }

    #[test]
    fn a_flow_that_closes_while_the_kernel_is_asked_is_closed_once() {
        let mut table = FlowTable::default();
        let sample = [of(RecordKind::Sample, 1)];
        assert_eq!(cookies(&table.find(&sample)), [1]);
        assert!(matches!(table.handle_record(of(RecordKind::Close, 1)), Some(FlowEvent::Closed(_))));
        assert!(table.forget(&sample, Time::from_nanos(10)).is_empty());
        assert_eq!((table.open(), table.opened(), table.closed()), (0, 1, 1));
    }

    #[test]
    fn a_flow_that_opens_while_the_kernel_is_asked_is_not_gone() {
        let mut table = FlowTable::default();
        table.find(&[]);
        table.handle_record(opened_at(11, 1));
        assert!(table.forget(&[], Time::from_nanos(10)).is_empty());
        assert_eq!((table.open(), table.opened(), table.closed()), (1, 1, 0));
    }
}
