//! What holds for every link and all traffic.

use std::time::Duration;

use proptest::prelude::*;
use wad_model::{Bytes, Rate, Time};
use wad_path::{
    Codel, Discipline, Distribution, Fate, FqCodel, Jitter, Label, Link, LinkConfig, Loss, Queue, Red,
    Reordering, Schedule, Step,
};

/// A packet: nanoseconds after the one before it, and bytes.
type Traffic = Vec<(u64, u64)>;

/// What a link made of some traffic.
#[derive(Debug, PartialEq)]
struct Outcome {
    fates: Vec<Fate>,
    /// When, and which packet.
    deliveries: Vec<(Time, usize)>,
}

/// When to poll: after each entry at that time and at each timeout before, or once at the end.
#[derive(Clone, Copy)]
enum Polling {
    Eager,
    AtTheEnd,
}

const END: Time = Time::from_nanos(u64::MAX);

fn run(config: &LinkConfig, seed: u64, traffic: &Traffic, polling: Polling) -> (Link<usize>, Outcome) {
    let mut link = Link::new(config, seed);
    let mut outcome = Outcome { fates: Vec::new(), deliveries: Vec::new() };
    for (i, (at, size)) in entries(traffic).into_iter().enumerate() {
        if matches!(polling, Polling::Eager) {
            deliver_until(&mut link, at, &mut outcome);
        }
        let label = Label { flow: i as u64 % 3, ecn_capable: i % 2 == 0 };
        outcome.fates.push(link.handle_labelled(at, size, label, i));
        assert_conserved(&link);
    }
    match polling {
        Polling::Eager => deliver_until(&mut link, END, &mut outcome),
        Polling::AtTheEnd => drain(&mut link, END, &mut outcome),
    }
    (link, outcome)
}

fn entries(traffic: &Traffic) -> Vec<(Time, Bytes)> {
    let mut now = 0;
    let entry = |&(gap, size)| {
        now += gap;
        (Time::from_nanos(now), Bytes::new(size))
    };
    traffic.iter().map(entry).collect()
}

/// Polls at each timeout up to `until`; each must deliver something, at exactly that time, or bring the next
/// departure nearer.
fn deliver_until(link: &mut Link<usize>, until: Time, outcome: &mut Outcome) {
    while let Some(at) = link.poll_timeout().filter(|&at| at <= until) {
        let before = outcome.deliveries.len();
        drain(link, at, outcome);
        let new = &outcome.deliveries[before..];
        assert!(new.iter().all(|delivery| delivery.0 == at), "{at:?}: {new:?}");
        assert!(!new.is_empty() || link.poll_timeout() > Some(at), "nothing at {at:?}");
    }
}

fn drain(link: &mut Link<usize>, now: Time, outcome: &mut Outcome) {
    while let Some(delivery) = link.poll_transmit(now) {
        outcome.deliveries.push((delivery.at, delivery.payload));
        assert_conserved(link);
    }
}

fn assert_conserved(link: &Link<usize>) {
    let c = link.counters();
    let out = c.delivered + c.dropped_by_queue + c.dropped_early + c.lost_by_model + link.in_flight();
    assert_eq!(c.entered + c.duplicated, out, "{c:?}");
}

fn traffic() -> impl Strategy<Value = Traffic> {
    // Packets are mostly of one size.
    let size = prop_oneof![2 => Just(1500u64), 1 => 40u64..9000];
    prop::collection::vec((prop_oneof![Just(0), 0u64..20_000, 0u64..5_000_000], size), 1..150)
}

fn probability() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..0.5, Just(1.0)]
}

fn micros(most: u64) -> impl Strategy<Value = Duration> {
    (0..=most).prop_map(Duration::from_micros)
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::None),
        probability().prop_map(|probability| Loss::Random { probability }),
        prop::collection::vec(0u64..150, 0..20).prop_map(|packets| Loss::List { packets }),
        (1u64..20).prop_map(|nth| Loss::Every { nth }),
        (probability(), probability(), probability(), probability()).prop_map(
            |(good_to_bad, bad_to_good, loss_good, loss_bad)| Loss::GilbertElliott {
                good_to_bad,
                bad_to_good,
                loss_good,
                loss_bad
            }
        ),
    ]
}

fn queue() -> impl Strategy<Value = Queue> {
    prop_oneof![
        Just(Queue::Unlimited),
        (1u64..20).prop_map(Queue::Packets),
        (1u64..100_000).prop_map(|bytes| Queue::Bytes(Bytes::new(bytes))),
    ]
}

fn reordering() -> impl Strategy<Value = Reordering> {
    (probability(), 1u32..6, micros(5000)).prop_map(|(probability, depth, timeout)| Reordering {
        probability,
        depth,
        timeout,
    })
}

