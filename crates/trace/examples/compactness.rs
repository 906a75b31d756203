//! How compact a trace is, and how fast it is written and read:
//! `cargo run --release -p wad-trace --example compactness`.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    missing_docs,
    reason = "an example that prints; its numbers are far below the limits of their types"
)]

#[path = "../tests/support/made_up.rs"]
mod made_up;

use std::error::Error;
use std::time::Duration;

use made_up::{INTERVAL, MadeUp};
use wad_trace::{BatchLimits, Reader, Writer};

fn main() -> Result<(), Box<dyn Error>> {
    println!("flows  pauses  samples  batch of  B/sample  written/s  read/s  read/s, row by row");
    for (flows, pauses, ticks) in
        [(1, false, 20_000), (20, false, 5_000), (1000, false, 500), (1000, true, 500)]
    {
        measure(flows, pauses, ticks, BatchLimits::default())?;
    }
    for age in [1, 20, 60] {
        measure(20, false, 5_000, BatchLimits { age: Duration::from_secs(age), ..BatchLimits::default() })?;
    }
    Ok(())
}

fn measure(flows: usize, pauses: bool, ticks: u32, limits: BatchLimits) -> Result<(), Box<dyn Error>> {
    let header = made_up::header();
    let mut now = header.start.monotonic;
    let mut writer = Writer::new(Vec::new(), header)?.limits(limits);
    let mut made_up: Vec<_> = (0..flows).map(|seed| MadeUp::new(seed as u64, pauses)).collect();
    let ids: Vec<_> =
        (0..flows).map(|number| writer.open(made_up::flow(number, now))).collect::<Result<_, _>>()?;
    let mut writing = Duration::ZERO;
    for tick in 0..ticks {
        // The timer of a poll is late by some ten microseconds.
        now = now + INTERVAL + Duration::from_nanos(u64::from(tick) * 7919 % 60_000);
        let rows: Vec<_> = made_up.iter_mut().map(MadeUp::sample).collect();
        let begin = processor_time();
        for (id, row) in ids.iter().zip(rows) {
            writer.sample(0, *id, now, &row)?;
        }
        writing += processor_time() - begin;
    }
    let file = writer.finish()?;

    let samples = f64::from(ticks) * flows as f64;
    let (reading, by_row) = (best(|| read(&file)), best(|| read_by_row(&file)));
    println!(
        "{flows:5}  {pauses:6}  {samples:7}  {:6} s  {:8.1}  {:7.2} M  {:4.1} M  {:4.1} M",
        limits.age.as_secs(),
        file.len() as f64 / samples,
        samples / writing.as_secs_f64() / 1e6,
        samples / reading / 1e6,
        samples / by_row / 1e6,
    );
    Ok(())
}

/// Seconds of the fastest of some runs.
fn best(mut run: impl FnMut() -> u64) -> f64 {
    let runs = (0..5).map(|_| {
        let begin = processor_time();
        std::hint::black_box(run());
        (processor_time() - begin).as_secs_f64()
    });
    runs.fold(f64::INFINITY, f64::min)
}

/// What this thread has had of a processor: others use the machine too.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Column by column.
fn read(file: &[u8]) -> u64 {
    let mut reader = Reader::new(file).expect("a trace");
    let mut rows = 0;
    while let Some(batch) = reader.next_batch().expect("a trace") {
        rows += batch.blocks.iter().map(|block| block.rows() as u64).sum::<u64>();
        std::hint::black_box(batch);
    }
    rows
}

/// Every value of every row.
fn read_by_row(file: &[u8]) -> u64 {
    let mut reader = Reader::new(file).expect("a trace");
    let mut sum = 0u64;
    while let Some(batch) = reader.next_batch().expect("a trace") {
        for block in &batch.blocks {
            for row in 0..block.rows() {
                sum = block.row(row).fold(sum, |sum, value| sum.wrapping_add(value.unwrap_or(0)));
            }
        }
    }
    sum
}
