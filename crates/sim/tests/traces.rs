//! Small scenarios as traces that can be read: who sends what, and when it arrives.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write;

use wad_model::Time;
use wad_sim::{Content, FlowId, FlowState, Nanos, Observer, PacketEvent, PacketKind, Scenario, Simulation};

/// Writes what the ends of a flow do, in milliseconds.
#[derive(Default)]
struct Tape(String);

impl Observer for Tape {
    const PACKETS: bool = true;

    fn on_packet(&mut self, now: Time, packet: &PacketEvent) {
        let what = match (packet.kind, packet.content) {
            (PacketKind::Sent, Content::Syn) => "> syn".to_owned(),
            (PacketKind::Sent, Content::Data { segment, retransmission: false }) => format!("> {segment}"),
            (PacketKind::Sent, Content::Data { segment, retransmission: true }) => {
                format!("> {segment} again")
            }
            (PacketKind::Lost(_), Content::Data { segment, .. }) => format!("  {segment} lost"),
            (PacketKind::Received, Content::Ack { next }) => format!("< ack {next}"),
            _ => return,
        };
        let _ = writeln!(self.0, "{:6.1} {what}", now.as_secs_f64() * 1e3);
    }
}

/// A path of 10 ms each way; a segment takes 1 ms to send.
fn tape(duration: &str, lost: &str, flow: &str) -> String {
    let text = format!(
        r#"
        duration = "{duration}"
        [topology.dumbbell.bottleneck]
        forward = {{ rate = "12 Mbit/s", delay = "10 ms", loss = {{ list = {{ packets = [{lost}] }} }} }}
        backward = {{ delay = "10 ms" }}
        [[flow]]
        segment = "1460 B"
        header = "40 B"
        delayed_ack = "none"
        {flow}
        "#
    );
    let mut tape = Tape::default();
    Simulation::new(&Scenario::parse(&text).unwrap()).unwrap().run(&mut tape);
    tape.0
}

fn assert_tape(found: &str, expected: &str) {
    let lines = |text: &str| text.trim().lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(found), lines(expected), "\n{found}");
}

#[test]
fn slow_start_sends_two_segments_for_each_acknowledged() {
    assert_tape(
        &tape("43 ms", "", "initial_window = \"3 segments\""),
        "
         0.0 > syn
        20.0 < ack 0
        20.0 > 0
        20.0 > 1
        20.0 > 2
        41.0 < ack 1
        41.0 > 3
        41.0 > 4
        42.0 < ack 2
        42.0 > 5
        42.0 > 6
    ",
    );
}

/// RFC 6675: the third selective acknowledgement shows the loss, and the hole is filled once.
#[test]
fn a_loss_is_repaired_from_selective_acknowledgements() {
    assert_tape(
        &tape("85 ms", "3", "recovery = \"sack\"\ninitial_window = \"5 segments\""),
        "
         0.0 > syn
        20.0 < ack 0
        20.0 > 0
        20.0 > 1
        20.0 > 2
        20.0   2 lost
        20.0 > 3
        20.0 > 4
        41.0 < ack 1
        41.0 > 5
        41.0 > 6
        42.0 < ack 2
        42.0 > 7
        42.0 > 8
        43.0 < ack 2
        43.0 > 9
        44.0 < ack 2
        44.0 > 10
        62.0 < ack 2
        62.0 > 2 again
        63.0 < ack 2
        64.0 < ack 2
        64.0 > 11
        65.0 < ack 2
        66.0 < ack 2
        67.0 < ack 2
        67.0 > 12
        83.0 < ack 11
        83.0 > 13
        83.0 > 14
        83.0 > 15
        83.0 > 16
    ",
    );
}