fn jitter() -> impl Strategy<Value = Jitter> {
    let distribution =
        prop_oneof![Just(Distribution::Uniform), Just(Distribution::Normal), Just(Distribution::Exponential)];
    (micros(2000), distribution, any::<bool>()).prop_map(|(mean, distribution, reorder)| {
        let spread = if distribution == Distribution::Exponential { Duration::ZERO } else { mean / 2 };
        Jitter { mean, spread, distribution, reorder }
    })
}

fn rate() -> impl Strategy<Value = Rate> {
    (1_000_000u64..10_000_000_000).prop_map(Rate::from_bps)
}

/// Rate, delay, queue and loss: what keeps the order.
fn ordered_link() -> impl Strategy<Value = LinkConfig> {
    (prop::option::of(rate()), micros(10_000), queue(), loss()).prop_map(|(rate, delay, queue, loss)| {
        LinkConfig { rate, delay, queue, loss, ..LinkConfig::default() }
    })
}

/// Disciplines that act on the short traffic of these tests.
fn discipline() -> impl Strategy<Value = Discipline> {
    let codel = || {
        (micros(500), micros(5000), any::<bool>()).prop_map(|(target, interval, ecn)| Codel {
            target: target + Duration::from_nanos(1),
            interval: interval + Duration::from_nanos(1),
            ecn,
        })
    };
    let red = (0.0..5.0, 0.1..10.0, probability(), 0.01..1.0, any::<bool>(), any::<bool>());
    prop_oneof![
        Just(Discipline::DropTail),
        red.prop_map(|(min, width, max_probability, weight, gentle, ecn)| {
            let max = min + width;
            Discipline::Red(Red { min, max, max_probability, weight, gentle, ecn, ..Red::default() })
        }),
        codel().prop_map(Discipline::Codel),
        (1u32..4, 40u64..9000, codel()).prop_map(|(flows, quantum, codel)| {
            Discipline::FqCodel(FqCodel { flows, quantum: Bytes::new(quantum), codel })
        }),
    ]
}

/// Rates and delays that change while the traffic lasts.
fn schedule() -> impl Strategy<Value = Schedule> {
    let rate = prop_oneof![Just(Rate::from_bps(0)), rate()];
    let step = (1u64..3000, rate, prop::option::of(micros(5000)));
    (prop::collection::vec(step, 1..5), 1u64..5000).prop_map(|(steps, rest)| {
        let mut at = Duration::ZERO;
        let step = |(gap, rate, delay)| {
            at += Duration::from_micros(gap);
            Step { at, rate: Some(rate), delay }
        };
        let steps = steps.into_iter().map(step).collect();
        Schedule { steps, repeat: Some(at + Duration::from_micros(rest)) }
    })
}

/// A link with any of the stages.
fn any_link() -> impl Strategy<Value = LinkConfig> {
    let order = (prop::option::of(reordering()), prop::option::of(jitter()), probability());
    (ordered_link(), order, discipline(), prop::option::of(schedule())).prop_map(
        |(link, (reordering, jitter, duplication), discipline, schedule)| {
            let schedule = schedule.filter(|_| link.rate.is_some());
            LinkConfig { reordering, jitter, duplication, discipline, schedule, ..link }
        },
    )
}

/// The queued packets' departures by the formula as written: fractions with the rate as denominator.
fn departures(rate: Rate, traffic: &Traffic, fates: &[Fate]) -> Vec<(Time, usize)> {
    let rate = u128::from(rate.as_bps());
    let mut free = 0u128;
    let mut departures = Vec::new();
    for (i, (at, size)) in entries(traffic).into_iter().enumerate() {
        if fates[i] == Fate::Queued {
            free = free.max(u128::from(at.as_nanos()) * rate) + u128::from(size.get()) * 8_000_000_000;
            let free_ns = u64::try_from(free.div_ceil(rate)).expect("the traffic is short");
            departures.push((Time::from_nanos(free_ns), i));
        }
    }
    departures
}

