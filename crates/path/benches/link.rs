//! Packets a second through one link: each enters, and what is due by then is polled.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wad_model::{Bytes, Time};
use wad_path::{Link, LinkConfig};

const PACKETS: u64 = 100_000;

/// 1500 bytes at 622 Mbit/s take 19.3 us: entering every 19 us keeps a queue, and now and then fills it.
const GAP_NANOS: u64 = 19_000;

const LINE: &str = "rate = \"622 Mbit/s\"\ndelay = \"35 ms\"\nqueue = { packets = 300 }\n";

const KINDS: [(&str, &str); 8] = [
    ("plain", ""),
    ("red", "discipline = { red = { min = 50, max = 150 } }"),
    ("codel", "discipline = { codel = {} }"),
    ("fq_codel", "discipline = { fq_codel = {} }"),
    ("schedule", "schedule = { steps = [{ at = \"1 s\", rate = \"600 Mbit/s\" }], repeat = \"2 s\" }"),
    (
        "lossy",
        "loss = { gilbert_elliott = { good_to_bad = 1e-4, bad_to_good = 0.1, loss_good = 1e-5, loss_bad = 0.5 } }",
    ),
    ("reordering", "reordering = { probability = 0.01, depth = 5 }"),
    (
        "jitter that reorders",
        "jitter = { mean = \"1 ms\", spread = \"200 us\", distribution = \"normal\", reorder = true }",
    ),
];

fn link(c: &mut Criterion) {
    let mut group = c.benchmark_group("link");
    group.throughput(Throughput::Elements(PACKETS));
    for (name, stage) in KINDS {
        let config: LinkConfig = toml::from_str(&format!("{LINE}{stage}")).expect("a valid configuration");
        group.bench_function(name, |b| {
            let mut link = Link::new(&config, 1);
            let mut now = Time::ZERO;
            b.iter(|| now = carry(&mut link, now));
        });
    }
    group.finish();
}

/// Sends packets from `now` on; returns when the next is due.
fn carry(link: &mut Link<u32>, mut now: Time) -> Time {
    for _ in 0..PACKETS {
        link.handle_packet(now, Bytes::new(1500), 7);
        while let Some(delivery) = link.poll_transmit(now) {
            black_box(delivery);
        }
        now = Time::from_nanos(now.as_nanos() + GAP_NANOS);
    }
    now
}

criterion_group!(benches, link);
criterion_main!(benches);
