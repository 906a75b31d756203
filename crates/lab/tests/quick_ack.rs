//! What the metric `quickack` of a route does to the receiver of a transfer. Needs root.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use common::{pattern, testbed, transfer};
use wad_lab::{Mode, Testbed};
use wad_linux::{Namespace, Prefix, QuickAckRoute};

/// A segment every 3 ms: a receiver that does not get the processor at once still sees most segments one by one.
const PATH: &str = "forward = { rate = \"4 Mbit/s\", delay = \"5 ms\" }\nbackward = { rate = \"4 Mbit/s\", delay = \"5 ms\" }";
const TRIES: usize = 5;

/// By itself a receiver acknowledges every second segment. Segments that arrive while it has no processor are taken in
/// together, with or without the metric: so a busy machine may have more than one try.
#[test]
fn each_segment_is_acknowledged() {
    for v6 in [false, true] {
        let mut seen = Vec::new();
        let shown = (0..TRIES).any(|_| {
            let (_, without) = packets(v6, false);
            let (data, with) = packets(v6, true);
            seen.push((data, without, with));
            with * 4 > data * 3 && with * 4 > without * 5
        });
        assert!(shown, "segments, acknowledgements without and with the metric: {seen:?}");
    }
}

/// Packets forward and backward of a transfer.
fn packets(v6: bool, quick: bool) -> (u64, u64) {
    let testbed = testbed(Mode::Plain, PATH);
    if quick {
        acknowledge_at_once(&testbed, v6);
    }
    let data = pattern(300_000);
    assert!(transfer(&testbed, v6, &data) == data);
    let report = testbed.finish().unwrap();
    (report.forward.direction.link.entered_packets, report.backward.direction.link.entered_packets)
}

fn acknowledge_at_once(testbed: &Testbed, v6: bool) {
    let descriptor = testbed.right().namespace().try_clone().unwrap().into();
    let namespace = Namespace::new(descriptor).unwrap();
    let address = common::address(testbed.left(), v6);
    let length = if v6 { 128 } else { 32 };
    QuickAckRoute::new(&namespace, Prefix { address, length }).add().unwrap();
}
