//! A receiver whose buffer has a limit, and whose application reads slowly.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use wad_sim::scenario::Conventions;
use wad_sim::{Content, FlowOutcome, Observer, Outcome, PacketEvent, PacketKind, Scenario, Simulation};

/// 40 ms and what a segment of 1500 B takes to be sent.
const ROUND_TRIP: f64 = 0.040_12;
const RECOVERIES: [&str; 6] = ["tahoe", "reno", "new_reno", "sack", "fack", "rack"];

/// 100 Mbit/s, 40 ms; what it reaches after 5 s.
fn scenario(flow: &str, path: &str) -> Scenario {
    let text = format!(
        r#"
        duration = "25 s"
        warm_up = "5 s"
        [topology.dumbbell.bottleneck]
        forward = {{ rate = "100 Mbit/s", delay = "20 ms", queue = {{ packets = 500 }} }}
        backward = {{ delay = "20 ms"{path} }}
        [[flow]]
        {flow}
        "#
    );
    Scenario::parse(&text).unwrap()
}

fn outcome(scenario: &Scenario) -> Outcome {
    Simulation::new(scenario).unwrap().run(&mut ())
}

fn run(flow: &str) -> FlowOutcome {
    outcome(&scenario(flow, "")).flows.swap_remove(0)
}

fn assert_near(found: f64, expected: f64, what: &str) {
    assert!((found / expected - 1.0).abs() < 0.01, "{what}: {found} instead of {expected}");
}

#[test]
fn goodput_is_the_smaller_of_the_read_rate_and_buffer_over_round_trip() {
    for conventions in [Conventions::Linux, Conventions::Ns2] {
        for (buffer, mbps) in [(40, 3.0), (40, 60.0), (200, 10.0), (200, 90.0), (10, 1.0)] {
            for delayed in ["none", "rfc", "linux"] {
                let flow = format!(
                    "segment = \"1448 B\"\ndelayed_ack = \"{delayed}\"\nreceive_buffer = \"{buffer} segments\"\n\
                     read_rate = \"{mbps} Mbit/s\"\ncontrol = \"reno\""
                );
                let scenario = Scenario { conventions, ..scenario(&flow, "") };
                let flow = outcome(&scenario).flows.swap_remove(0);
                let by_buffer = f64::from(buffer) * 1448.0 * 8.0 / ROUND_TRIP;
                let what = format!("{conventions:?}, {delayed} ACKs, {buffer} segments, {mbps} Mbit/s");
                assert_near(flow.goodput_bps, by_buffer.min(mbps * 1e6), &what);
                assert_eq!(flow.retransmitted_segments, 0, "{what}");
            }
        }
    }
}

/// Either alone is a limit, too: what is read at once leaves the buffer open, and a window is the buffer where none is given.
#[test]
fn each_limit_counts_on_its_own() {
    let buffer = run("receive_buffer = \"100 segments\"");
    assert_near(buffer.goodput_bps, 100.0 * 1448.0 * 8.0 / ROUND_TRIP, "a buffer");
    let window = run("window = \"100 segments\"");
    assert!((buffer.goodput_bps / window.goodput_bps - 1.0).abs() < 1e-3, "as a window of that size");
    let reader = run("window = \"100 segments\"\nread_rate = \"5 Mbit/s\"");
    assert_near(reader.goodput_bps, 5e6, "a reader behind a window");
    assert!(reader.sent_bps < 5.3e6, "the sender waits: {reader:?}");
    // What is not on its way in those 40 ms waits to be read.
    let waits = reader.receive_buffer.unwrap().largest_bytes / 1448;
    assert!((82..=84).contains(&waits), "{reader:?}");
}

/// Without any limit of the buffer nothing tells the sender to wait: TCP delivers more than is read.
#[test]
fn goodput_is_what_was_read_and_the_level_of_tcp_what_was_delivered() {
    let flow = run("read_rate = \"5 Mbit/s\"");
    assert_near(flow.goodput_bps, 5e6, "the application");
    assert_near(flow.tcp_goodput_bps, 100e6, "TCP");
    assert!(flow.receive_buffer.unwrap().left_bytes > 200_000_000, "{flow:?}");
}

