//! What holds in every scenario, over random ones: packets are conserved, nothing is acknowledged that has not arrived,
//! no window and no buffer is exceeded, time does not run back, and looking on changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use wad_model::{Bytes, Rate, Segments, Time};
use wad_path::traffic::{Constant, PacketTrace, ParetoOnOff, Poisson};
use wad_path::{Codel, Discipline, FqCodel, LinkConfig, Loss, Queue, Red, Reordering};
use wad_sim::scenario::{
    Amount, Conventions, CrossPattern, CrossTraffic, DelayedAck, Direction, Dumbbell, FlowConfig, Recovery,
    Topology, TraceFile, TwoWay, Web,
};
use wad_sim::{
    Content, FlowId, FlowState, Nanos, Observer, Outcome, PacketEvent, PacketKind, Scenario, Simulation,
    Steer,
};

/// Keeps books on every packet, and complains.
#[derive(Default)]
struct Auditor {
    now: Time,
    window: u64,
    /// Segments that the receiver's buffer holds, if it has a limit.
    buffer: Option<u64>,
    /// Segments a second that its application reads at most.
    reads: Option<f64>,
    flows: HashMap<FlowId, Books>,
    samples: u64,
}

#[derive(Default)]
struct Books {
    sent: u64,
    arrived: u64,
    lost: u64,
    /// How often each segment has arrived.
    segments: Vec<u32>,
    /// One past the foremost segment sent.
    high: u64,
    /// All before this have arrived.
    contiguous: u64,
    /// What the sender has been told of.
    acked: u64,
    /// What the application has read.
    read: u64,
    /// Bytes of cross-traffic: sent, arrived, lost.
    cross: [u64; 3],
}

impl Observer for Auditor {
    const CHANGES: bool = true;
    const PACKETS: bool = true;

    fn interval(&self) -> Option<Nanos> {
        Some(Nanos::from_millis(70))
    }

    fn on_change(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        self.pass(now);
        // A reduction leaves two segments; ns-2's threshold starts at the receiver's window, which may be one.
        let least_threshold = if self.window < 2 { 1.0 } else { 2.0 };
        assert!(state.cwnd >= 1.0 && state.ssthresh >= least_threshold, "{state:?}");
        assert!(state.received >= state.acked, "{state:?}");
        self.look_into_buffer(flow, state);
    }

    fn on_flow_sample(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        self.pass(now);
        self.look_into_buffer(flow, state);
        self.samples += 1;
    }

    fn on_packet(&mut self, now: Time, packet: &PacketEvent) {
        self.pass(now);
        let window = self.window;
        let books = self.flows.entry(packet.flow).or_default();
        match packet.content {
            Content::Syn => {}
            Content::Data { segment, retransmission } => {
                books.data(packet.kind, segment, retransmission, window)
            }
            Content::Ack { next } => books.ack(packet.kind, next.into()),
            Content::WindowProbe => assert_eq!(books.high, books.acked, "a probe with data in flight"),
            Content::Cross => books.cross(packet.kind, packet.size.into()),
        }
    }
}

impl Auditor {
    fn pass(&mut self, now: Time) {
        assert!(now >= self.now, "time ran back from {} to {now}", self.now);
        self.now = now;
    }

    /// Nothing is sent beyond the edge that the receiver has told of, what has arrived fits into its buffer, and its
    /// application reads in order and not too fast.
    fn look_into_buffer(&mut self, flow: FlowId, state: &FlowState) {
        let unacked = state.sent - state.retransmitted - state.acked;
        assert!(unacked <= u64::from(state.receive_window), "{state:?}");
        let books = self.flows.entry(flow).or_default();
        assert!(state.read >= books.read && state.read <= state.received, "{state:?}");
        books.read = state.read;
        let arrived = books.segments.iter().filter(|times| **times > 0).count() as u64;
        assert!(self.buffer.is_none_or(|size| arrived - state.read <= size), "{arrived} arrived: {state:?}");
        let most = self.reads.map(|rate| rate * self.now.as_secs_f64() * (1.0 + 1e-6));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let read = state.read as f64;
        assert!(most.is_none_or(|most| read <= most + 1e-3), "{state:?}");
    }
}

