//! What is set anew as flows come and go.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use wad_model::{Rate, Segments, Time};
use wad_tune::{
    Config, Decision, EstimateSource, Estimates, FlowId, HostLimits, KnownEstimate, PERIOD, PathEstimate,
    PathIndex, Planner, Retuning, Target,
};

const CONFIG: &str = r#"
[[path]]
name = "divided"
destination = ["10.0.0.0/8"]
buffers = { mode = "fixed", size = "1 MiB", divide = true }

[[path]]
name = "measured"
destination = ["11.0.0.0/8"]
buffers = { mode = "measured" }

[[path]]
name = "periodic"
destination = ["12.0.0.0/8"]
congestion = { high_speed = "periodic" }

[[path]]
name = "still"
destination = ["13.0.0.0/8"]

[[path]]
name = "both"
destination = ["14.0.0.0/8"]
buffers = { mode = "measured", divide = true }
pacing = { share = 0.5 }

[[host.grant]]
path = "periodic"
settings = ["high_speed"]
"#;

const DIVIDED: PathIndex = PathIndex(0);
const MEASURED: PathIndex = PathIndex(1);
const PERIODIC: PathIndex = PathIndex(2);
const STILL: PathIndex = PathIndex(3);
const BOTH: PathIndex = PathIndex(4);

fn planner() -> Planner {
    Planner::new(&Config::parse(CONFIG).unwrap(), HostLimits::default(), &Estimates::default())
}

fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

fn estimate(mbps: u64, rtt_ms: u64) -> KnownEstimate {
    let estimate =
        PathEstimate { rate: Rate::from_bps(mbps * 1_000_000), rtt: Duration::from_millis(rtt_ms) };
    KnownEstimate { estimate, source: EstimateSource::Measurement }
}

/// The targets and their send buffers.
fn buffers(retunings: &[Retuning]) -> Vec<(Target, u32)> {
    retunings.iter().map(|r| (r.target, r.decision.parameters.send_bytes)).collect()
}

const KIB: u32 = 1 << 10;

#[test]
fn a_path_is_divided_anew_at_each_open_and_close() {
    let (new, flow) = (Target::NewFlows(DIVIDED), |id| Target::Flow(FlowId(id)));
    let mut planner = planner();
    assert_eq!(planner.decision(DIVIDED).parameters.send_bytes, 1024 * KIB);
    assert_eq!(planner.poll_at(), None);

    planner.handle_open(at(1), FlowId(7), DIVIDED);
    assert_eq!(planner.poll_at(), Some(Time::ZERO));
    // The first has all of it already; the next would get half.
    assert_eq!(buffers(&planner.poll(at(2))), [(new, 512 * KIB)]);
    planner.handle_open(at(3), FlowId(9), DIVIDED);
    let retunings = planner.poll(at(4));
    assert_eq!(buffers(&retunings), [(new, 1024 * KIB / 3), (flow(7), 512 * KIB)]);
    assert_eq!(
        retunings[1].changes()[0].to_string(),
        "send buffer: 1 MiB -> 512 KiB (line 5; one of 2 flows that share 1 MiB)"
    );
    planner.handle_close(FlowId(7));
    assert_eq!(buffers(&planner.poll(at(5))), [(new, 512 * KIB), (flow(9), 1024 * KIB)]);
    assert_eq!(planner.poll(at(6)), []);
}

#[test]
fn a_flow_that_opened_while_things_changed_is_told_what_it_should_have() {
    let mut planner = planner();
    planner.handle_estimate(MEASURED, estimate(622, 80));
    planner.poll(at(10));
    planner.handle_open(at(9), FlowId(1), MEASURED);
    planner.handle_open(at(11), FlowId(2), MEASURED);
    let retunings = planner.poll(at(12));
    assert_eq!(buffers(&retunings), [(Target::Flow(FlowId(1)), 12_440_000)]);
    assert_eq!((retunings[0].before.clone(), retunings[0].changes()), (None, Vec::new()));
    // The kernel had it a little later than it was decided.
    planner.handle_estimate(MEASURED, estimate(622, 40));
    planner.poll(at(20));
    planner.handle_offered(at(22), MEASURED);
    planner.handle_open(at(21), FlowId(3), MEASURED);
    assert_eq!(buffers(&planner.poll(at(23))), [(Target::Flow(FlowId(3)), 6_220_000)]);
}

#[test]
fn an_estimate_sizes_running_flows_and_new_ones() {
    let mut planner = planner();
    planner.handle_open(at(1), FlowId(1), BOTH);
    planner.handle_open(at(1), FlowId(2), BOTH);
    planner.poll(at(2));
    planner.handle_estimate(BOTH, estimate(800, 100));
    let retunings = planner.poll(at(3));
    let sizes: Vec<u32> = buffers(&retunings).into_iter().map(|(_, size)| size).collect();
    assert_eq!(sizes, [20_000_000 / 3, 10_000_000, 10_000_000]);
    assert_eq!(retunings[1].decision.parameters.pacing_rate_bytes_per_s, 50_000_000);
    planner.handle_estimate(BOTH, estimate(800, 100));
    assert_eq!(planner.poll(at(4)), []);
}