/// A buffer of one segment that is read in 116 ms: each segment is followed by an update, and when that is lost nothing is in
/// flight that a time-out could repeat.
#[test]
fn a_lost_window_update_stops_nobody() {
    for recovery in RECOVERIES {
        let flow = format!(
            "recovery = \"{recovery}\"\nreceive_buffer = \"1 segments\"\nread_rate = \"100 kbit/s\"\ndelayed_ack = \"none\""
        );
        let whole = outcome(&scenario(&flow, ""));
        assert_eq!(whole.flows[0].receive_buffer.unwrap().window_probes, 0, "{recovery}");
        // ACK of the SYN, then for each segment one that closes the window, and one that opens it.
        let lossy = outcome(&scenario(&flow, ", loss = { list = { packets = [2, 5, 12, 25] } }"));
        let (whole, lossy) = (&whole.flows[0], &lossy.flows[0]);
        assert!(lossy.receive_buffer.unwrap().window_probes > 0, "{recovery}: {lossy:?}");
        assert_near(lossy.goodput_bps, whole.goodput_bps, recovery);
    }
}

/// An ACK for the window alone is no duplicate (RFC 5681, 2), and there are not many.
#[test]
fn window_updates_are_few_and_no_sign_of_loss() {
    #[derive(Default)]
    struct Acks(u64);
    impl Observer for Acks {
        const PACKETS: bool = true;
        fn on_packet(&mut self, _: wad_model::Time, packet: &PacketEvent) {
            self.0 += u64::from(
                packet.kind == PacketKind::Received && matches!(packet.content, Content::Ack { .. }),
            );
        }
    }
    for recovery in RECOVERIES {
        let acks = |more: &str| {
            let flow = format!("recovery = \"{recovery}\"\ndelayed_ack = \"rfc\"\n{more}");
            let mut acks = Acks::default();
            let outcome = Simulation::new(&scenario(&flow, "")).unwrap().run(&mut acks);
            assert_eq!(outcome.flows[0].retransmitted_segments, 0, "{recovery}");
            (acks.0, outcome.flows[0].sent_segments)
        };
        let (plain, _) = acks("window = \"100 segments\"");
        let (at_once, _) = acks("receive_buffer = \"100 segments\"");
        assert!(at_once.abs_diff(plain) * 100 < plain, "{recovery}: {at_once} and {plain} ACKs");
        for rate in [4, 80] {
            let (read, segments) = acks(&format!("window = \"100 segments\"\nread_rate = \"{rate} Mbit/s\""));
            assert!(read * 100 < segments * 125, "{recovery}: {read} ACKs of {segments} segments");
        }
    }
}

/// Losses while the window is small are repaired, and the reader still gets what it can read.
#[test]
fn losses_and_a_slow_reader_go_together() {
    for recovery in RECOVERIES {
        let flow =
            format!("recovery = \"{recovery}\"\nreceive_buffer = \"60 segments\"\nread_rate = \"4 Mbit/s\"");
        let mut scenario = scenario(&flow, ", loss = { random = { probability = 0.1 } }");
        scenario.conventions = Conventions::Linux;
        let flow = &outcome(&scenario).flows[0];
        assert!(flow.goodput_bps > 0.9 * 4e6, "{recovery}: {flow:?}");
    }
}

#[test]
fn a_reader_that_never_reads_is_refused() {
    let fault = |text: &str| Scenario::parse(&format!("[[flow]]\n{text}")).unwrap_err().to_string();
    assert!(
        fault("read_rate = \"0 bit/s\"").starts_with("flow 1: read_rate = \"0 bit/s\": give a rate above 0")
    );
    assert!(fault("receive_buffer = \"1000 B\"").contains("must hold a segment"));
}