impl Books {
    fn data(&mut self, kind: PacketKind, segment: u32, retransmission: bool, window: u64) {
        let segment = u64::from(segment);
        match kind {
            PacketKind::Sent => {
                self.sent += 1;
                assert_eq!(retransmission, segment < self.high, "segment {segment}");
                assert!(segment <= self.high, "segment {segment} before {}", self.high);
                self.high = self.high.max(segment + 1);
                assert!(
                    segment < self.acked + window,
                    "segment {segment} beyond the window at {}",
                    self.acked
                );
            }
            PacketKind::Received => {
                self.arrived += 1;
                let place = usize::try_from(segment).unwrap();
                self.segments.resize(self.segments.len().max(place + 1), 0);
                self.segments[place] += 1;
                while self.segments.get(usize::try_from(self.contiguous).unwrap()).is_some_and(|&n| n > 0) {
                    self.contiguous += 1;
                }
            }
            PacketKind::Dropped(_) | PacketKind::Lost(_) => self.lost += 1,
            PacketKind::Entered(_) => {}
        }
        assert!(self.arrived + self.lost <= self.sent, "packets came from nowhere");
    }

    /// Packets of 40 to 76 bytes are SYNs and ACKs, which cross-traffic's own books leave out.
    fn cross(&mut self, kind: PacketKind, size: u64) {
        if size <= 76 {
            return;
        }
        let [sent, arrived, lost] = &mut self.cross;
        match kind {
            PacketKind::Sent => *sent += size,
            PacketKind::Received => *arrived += size,
            PacketKind::Dropped(_) | PacketKind::Lost(_) => *lost += size,
            PacketKind::Entered(_) => {}
        }
        assert!(*arrived + *lost <= *sent, "cross-traffic came from nowhere");
    }

    fn ack(&mut self, kind: PacketKind, next: u64) {
        match kind {
            PacketKind::Sent => assert_eq!(next, self.contiguous, "an ACK of what has not arrived in order"),
            PacketKind::Received => self.acked = self.acked.max(next),
            _ => {}
        }
        assert!(next <= self.high, "an ACK of what was not sent");
    }
}

fn recovery() -> impl Strategy<Value = Recovery> {
    prop_oneof![
        Just(Recovery::Tahoe),
        Just(Recovery::Reno),
        Just(Recovery::NewReno),
        Just(Recovery::Sack),
        Just(Recovery::Fack),
        Just(Recovery::Rack),
    ]
}

fn link() -> impl Strategy<Value = LinkConfig> {
    let loss = prop_oneof![
        Just(Loss::None),
        (0.0..0.2f64).prop_map(|probability| Loss::Random { probability }),
        prop::collection::vec(0u64..300, 0..20).prop_map(|packets| Loss::List { packets }),
    ];
    let reordering = prop::option::of((0.0..0.1f64, 1u32..20).prop_map(|(probability, depth)| Reordering {
        probability,
        depth,
        timeout: Duration::from_millis(50),
    }));
    let discipline = prop_oneof![
        3 => Just(Discipline::DropTail),
        1 => Just(Discipline::Red(Red::default())),
        1 => Just(Discipline::Codel(Codel::default())),
        1 => Just(Discipline::FqCodel(FqCodel::default())),
    ];
    let size = (1u64..100, 0u64..80, 3u64..200);
    (size, loss, reordering, discipline).prop_map(|((mbps, ms, queue), loss, reordering, discipline)| {
        LinkConfig {
            rate: Some(Rate::from_bps(mbps * 1_000_000)),
            delay: Duration::from_millis(ms),
            queue: Queue::Packets(queue),
            discipline,
            loss,
            reordering,
            ..LinkConfig::default()
        }
    })
}