#[test]
fn constants_follow_the_window_every_tenth_of_a_second() {
    let mut planner = planner();
    planner.handle_open(at(5), FlowId(1), PERIODIC);
    assert_eq!(planner.poll(at(6)), []);
    assert_eq!(planner.poll_at(), Some(at(105)));
    planner.handle_window(FlowId(1), Segments::new(1448));
    assert_eq!(planner.poll(at(104)), []);
    let retunings = planner.poll(at(105));
    let parameters = retunings[0].decision.parameters;
    assert_eq!((parameters.ai_1024, parameters.md_1024), (10 * 1024, 317));
    assert_eq!(planner.poll_at(), Some(at(105) + PERIOD));
    // Within the same row nothing is set anew.
    planner.handle_window(FlowId(1), Segments::new(1500));
    assert_eq!(planner.poll(at(205)), []);
    planner.handle_close(FlowId(1));
    planner.poll(at(206));
    assert_eq!(planner.poll_at(), None);
}

#[test]
fn flows_of_a_path_that_does_not_move_are_not_followed() {
    let mut planner = planner();
    planner.handle_open(at(1), FlowId(1), STILL);
    planner.handle_estimate(STILL, estimate(622, 80));
    assert_eq!(planner.poll(at(2)), []);
    assert!(!planner.moves(STILL) && planner.decision_of(FlowId(1)).is_none());
}

#[test]
fn other_limits_of_the_host_count_for_all() {
    let mut planner = planner();
    planner.handle_open(at(1), FlowId(1), DIVIDED);
    planner.poll(at(2));
    let limit = Some(wad_model::Bytes::new(100 << 10));
    planner.handle_limits(HostLimits { wmem_max: limit, rmem_max: limit });
    let told = buffers(&planner.poll(at(3)));
    assert_eq!(told.len(), 6);
    assert!(told.iter().all(|(_, size)| *size == 100 * KIB));
}

/// A generator of numbers that is the same everywhere (Knuth's MMIX).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// One thing that happens in a recorded day.
#[derive(Clone, Copy, Debug)]
enum Event {
    Open(FlowId, PathIndex),
    Close(FlowId),
    Window(FlowId, Segments),
    Estimate(PathIndex, KnownEstimate),
}

/// A day with this many opens; flows live so long that about 20 are open at a time.
fn day(seed: u64, opens: u64) -> Vec<(Time, Event)> {
    let mut random = Random(seed);
    let mut events = Vec::new();
    let gap = 86_400_000_000_000 / opens;
    for id in 0..opens {
        let opened = id * gap + random.below(gap);
        let closed = opened + gap * random.below(40);
        let path = PathIndex(u32::try_from(random.below(5)).unwrap());
        let flow = FlowId(id);
        events.push((Time::from_nanos(opened), Event::Open(flow, path)));
        events.push((Time::from_nanos(closed), Event::Close(flow)));
        let window = Segments::new(u32::try_from(10 + random.below(5_000)).unwrap());
        let seen = opened + random.below(closed - opened + 1);
        events.push((Time::from_nanos(seen), Event::Window(flow, window)));
        if id % 1_000 == 0 {
            let known = estimate(100 + random.below(900), 1 + random.below(200));
            events.push((Time::from_nanos(opened), Event::Estimate(path, known)));
        }
    }
    events.sort_by_key(|(time, _)| *time);
    events
}

/// The hash of Fowler, Noll and Vo, 64 bits, variant 1a: the same on every machine.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Fnv {
    const NEW: Self = Self(0xcbf2_9ce4_8422_2325);

    fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// All that is decided in a day: how much, and its hash, words and numbers.
fn replay(events: &[(Time, Event)]) -> (usize, u64) {
    let (mut planner, mut hash, mut count) = (planner(), Fnv::NEW, 0);
    for (time, event) in events {
        // What was due before this happened.
        while let Some(due) = planner.poll_at().filter(|due| due <= time) {
            let now = if due == Time::ZERO { *time } else { due };
            for retuning in planner.poll(now) {
                hash.add(&told(now, &retuning));
                count += 1;
            }
        }
        match *event {
            Event::Open(flow, path) => planner.handle_open(*time, flow, path),
            Event::Close(flow) => planner.handle_close(flow),
            Event::Window(flow, window) => planner.handle_window(flow, window),
            Event::Estimate(path, known) => planner.handle_estimate(path, known),
        }
    }
    (count, hash.0)
}

