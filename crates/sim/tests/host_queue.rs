//! The host's transmission queue: what a sender does that finds it full.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use wad_sim::{Outcome, Scenario, Simulation};

/// A path as Net100 met it: the host's own interface is the bottleneck, and slow start fills its queue.
fn run(recovery: &str, queue: &str) -> Outcome {
    let text = format!(
        r#"
        duration = "20 s"
        [topology.dumbbell]
        bottleneck = {{ forward = {{ rate = "1 Gbit/s", delay = "40 ms" }} }}
        access = {{ rate = "100 Mbit/s" }}
        [[flow]]
        recovery = "{recovery}"
        window = "2000 segments"
        {queue}
        "#
    );
    Simulation::new(&Scenario::parse(&text).unwrap()).unwrap().run(&mut ())
}

fn longest_queue(outcome: &Outcome) -> u64 {
    outcome.links.iter().find(|link| link.name == "left1-r1").unwrap().queue_max_packets
}

#[test]
fn a_sender_that_waits_loses_nothing_and_keeps_its_window() {
    for recovery in ["tahoe", "reno", "new_reno", "sack", "fack", "rack"] {
        let outcome = run(recovery, "transmission_queue = { packets = 50 }");
        let flow = &outcome.flows[0];
        assert!(flow.send_stalls > 0 && longest_queue(&outcome) <= 50, "{recovery}: {flow:?}");
        assert_eq!(
            (flow.congestion_events, flow.timeouts, flow.retransmitted_segments),
            (0, 0, 0),
            "{recovery}"
        );
        assert!(flow.goodput_bps > 90e6, "{recovery}: {flow:?}");
    }
}

/// The "send stall" that Web100 counts: the window comes down, and nothing was lost.
#[test]
fn a_sender_that_takes_it_for_congestion_comes_down() {
    for recovery in ["reno", "new_reno", "sack", "fack", "rack"] {
        let outcome = run(recovery, "transmission_queue = { packets = 50, when_full = \"reduce\" }");
        let flow = &outcome.flows[0];
        assert!(flow.send_stalls > 0 && flow.congestion_events > 0, "{recovery}: {flow:?}");
        assert_eq!((flow.timeouts, flow.retransmitted_segments), (0, 0), "{recovery}");
        assert!(longest_queue(&outcome) <= 50, "{recovery}");
        assert!(flow.goodput_bps < 90e6, "{recovery}: {flow:?}");
        assert!(flow.goodput_bps > 20e6, "{recovery}: {flow:?}");
    }
}

/// The flows of a host share it; one that finds it full of the other's packets does not wait for ever.
#[test]
fn flows_of_a_host_share_the_queue() {
    for when_full in ["wait", "reduce"] {
        let queue = format!("count = 4\ntransmission_queue = {{ packets = 5, when_full = \"{when_full}\" }}");
        let outcome = run("rack", &queue);
        assert!(longest_queue(&outcome) <= 5 + 4, "{when_full}: {}", longest_queue(&outcome));
        assert!(outcome.flows.iter().all(|flow| flow.acked_segments > 1000), "{when_full}: {outcome:?}");
    }
}

#[test]
fn without_a_limit_nothing_stalls() {
    let outcome = run("rack", "");
    assert!(outcome.flows[0].send_stalls == 0 && longest_queue(&outcome) > 50);
    let text = "[[flow]]\ntransmission_queue = { packets = 0 }";
    let fault = Scenario::parse(text).unwrap_err().to_string();
    assert!(fault.starts_with("flow 1: transmission_queue.packets = 0"), "{fault}");
}