fn flow() -> impl Strategy<Value = FlowConfig> {
    let delayed = prop_oneof![Just(DelayedAck::None), Just(DelayedAck::Rfc), Just(DelayedAck::Linux)];
    let receiver = (prop::option::of(1u32..300), prop::option::of(50_000u64..20_000_000));
    (recovery(), 1u32..4, 1u32..400, delayed, 0u64..300, any::<bool>(), 1u32..9, receiver).prop_map(
        |(recovery, count, window, delayed, stagger, pacing, burst, (buffer, reads))| FlowConfig {
            count,
            recovery: Some(recovery),
            window: Some(Amount::segments(window)),
            receive_buffer: buffer.map(Amount::segments),
            read_rate: reads.map(Rate::from_bps),
            delayed_ack: Some(delayed),
            stagger: Duration::from_millis(stagger),
            pacing: pacing && recovery.uses_sack(),
            burst: Segments::new(if recovery.uses_sack() { burst } else { 1 }),
            segment: Some(Bytes::new(1460)),
            ..FlowConfig::default()
        },
    )
}

fn cross_pattern() -> impl Strategy<Value = CrossPattern> {
    let packet = (100u64..3000).prop_map(Bytes::new);
    let rate = (100_000u64..20_000_000).prop_map(Rate::from_bps);
    (0..5, rate, packet, 1u64..200, 1.05..3.0f64, recovery(), 1u32..20).prop_map(
        |(which, rate, packet, ms, shape, recovery, most)| {
            let (on, off) = (Duration::from_millis(ms), Duration::from_millis(ms / 2 + 1));
            match which {
                0 => CrossPattern::Constant(Constant { rate, packet }),
                1 => CrossPattern::Poisson(Poisson { rate, packet }),
                2 => CrossPattern::ParetoOnOff(ParetoOnOff { rate, on, off, shape, packet }),
                3 => CrossPattern::Trace(TraceFile {
                    file: "recorded".to_owned(),
                    repeat: Some(Duration::from_millis(ms + 10)),
                    packets: PacketTrace::parse(&format!("0 {0}\n0.01 {0}\n", packet.get())).ok(),
                }),
                _ => CrossPattern::Web(Box::new(Web {
                    every: on,
                    size: packet * 10,
                    shape,
                    most,
                    flow: FlowConfig { recovery: Some(recovery), ..FlowConfig::default() },
                })),
            }
        },
    )
}

fn cross_traffic() -> impl Strategy<Value = CrossTraffic> {
    (cross_pattern(), 1u32..3, any::<bool>(), 0u64..1000, prop::option::of(0u64..3000)).prop_map(
        |(pattern, count, forward, start, stop)| CrossTraffic {
            name: None,
            count,
            pattern,
            from: None,
            to: None,
            direction: if forward { Direction::Forward } else { Direction::Backward },
            start: Duration::from_millis(start),
            stop: stop.map(Duration::from_millis),
        },
    )
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let conventions = prop_oneof![Just(Conventions::Linux), Just(Conventions::Ns2)];
    let cross_traffic = prop::collection::vec(cross_traffic(), 0..3);
    (link(), link(), prop::option::of(link()), flow(), cross_traffic, conventions, any::<u64>()).prop_map(
        |(forward, backward, access, flow, cross_traffic, conventions, seed)| Scenario {
            duration: Duration::from_secs(3),
            seed,
            conventions,
            topology: Topology::Dumbbell(Dumbbell {
                bottleneck: TwoWay { forward, backward: Some(backward) },
                access,
                pairs: 2,
            }),
            flows: vec![flow],
            cross_traffic,
            ..Scenario::default()
        },
    )
}