/// RFC 8985, 7: the last two are lost, and nothing later could show it. After two round trips the last goes out again, and its
/// acknowledgement shows the loss of the other; the timer would have taken 200 ms more.
#[test]
fn a_probe_repairs_the_tail() {
    assert_tape(
        &tape("200 ms", "3, 4", "application = { file = { size = \"5840 B\" } }"),
        "
         0.0 > syn
        20.0 < ack 0
        20.0 > 0
        20.0 > 1
        20.0 > 2
        20.0   2 lost
        20.0 > 3
        20.0   3 lost
        41.0 < ack 1
        42.0 < ack 2
        84.8 > 3 again
       105.8 < ack 2
       105.8 > 2 again
       126.8 < ack 4
    ",
    );
}

/// RFC 5682: the path becomes slower by 400 ms, and nothing is lost. The time-out repeats one segment; the ACK of its original
/// brings two new segments, and that of a segment that was never repeated shows that nothing was lost.
#[test]
fn a_time_out_that_was_not_necessary_is_undone() {
    let text = r#"
        duration = "3 s"
        [topology.dumbbell.bottleneck]
        forward = { rate = "12 Mbit/s", delay = "10 ms", schedule = { steps = [{ at = "1 s", delay = "410 ms" }] } }
        backward = { delay = "10 ms" }
        [[flow]]
        window = "50 segments"
        delayed_ack = "none"
    "#;
    let mut windows = Windows(Vec::new());
    let outcome = Simulation::new(&Scenario::parse(text).unwrap()).unwrap().run(&mut windows);
    let flow = &outcome.flows[0];
    assert!(flow.timeouts >= 1, "{flow:?}");
    assert_eq!(
        flow.retransmitted_segments,
        flow.timeouts + 1,
        "each repeats one, and the probe of the tail did"
    );
    let at = |ms: u64| windows.0.iter().find(|sample| sample.0 == ms).unwrap().1;
    assert!(at(1400) < 10.0 && at(1500) >= at(990), "{} {} {}", at(990), at(1400), at(1500));
}

/// The same where the segments are lost: the new ones that F-RTO sends show it, and all are repeated.
#[test]
fn a_time_out_that_was_necessary_is_not() {
    let lost: Vec<String> = (100..120).map(|segment: u32| segment.to_string()).collect();
    let text = format!(
        r#"
        duration = "3 s"
        [topology.dumbbell.bottleneck]
        forward = {{ rate = "12 Mbit/s", delay = "10 ms", loss = {{ list = {{ packets = [{}] }} }} }}
        backward = {{ delay = "10 ms" }}
        [[flow]]
        window = "20 segments"
        recovery = "sack"
        "#,
        lost.join(", ")
    );
    let outcome = Simulation::new(&Scenario::parse(&text).unwrap()).unwrap().run(&mut ());
    let flow = &outcome.flows[0];
    assert!(flow.timeouts >= 1 && flow.spurious_segments == 0, "{flow:?}");
    assert_eq!(flow.retransmitted_segments, 20, "what was lost, and no more: {flow:?}");
    assert!(flow.acked_segments > 2000, "{flow:?}");
}

/// `bbr_set_state`: the window starts from one segment, and is what it was when what was lost has arrived.
#[test]
fn bbr_comes_back_after_a_time_out() {
    for control in ["bbr1", "bbr3"] {
        let text = format!(
            r#"
            duration = "6 s"
            [topology.dumbbell.bottleneck]
            forward = {{ rate = "50 Mbit/s", delay = "20 ms", queue = {{ packets = 300 }}, outage = {{ after = "3 s", length = "600 ms" }} }}
            backward = {{ delay = "20 ms" }}
            [[flow]]
            control = "{control}"
            "#
        );
        let mut windows = Windows(Vec::new());
        let outcome = Simulation::new(&Scenario::parse(&text).unwrap()).unwrap().run(&mut windows);
        assert!(outcome.flows[0].timeouts > 0, "{control}");
        let at = |ms: u64| windows.0.iter().find(|sample| sample.0 == ms).unwrap().1;
        let least = (3000..4200).map(at).fold(f64::INFINITY, f64::min);
        assert!(least <= 4.0, "{control}: {least}");
        assert!(at(5000) > 0.6 * at(2900), "{control}: {} after {}", at(5000), at(2900));
    }
}

