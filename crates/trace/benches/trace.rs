//! Samples a second, written and read.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

#[path = "../tests/support/made_up.rs"]
mod made_up;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use made_up::{INTERVAL, MadeUp};
use wad_trace::{Reader, Writer};

const FLOWS: usize = 100;
const TICKS: usize = 200;

fn trace(c: &mut Criterion) {
    let rows = rows();
    let mut group = c.benchmark_group("trace of 40 counters");
    group.throughput(Throughput::Elements((FLOWS * TICKS) as u64));
    group.bench_function("write", |b| b.iter(|| write(black_box(&rows))));
    let file = write(&rows);
    group.bench_function("read", |b| b.iter(|| read(black_box(&file), None)));
    group.bench_function("read three columns", |b| b.iter(|| read(black_box(&file), Some(&[5, 10, 14]))));
    group.finish();
}

type Tick = Vec<[Option<u64>; 40]>;

fn rows() -> Vec<Tick> {
    let mut flows: Vec<_> = (0..FLOWS).map(|seed| MadeUp::new(seed as u64, false)).collect();
    (0..TICKS).map(|_| flows.iter_mut().map(MadeUp::sample).collect()).collect()
}

fn write(ticks: &[Tick]) -> Vec<u8> {
    let header = made_up::header();
    let mut now = header.start.monotonic;
    let mut writer = Writer::new(Vec::new(), header).expect("a header");
    let ids: Vec<_> =
        (0..FLOWS).map(|number| writer.open(made_up::flow(number, now)).expect("a flow")).collect();
    for tick in ticks {
        now = now + INTERVAL;
        for (id, row) in ids.iter().zip(tick) {
            writer.sample(0, *id, now, row).expect("a row");
        }
    }
    writer.finish().expect("a file")
}

fn read(file: &[u8], columns: Option<&[usize]>) {
    let mut reader = Reader::new(file).expect("a trace");
    if let Some(columns) = columns {
        reader.only(0, columns);
    }
    while let Some(batch) = reader.next_batch().expect("a batch") {
        black_box(batch);
    }
}

criterion_group!(benches, trace);
criterion_main!(benches);