fn run<O: Observer>(scenario: &Scenario, observer: &mut O) -> Outcome {
    Simulation::new(scenario).unwrap().run(observer)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_books_balance_and_looking_on_changes_nothing(scenario in scenario()) {
        let unwatched = run(&scenario, &mut ());
        let endpoints = scenario.flows[0].endpoints(scenario.conventions);
        let limits = endpoints.receive_limits;
        let mut auditor = Auditor {
            window: endpoints.window.into(),
            buffer: limits.map(|limits| limits.buffer.into()),
            reads: scenario.flows[0].read_rate.map(|rate| 1.0 / rate.time_to_send(Bytes::new(1460)).as_secs_f64()),
            ..Auditor::default()
        };
        // The engine spares events where nobody watches; what comes out is the same.
        let watched = Outcome { work: unwatched.work, ..run(&scenario, &mut auditor) };
        prop_assert_eq!(&unwatched, &watched);
        prop_assert!(auditor.samples > 0);
        for (index, flow) in (0..).zip(&watched.flows) {
            let Some(books) = auditor.flows.get(&FlowId(index)) else { continue };
            prop_assert_eq!(flow.sent_segments, books.sent);
            prop_assert_eq!(flow.lost_segments + flow.dropped_segments, books.lost);
            prop_assert_eq!(flow.receive_buffer.is_some(), limits.is_some());
            match (flow.receive_buffer, limits) {
                (Some(buffer), Some(limits)) => {
                    prop_assert!(buffer.largest_bytes <= u64::from(limits.buffer) * 1460);
                    let arrived = books.segments.iter().filter(|times| **times > 0).count() as u64;
                    prop_assert_eq!(flow.received_bytes + buffer.left_bytes, arrived * 1460);
                }
                _ => prop_assert_eq!(flow.received_bytes, books.contiguous * 1460),
            }
            prop_assert_eq!(flow.acked_segments, books.acked);
        }
        let mut sources = watched.flows.len()..;
        for (config, outcome) in scenario.cross_traffic.iter().zip(&watched.cross_traffic) {
            let mut sum = [0; 3];
            for id in sources.by_ref().take(usize::try_from(config.count).unwrap()) {
                let id = FlowId(u32::try_from(id).unwrap());
                let cross = auditor.flows.get(&id).map_or([0; 3], |books| books.cross);
                sum = [0, 1, 2].map(|i| sum[i] + cross[i]);
            }
            prop_assert_eq!([outcome.offered_bytes, outcome.delivered_bytes, outcome.lost_bytes], sum);
        }
    }
}

/// As [`scenario`], and nothing but time keeps packets where they are: the engine hands them over as far as it can.
fn plain_scenario() -> impl Strategy<Value = Scenario> {
    (scenario(), 0u64..2500, any::<bool>()).prop_map(|(mut scenario, warm_up, has_cross)| {
        scenario.warm_up = Duration::from_millis(warm_up);
        if let Topology::Dumbbell(Dumbbell { bottleneck, access, .. }) = &mut scenario.topology {
            let links = [Some(&mut bottleneck.forward), bottleneck.backward.as_mut(), access.as_mut()];
            for link in links.into_iter().flatten() {
                (link.discipline, link.reordering) = (Discipline::DropTail, None);
            }
        }
        let flow = FlowConfig {
            delayed_ack: Some(DelayedAck::None),
            receive_buffer: None,
            read_rate: None,
            ..scenario.flows[0].clone()
        };
        scenario.flows = vec![flow];
        scenario.cross_traffic.truncate(usize::from(has_cross));
        scenario
    })
}

/// Sees the flows now and then, and leaves them alone.
struct Onlooker;

impl Steer for Onlooker {
    fn interval(&self) -> Option<Nanos> {
        Some(Nanos::from_millis(100))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whoever_looks_on_sees_the_same_where_packets_are_handed_over(scenario in plain_scenario()) {
        let unwatched = run(&scenario, &mut ());
        let window = scenario.flows[0].endpoints(scenario.conventions).window.into();
        let mut auditor = Auditor { window, ..Auditor::default() };
        let watched = Outcome { work: unwatched.work, ..run(&scenario, &mut auditor) };
        prop_assert_eq!(&unwatched, &watched);
        let steered = Simulation::new(&scenario).unwrap().run_steered(&mut (), &mut Onlooker);
        prop_assert_eq!(&unwatched, &Outcome { work: unwatched.work, ..steered });
    }
}

#[test]
fn another_seed_is_another_run_and_the_same_seed_is_the_same() {
    let text = r#"
        duration = "5 s"
        [topology.dumbbell]
        bottleneck = { forward = { rate = "20 Mbit/s", delay = "10 ms", loss = { random = { probability = 0.01 } } } }
    "#;
    let scenario = Scenario::parse(text).unwrap();
    let first = run(&scenario, &mut ());
    assert_eq!(first, run(&scenario, &mut ()));
    assert_ne!(first, run(&Scenario { seed: 2, ..scenario }, &mut ()));
}