/// The numbers of a decision and the sizes with their reasons; the rest of the words does not change.
fn told(now: Time, retuning: &Retuning) -> String {
    let Decision { parameters, settings, .. } = &*retuning.decision;
    let p = parameters;
    format!(
        "{} {:?} {} {} {} {} {} {} {} {}",
        now.as_nanos(),
        retuning.target,
        p.send_bytes,
        p.receive_bytes,
        p.ai_1024,
        p.md_1024,
        p.pacing_rate_bytes_per_s,
        p.flags.bits(),
        settings[1],
        settings[2],
    )
}

/// If this number changes, so do decisions. That must be meant.
const DECISIONS_OF_THE_DAY: (usize, u64) = (404_601, 14_854_722_406_938_744_898);

#[test]
fn a_replayed_day_gives_the_same_decisions() {
    let events = day(20_021_122, 100_000);
    let first = replay(&events);
    assert_eq!(first, replay(&day(20_021_122, 100_000)));
    assert_eq!(first, DECISIONS_OF_THE_DAY);
}

/// What each flow has at the end, and what a new one would get.
fn state(planner: &Planner, flows: u64) -> BTreeMap<Target, String> {
    let flow = |id| {
        let has = planner.decision_of(FlowId(id))?;
        Some((Target::Flow(FlowId(id)), format!("{has:?}")))
    };
    let new =
        |index| (Target::NewFlows(PathIndex(index)), format!("{:?}", planner.decision(PathIndex(index))));
    (0..flows).filter_map(flow).chain((0..5).map(new)).collect()
}

fn apply(planner: &mut Planner, events: impl IntoIterator<Item = (u64, u32, bool)>) {
    for (id, path, stays) in events {
        planner.handle_open(at(1), FlowId(id), PathIndex(path));
        if !stays {
            planner.handle_close(FlowId(id));
        }
    }
}

proptest! {
    /// Who came first does not matter: between two polls, flows may open and close in any order.
    #[test]
    fn the_order_of_flows_does_not_matter(
        (flows, shuffled) in proptest::collection::vec((0u32..5, any::<bool>()), 1..40).prop_flat_map(|flows| {
            let flows: Vec<_> = (0u64..).zip(flows).map(|(id, (path, stays))| (id, path, stays)).collect();
            (Just(flows.clone()), Just(flows).prop_shuffle())
        })
    ) {
        let (mut one, mut other) = (planner(), planner());
        apply(&mut one, flows.iter().copied());
        apply(&mut other, shuffled);
        prop_assert_eq!(one.poll(at(2)), other.poll(at(2)));
        let count = flows.len() as u64;
        prop_assert_eq!(state(&one, count), state(&other, count));
    }

    /// However it came about, the shares are those of the flows that are open, and never too large together.
    #[test]
    fn shares_are_those_of_the_open_flows(
        events in proptest::collection::vec((0u64..12, any::<bool>(), any::<bool>()), 1..60)
    ) {
        let mut planner = planner();
        let mut open = std::collections::BTreeSet::new();
        for (step, (id, opens, polls)) in (1u64..).zip(events) {
            if opens {
                planner.handle_open(at(step), FlowId(id), DIVIDED);
                open.insert(id);
            } else {
                planner.handle_close(FlowId(id));
                open.remove(&id);
            }
            if polls {
                planner.poll(at(step));
            }
        }
        planner.poll(at(100));
        let share = |id: &u64| planner.decision_of(FlowId(*id)).unwrap().parameters.send_bytes;
        let shares: Vec<u32> = open.iter().map(share).collect();
        prop_assert!(shares.iter().all(|share| *share == 1024 * KIB / u32::try_from(open.len()).unwrap()));
        prop_assert!(shares.iter().sum::<u32>() <= 1024 * KIB);
    }

    /// What the planner has told of a flow is what it has: nothing changes in silence.
    #[test]
    fn who_follows_what_is_told_knows_all(seed in any::<u64>()) {
        let mut planner = planner();
        let mut told: BTreeMap<Target, u32> = BTreeMap::new();
        for (time, event) in day(seed, 60) {
            if let Event::Open(flow, path) = event {
                told.insert(Target::Flow(flow), planner.decision(path).parameters.send_bytes);
                planner.handle_open(time, flow, path);
            } else if let Event::Close(flow) = event {
                planner.handle_close(flow);
            } else if let Event::Estimate(path, known) = event {
                planner.handle_estimate(path, known);
            }
            told.extend(buffers(&planner.poll(time)));
        }
        for id in 0..60 {
            if let Some(has) = planner.decision_of(FlowId(id)) {
                prop_assert_eq!(told[&Target::Flow(FlowId(id))], has.parameters.send_bytes);
            }
        }
    }
}
