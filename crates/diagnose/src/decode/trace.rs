//! A recording of WAD's tracer: each flow with its counters.

use std::collections::BTreeMap;
use std::io::Read;

use wad_model::{Counter, Counters, Time};
use wad_trace::{FlowId, ReadError, Reader};

use crate::evidence::{Evidence, Source};

/// Reads all flows, in the order of their numbers, up to where the file is torn; also returns what was wrong with it.
/// Columns that are no counters are passed over.
pub fn read<R: Read>(reader: &mut Reader<R>) -> (Vec<Evidence>, Vec<ReadError>) {
    let columns: Vec<Vec<Option<Counter>>> = reader
        .header()
        .tables
        .iter()
        .map(|schema| schema.columns.iter().map(|column| column.name.parse().ok()).collect())
        .collect();
    let mut flows: BTreeMap<FlowId, Vec<Counters>> = BTreeMap::new();
    let mut faults = Vec::new();
    loop {
        let batch = match reader.next_batch() {
            Ok(None) => break,
            Ok(Some(batch)) => batch,
            Err(fault) => {
                faults.push(fault);
                continue;
            }
        };
        for block in &batch.blocks {
            let columns = &columns[block.table()];
            for (id, rows) in block.flows() {
                let samples = flows.entry(id).or_default();
                samples.extend(rows.map(|row| {
                    let values = columns
                        .iter()
                        .enumerate()
                        .map(|(place, counter)| Some(((*counter)?, block.value(row, place)?)));
                    let mut sample: Counters = values.flatten().collect();
                    sample.set(Counter::CurrTime, micros(block.time(row)));
                    sample
                }));
            }
        }
    }
    let flows = flows.into_iter().map(|(id, samples)| {
        let flow = reader.flows().get(&id);
        let label =
            |name: &str| flow?.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        Evidence {
            source: Source::Counters,
            flow: flow.map(|flow| flow.key),
            congestion_control: label("congestion_control"),
            samples,
            ..Evidence::default()
        }
    });
    (flows.collect(), faults)
}

fn micros(time: Time) -> u64 {
    time.as_nanos() / 1000
}
