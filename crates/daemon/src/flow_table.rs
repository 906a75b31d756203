//! Which designated flows are open: pure bookkeeping over the kernel's records.

use std::collections::HashMap;

use wad_linux::{Record, RecordKind};

/// The flows that are open, as far as the daemon knows.
#[derive(Debug, Default)]
pub struct FlowTable {
    open: HashMap<u64, Record>,
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

/// What the flow table had missed.
#[derive(Debug, Default)]
pub struct Resync {
    /// Flows that are open and were not known.
    pub found: Vec<Record>,
    /// Flows that were known and are gone; their final counters are lost.
    pub gone: Vec<Record>,
}

impl FlowTable {
    /// Takes a record of the ring. A flow whose opening record was lost is reported by its closing
    /// one; an opening record of a flow that a resynchronisation has found says nothing new.
    pub fn handle_record(&mut self, record: Record) -> Option<FlowEvent> {
        match record.kind {
            RecordKind::Open => self.insert(record.clone()).then_some(FlowEvent::Opened(record)),
            RecordKind::Close => Some(FlowEvent::Closed(self.close(record))),
            RecordKind::Sample => None,
        }
    }

    /// Compares the table with all flows that the kernel has, after records were lost.
    ///
    /// Call it when the ring has been emptied *after* `sample` was taken; otherwise a flow that
    /// closed in between would count as gone though its record is still to come.
    pub fn resynchronise(&mut self, sample: Vec<Record>) -> Resync {
        let mut resync = Resync::default();
        let alive: HashMap<u64, Record> = sample.into_iter().map(|record| (record.cookie, record)).collect();
        let gone: Vec<u64> = self.open.keys().copied().filter(|cookie| !alive.contains_key(cookie)).collect();
        resync.gone.extend(gone.iter().filter_map(|cookie| self.open.remove(cookie)));
        self.closed += gone.len() as u64;
        for record in alive.into_values() {
            if self.insert(record.clone()) {
                resync.found.push(record);
            }
        }
        resync
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

    /// The closing record, with what only the opening one said.
    fn close(&mut self, record: Record) -> Record {
        self.closed += 1;
        match self.open.remove(&record.cookie) {
            Some(opened) => Record { before: opened.before, ..record },
            None => {
                self.opened += 1;
                record
            }
        }
    }

    fn insert(&mut self, record: Record) -> bool {
        let new = self.open.insert(record.cookie, record).is_none();
        self.opened += u64::from(new);
        new
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
    fn a_resynchronisation_finds_what_was_lost() {
        let mut table = FlowTable::default();
        table.handle_record(of(RecordKind::Open, 1));
        table.handle_record(of(RecordKind::Open, 2));
        let resync = table.resynchronise(vec![of(RecordKind::Sample, 2), of(RecordKind::Sample, 3)]);
        assert_eq!(resync.gone.iter().map(|record| record.cookie).collect::<Vec<_>>(), [1]);
        assert_eq!(resync.found.iter().map(|record| record.cookie).collect::<Vec<_>>(), [3]);
        assert_eq!((table.open(), table.opened(), table.closed()), (2, 3, 1));
        assert!(table.handle_record(of(RecordKind::Open, 3)).is_none(), "known already");
    }
}