proptest! {
    #[test]
    fn every_valid_link_conserves_its_packets(config in any_link(), traffic in traffic(), seed: u64) {
        prop_assert_eq!(config.validate(), Ok(()));
        let (link, outcome) = run(&config, seed, &traffic, Polling::Eager);
        let taken = |fate: &&Fate| matches!(fate, Fate::Queued | Fate::Marked);
        let queued = outcome.fates.iter().filter(taken).count() as u64;
        prop_assert_eq!(link.in_flight(), 0);
        if !matches!(config.discipline, Discipline::Codel(_) | Discipline::FqCodel(_)) {
            prop_assert_eq!(link.counters().delivered, queued + link.counters().duplicated);
        }
        prop_assert!(outcome.deliveries.is_sorted_by_key(|delivery| delivery.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_however_polled(config in any_link(), traffic in traffic(), seed: u64) {
        let (_, eager) = run(&config, seed, &traffic, Polling::Eager);
        let (_, lazy) = run(&config, seed, &traffic, Polling::AtTheEnd);
        prop_assert_eq!(eager, lazy);
    }

    /// A packet that is handed over comes out when a polled one does, or meets the same fate; whenever somebody looks, the
    /// link has counted the same.
    #[test]
    fn a_conduit_is_polling_ahead_of_time(
        loss in loss(),
        queue in queue(),
        rate in prop::option::of(rate()),
        delay in micros(50_000),
        traffic in traffic(),
        seed: u64,
    ) {
        let config = LinkConfig { rate, delay, queue, loss, ..LinkConfig::default() };
        let (polled, outcome) = run(&config, seed, &traffic, Polling::Eager);
        let mut link = Link::<usize>::new(&config, seed);
        let mut conduit = link.to_conduit().unwrap();
        let mut deliveries = Vec::new();
        for (i, (at, size)) in entries(&traffic).into_iter().enumerate() {
            let fate = link.handle_packet(at, size, i);
            match conduit.pass(at, size) {
                Ok(delivered) => deliveries.push((delivered, i)),
                Err(lost) => prop_assert_eq!(lost, fate),
            }
            prop_assert_eq!(outcome.fates[i], fate);
            let later = Time::from_nanos(at.as_nanos() + 7000 * (i as u64 % 3));
            prop_assert_eq!(conduit.backlog(later), link.backlog(later));
            prop_assert_eq!(conduit.usage(later), link.usage(later));
        }
        prop_assert_eq!(deliveries, outcome.deliveries);
        prop_assert_eq!(conduit.counters(), polled.counters());
        prop_assert_eq!(conduit.usage(END), polled.usage(END));
    }

    #[test]
    fn without_reordering_the_order_is_kept(
        config in ordered_link(), jitter in prop::option::of(jitter()), traffic in traffic(), seed: u64,
    ) {
        let jitter = jitter.map(|jitter| Jitter { reorder: false, ..jitter });
        let (link, outcome) = run(&LinkConfig { jitter, ..config }, seed, &traffic, Polling::Eager);
        prop_assert!(outcome.deliveries.is_sorted_by_key(|delivery| delivery.1));
        prop_assert_eq!(link.counters().reordered, 0);
    }

    /// Whatever decides at the head: within a flow the order is kept.
    #[test]
    fn disciplines_keep_the_order_of_a_flow(
        config in ordered_link(), discipline in discipline(), traffic in traffic(), seed: u64,
    ) {
        let (_, outcome) = run(&LinkConfig { discipline, ..config }, seed, &traffic, Polling::Eager);
        for flow in 0..3 {
            let packets = outcome.deliveries.iter().map(|delivery| delivery.1).filter(|i| i % 3 == flow);
            prop_assert!(packets.is_sorted());
        }
    }

    /// Each packet gets the work that its size is, summed over the rates of the schedule nanosecond by span.
    #[test]
    fn departures_follow_a_schedule(
        rate in rate(), steps in prop::collection::vec((1u64..500, 1_000_000u64..1_000_000_000), 1..5),
        traffic in traffic(),
    ) {
        let mut at = 0;
        let steps: Vec<(u64, u64)> = steps.into_iter().map(|(gap, bps)| { at += gap * 1000; (at, bps) }).collect();
        let schedule = Some(Schedule {
            steps: steps.iter().map(|&(at, bps)| Step {
                at: Duration::from_nanos(at), rate: Some(Rate::from_bps(bps)), delay: None,
            }).collect(),
            repeat: None,
        });
        let config = LinkConfig { rate: Some(rate), schedule, ..LinkConfig::default() };
        let (_, outcome) = run(&config, 0, &traffic, Polling::AtTheEnd);
        // Work done by the wire up to a time, if it were always busy.
        let work = |until: u64| {
            let mut spans = vec![(0, rate.as_bps())];
            spans.extend(&steps);
            spans.iter().enumerate().map(|(i, &(from, bps))| {
                let to = spans.get(i + 1).map_or(u64::MAX, |next| next.0).min(until);
                u128::from(to.saturating_sub(from)) * u128::from(bps)
            }).sum::<u128>()
        };
        let mut done = 0u128;
        for (i, (entered, size)) in entries(&traffic).into_iter().enumerate() {
            done = done.max(work(entered.as_nanos())) + u128::from(size.get()) * 8_000_000_000;
            let departs = outcome.deliveries[i].0.as_nanos();
            prop_assert!(work(departs) >= done && work(departs - 1) < done, "packet {i}");
        }
    }

    #[test]
    fn departures_follow_the_formula(
        config in ordered_link(), rate in rate(), traffic in traffic(), seed: u64,
    ) {
        let config = LinkConfig { rate: Some(rate), delay: Duration::ZERO, ..config };
        let (_, outcome) = run(&config, seed, &traffic, Polling::AtTheEnd);
        prop_assert_eq!(&outcome.deliveries, &departures(rate, &traffic, &outcome.fates));
    }

    /// Between any two departures no more bits than rate times time, up to the rounding of one to a
    /// nanosecond.
    #[test]
    fn the_rate_is_never_exceeded(config in ordered_link(), rate in rate(), traffic in traffic(), seed: u64) {
        let config = LinkConfig { rate: Some(rate), ..config };
        let (_, outcome) = run(&config, seed, &traffic, Polling::AtTheEnd);
        for (first, begin) in outcome.deliveries.iter().enumerate() {
            let mut bytes = 0;
            for end in &outcome.deliveries[first + 1..] {
                bytes += u128::from(traffic[end.1].1);
                let nanos = (end.0 - begin.0).as_nanos() + 1;
                prop_assert!(bytes * 8_000_000_000 <= nanos * u128::from(rate.as_bps()));
            }
        }
    }

    /// At each entry the packets that have not departed are counted anew; the limit decides, and only it.
    #[test]
    fn the_queue_holds_what_its_limit_says(
        queue in queue(), rate in rate(), traffic in traffic(),
    ) {
        let config = LinkConfig { rate: Some(rate), queue, ..LinkConfig::default() };
        let (link, outcome) = run(&config, 0, &traffic, Polling::AtTheEnd);
        let entries = entries(&traffic);
        let (mut most_packets, mut most_bytes) = (0, 0);
        for (i, &(now, size)) in entries.iter().enumerate() {
            let there = outcome.deliveries.iter().filter(|&&(departs, j)| j < i && departs > now);
            let (packets, bytes) =
                there.fold((1, size.get()), |(packets, bytes), &(_, j)| (packets + 1, bytes + entries[j].1.get()));
            let fits = match queue {
                Queue::Unlimited => true,
                Queue::Packets(limit) => packets <= limit,
                Queue::Bytes(limit) => bytes <= limit.get(),
            };
            prop_assert_eq!(outcome.fates[i] == Fate::Queued, fits);
            if fits {
                (most_packets, most_bytes) = (most_packets.max(packets), most_bytes.max(bytes));
            }
        }
        prop_assert_eq!(link.counters().queue_largest_packets, most_packets);
        prop_assert_eq!(link.counters().queue_largest_bytes, Bytes::new(most_bytes));
    }

    /// With packets enough and no timeout, a held packet is overtaken by `depth` that were not held.
    #[test]
    fn a_held_packet_is_overtaken_by_depth(depth in 1u32..6, probability in 0.0..0.5, seed: u64) {
        let reordering = Some(Reordering { probability, depth, timeout: Duration::from_secs(1000) });
        let config = LinkConfig { reordering, ..LinkConfig::default() };
        let (_, outcome) = run(&config, seed, &vec![(1000, 1500); 200], Polling::Eager);
        let order: Vec<usize> = outcome.deliveries.iter().map(|delivery| delivery.1).collect();
        for (place, &i) in order.iter().enumerate().filter(|&(_, &i)| i < 150) {
            let overtakers = order[..place].iter().filter(|&&j| j > i).count();
            prop_assert!(overtakers == 0 || overtakers == depth as usize, "{i} by {overtakers}");
        }
    }

    /// Little's law holds per packet: the integral of the backlog is the sum of the stays.
    #[test]
    fn the_mean_backlog_is_the_sum_of_the_stays(rate in rate(), traffic in traffic()) {
        let config = LinkConfig { rate: Some(rate), ..LinkConfig::default() };
        let (link, outcome) = run(&config, 0, &traffic, Polling::AtTheEnd);
        let entries = entries(&traffic);
        let end = outcome.deliveries.last().unwrap().0;
        let stays: f64 = outcome.deliveries.iter().map(|&(at, i)| (at - entries[i].0).as_secs_f64()).sum();
        let expected = stays / (end - entries[0].0).as_secs_f64();
        let mean = link.usage(end).mean_packets();
        prop_assert!((mean / expected - 1.0).abs() < 1e-6, "{} {}", mean, expected);
    }
}