/// Samples of cwnd and ssthresh, by the millisecond.
struct Windows(Vec<(u64, f64, f64)>);

impl Observer for Windows {
    fn interval(&self) -> Option<Nanos> {
        Some(Nanos::from_millis(1))
    }

    fn on_flow_sample(&mut self, now: Time, _: FlowId, state: &FlowState) {
        self.0.push((now.as_nanos() / 1_000_000, state.cwnd, state.ssthresh));
    }
}

/// The windows just before and just after a second burst, which begins at `every` milliseconds.
fn windows_around_a_pause(every: u64, flow: &str) -> [(f64, f64); 2] {
    let text = format!(
        r#"
        duration = "{end} ms"
        [topology.dumbbell.bottleneck]
        forward = {{ rate = "1 Gbit/s", delay = "20 ms" }}
        [[flow]]
        application = {{ bursts = {{ every = "{every} ms", size = "1 MB" }} }}
        {flow}
        "#,
        end = every + 10
    );
    let mut windows = Windows(Vec::new());
    Simulation::new(&Scenario::parse(&text).unwrap()).unwrap().run(&mut windows);
    let at = |ms: u64| {
        let (_, cwnd, ssthresh) = windows.0.iter().find(|sample| sample.0 == ms).unwrap();
        (*cwnd, *ssthresh)
    };
    [at(every - 1), at(every + 2)]
}

/// RFC 2861 and RFC 5681, 4.1: the window halves for each time-out of idleness, and starts no lower than a flow begins. The
/// time-out is 240 ms here; the first burst takes some 320 ms.
#[test]
fn after_an_idle_time_the_window_has_come_down() {
    let flow = "control = \"reno\"\ninitial_ssthresh = \"80 segments\"";
    let [(before, _), (after, threshold)] = windows_around_a_pause(460, flow);
    assert_eq!(before, after, "a pause shorter than a time-out");
    assert_eq!(threshold, 80.0);
    let [(before, _), (after, threshold)] = windows_around_a_pause(800, flow);
    assert_eq!((after, threshold), ((before / 2.0).floor(), 80.0));
    let [_, (after, _)] = windows_around_a_pause(5000, flow);
    assert_eq!(after, 10.0);
    let kept = format!("{flow}\nslow_start_after_idle = false");
    let [(before, _), (after, _)] = windows_around_a_pause(5000, &kept);
    assert_eq!(before, after);
    // The control of the daemon has a restart window of its own.
    let own = "control = { wad = { restart_window = 40, initial_ssthresh = 80 } }";
    let [_, (after, _)] = windows_around_a_pause(5000, own);
    assert_eq!(after, 40.0);
}

/// ns-2 has the timer on when nothing is in flight; its expiry begins a slow start.
#[test]
fn under_ns2s_conventions_a_timer_ends_the_window() {
    let text = r#"
        conventions = "ns2"
        duration = "3 s"
        [topology.dumbbell.bottleneck]
        forward = { rate = "1 Gbit/s", delay = "20 ms" }
        [[flow]]
        window = "100 segments"
        application = { bursts = { every = "2 s", size = "1 MB" } }
    "#;
    for (setting, expected) in [("", 1.0), ("slow_start_after_idle = false", 101.0)] {
        let mut windows = Windows(Vec::new());
        let scenario = Scenario::parse(&format!("{text}{setting}")).unwrap();
        Simulation::new(&scenario).unwrap().run(&mut windows);
        let idle = windows.0.iter().find(|sample| sample.0 == 1990).unwrap();
        assert!((idle.1 / expected - 1.0).abs() < 0.1, "{setting}: {idle:?}");
    }
}
