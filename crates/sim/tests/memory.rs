//! What a packet in flight and a flow cost in memory: the most that is allocated at a time, counted by the allocator.
//!
//! `cargo test -p wad-sim --test memory -- --nocapture` prints the figures.

#![allow(unsafe_code, reason = "an allocator that counts")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "figures that documents quote")]
#![allow(clippy::cast_precision_loss, reason = "bytes of a run are far below 2^53")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use wad_sim::{Scenario, Simulation};

struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is done by the system's allocator; what is added touches no memory of its own.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MOST.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        NOW.fetch_sub(layout.size(), Relaxed);
        MOST.fetch_max(NOW.fetch_add(size, Relaxed) + size, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The most that a run has allocated at a time, in bytes, and what it acknowledged, in segments.
fn run(scenario: &str) -> (usize, u64) {
    let scenario = Scenario::parse(scenario).unwrap();
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    let outcome = Simulation::new(&scenario).unwrap().run(&mut ());
    let most = MOST.load(Relaxed) - before;
    (most, outcome.flows.iter().map(|flow| flow.acked_segments).sum())
}

/// A flow whose window is always in flight, as a burst that waits at the first link.
fn window(segments: u32, loss: f64, rest: &str) -> String {
    format!(
        r#"
        duration = "6 s"
        [topology.dumbbell]
        bottleneck = {{ forward = {{ rate = "100 Gbit/s", delay = "200 ms", loss = {{ random = {{ probability = {loss} }} }} }} }}
        access = {{ rate = "100 Gbit/s", delay = "1 ms" }}
        [[flow]]
        window = "{segments} segments"
        initial_window = "{segments} segments"
        {rest}
        "#
    )
}

/// Flows with a segment in flight each, whose round trips are all alike: a histogram takes 4 bytes for each 0.8 % between
/// the least and the largest.
fn flows(count: u32, rest: &str) -> String {
    format!(
        r#"
        duration = "2 s"
        [topology.dumbbell]
        bottleneck = {{ forward = {{ rate = "100 Gbit/s", delay = "20 ms" }} }}
        access = {{ rate = "100 Gbit/s", delay = "1 ms" }}
        [[flow]]
        count = {count}
        window = "1 segments"
        delayed_ack = "none"
        {rest}
        "#
    )
}

#[test]
fn a_packet_in_flight_takes_less_than_64_bytes_and_a_flow_less_than_2_kb() {
    let kinds = [
        ("NewReno", "control = \"reno\"\nrecovery = \"new_reno\""),
        ("cubic, RFC 6675", "control = \"cubic\"\nrecovery = \"sack\""),
        ("cubic, RACK", "control = \"cubic\""),
        ("bbr1, RACK", "control = \"bbr1\""),
        ("bbr3, RACK", "control = \"bbr3\""),
        ("wad, RACK", "control = \"wad\""),
        ("dctcp, RACK", "control = \"dctcp\""),
    ];
    println!("| | bytes for a packet in flight, least and most | bytes for a flow |\n|---|---|---|");
    for (name, rest) in kinds {
        let each_acked = format!("delayed_ack = \"none\"\n{rest}");
        let each =
            [(0.0, rest), (0.0, &each_acked), (0.001, rest), (0.01, &each_acked)].map(|(loss, rest)| {
                let (few, _) = run(&window(1000, loss, rest));
                [30_000, 50_000, 65_000, 66_000, 100_000].map(|segments| {
                    let (many, acked) = run(&window(segments, loss, rest));
                    assert!(
                        loss > 0.0 || acked > u64::from(segments) * 8,
                        "{name}: {acked} of a window of {segments}"
                    );
                    (many - few) as f64 / f64::from(segments - 1000)
                })
            });
        let each = each.as_flattened().iter().copied();
        let (least, most) = (each.clone().fold(f64::MAX, f64::min), each.fold(0.0, f64::max));
        let (one, _) = run(&flows(1, rest));
        let (many, _) = run(&flows(2001, rest));
        let flow = (many - one) / 2000;
        println!("| {name} | {least:.0} to {most:.0} | {flow} |");
        assert!(most < 64.0, "{name}: {most} bytes for a packet in flight");
        assert!(flow < 2000, "{name}: {flow} bytes for a flow");
    }
}
