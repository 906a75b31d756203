//! When to look, and what comes out: marks in virtual time, and the outcome.

use wad_model::Time;
use wad_path::Usage;

use super::flow::{Flow, Reading};
use super::net::{Losses, Marks, Net, Reading as LinkReading};
use crate::nanos::Nanos;
use crate::observer::LinkState;
use crate::outcome::{FlowOutcome, LinkOutcome, Outcome, ReceiveBufferOutcome, Total, Work};
use crate::scenario::{Flow as Planned, Network, Scenario};
use crate::tcp::core::NEVER;
use crate::tcp::statistics::Moments;

/// Knows when to look, and what to call things.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    warm_up: Time,
    end: Time,
    interval: Option<Nanos>,
    next_sample: Time,
    /// When flows are steered.
    steering: Option<Nanos>,
    next_steering: Time,
    next_mark: Time,
    flows: Vec<Description>,
    /// What had been counted of each flow at the end of the warm-up, if there was one.
    before: Vec<Reading>,
    links: Vec<LinkDescription>,
}

#[derive(Clone, Debug)]
struct Description {
    name: Box<str>,
    control: &'static str,
    segment: u32,
    header: u32,
}

#[derive(Clone, Debug)]
struct LinkDescription {
    name: String,
    /// Whether the wire takes time.
    has_rate: bool,
    /// The usage at the last sample.
    sampled: Usage,
}

impl Meter {
    pub(crate) fn new(scenario: &Scenario, network: &Network, flows: &[Planned<'_>]) -> Self {
        let warm_up = Nanos::from(scenario.warm_up).after(Time::ZERO);
        let describe = |flow: &Planned<'_>| {
            let endpoints = flow.config.endpoints(scenario.conventions);
            Description {
                name: flow.name.as_str().into(),
                control: flow.config.control.name(),
                segment: u32::try_from(endpoints.segment.get()).unwrap_or(u32::MAX),
                header: u32::try_from(endpoints.header.get()).unwrap_or(u32::MAX),
            }
        };
        let links = network.links.iter().map(|link| LinkDescription {
            name: link.name.clone(),
            has_rate: link.config.rate.is_some(),
            sampled: Usage::default(),
        });
        Self {
            warm_up,
            end: Nanos::from(scenario.duration).after(Time::ZERO),
            interval: None,
            next_sample: NEVER,
            steering: None,
            next_steering: NEVER,
            next_mark: warm_up,
            flows: flows.iter().map(describe).collect(),
            before: Vec::new(),
            links: links.collect(),
        }
    }

    pub(crate) fn set_interval(&mut self, interval: Option<Nanos>) {
        self.interval = interval.filter(|interval| *interval > Nanos::ZERO);
        if let Some(interval) = self.interval {
            self.next_sample = interval.after(Time::ZERO);
            self.next_mark = self.next_mark.min(self.next_sample);
        }
    }

    /// Flows are steered so often.
    pub(crate) fn set_steering(&mut self, interval: Option<Nanos>) {
        self.steering = interval.filter(|interval| *interval > Nanos::ZERO);
        if let Some(interval) = self.steering {
            self.next_steering = interval.after(Time::ZERO);
            self.next_mark = self.next_mark.min(self.next_steering);
        }
    }

    pub(crate) fn is_steering(&self) -> bool {
        self.next_mark == self.next_steering
    }

    /// The next mark, in nanoseconds.
    #[inline]
    pub(crate) fn next_mark(&self) -> u64 {
        self.next_mark.as_nanos()
    }

    pub(crate) fn next_mark_time(&self) -> Time {
        self.next_mark
    }

    pub(crate) fn is_sample(&self) -> bool {
        self.next_mark == self.next_sample
    }

    pub(crate) fn is_warm_up(&self) -> bool {
        self.next_mark == self.warm_up
    }

    /// Goes on to the next mark; returns whether this one was the end.
    pub(crate) fn advance(&mut self) -> bool {
        let now = self.next_mark;
        if now >= self.end {
            return true;
        }
        if let (Some(interval), true) = (self.interval, now == self.next_sample) {
            self.next_sample = interval.after(now);
        }
        if let (Some(interval), true) = (self.steering, now == self.next_steering) {
            self.next_steering = interval.after(now);
        }
        let warm_up = if self.warm_up > now { self.warm_up } else { self.end };
        self.next_mark = warm_up.min(self.next_sample).min(self.next_steering).min(self.end);
        false
    }

    /// Between which times everything counts.
    pub(crate) fn marks(&self) -> Marks {
        Marks([self.warm_up, self.end])
    }

    /// The end of the warm-up: from here on everything counts.
    pub(crate) fn note_warm_up(&mut self, net: &mut Net, flows: &mut [Flow]) {
        for flow in flows {
            let reading = flow.read_warm_up(self.marks());
            if self.warm_up > Time::ZERO {
                self.before.push(reading);
            }
            flow.sender.core.rtts = Moments::default();
        }
        for link in 0..self.links.len() {
            net.reading(link, 0);
        }
    }

    /// A link at a sample.
    pub(crate) fn link_state(&mut self, net: &Net, index: usize, now: Time) -> LinkState {
        let edge = &net.edges[index];
        let LinkReading { usage, counters } = edge.read(now);
        let description = &mut self.links[index];
        let interval = usage.after(&description.sampled);
        description.sampled = usage;
        let backlog = edge.backlog(now);
        LinkState {
            queue_packets: backlog.packets,
            queue_bytes: backlog.bytes.get(),
            entered: counters.entered,
            entered_bytes: counters.entered_bytes.get(),
            dropped_by_queue: counters.dropped_by_queue + counters.dropped_early,
            lost_by_model: counters.lost_by_model,
            utilisation: if description.has_rate { interval.utilisation() } else { 0.0 },
        }
    }

    /// What there was. Flows are given up from the last on, so that what they took makes room for what is told of them.
    pub(crate) fn outcome(&self, net: &mut Net, mut flows: Vec<Flow>, work: Work) -> Outcome {
        let measured = Nanos::between(self.warm_up, self.end);
        let seconds = measured.as_secs_f64();
        let mut outcomes = Vec::new();
        while let Some(mut flow) = flows.pop() {
            let index = flows.len();
            let reading = flow.read(self.end);
            let before = self.before.get(index).copied().unwrap_or_default();
            let losses = net.losses[index];
            outcomes.push(self.flows[index].outcome(&flow, [&before, &reading], losses, seconds, self.end));
            if index.is_multiple_of(256) {
                flows.shrink_to_fit();
                outcomes.reserve_exact(index.min(256));
            }
        }
        outcomes.reverse();
        let total = total(&outcomes);
        for flow in &mut outcomes {
            flow.share = if total.goodput_bps > 0.0 { flow.goodput_bps / total.goodput_bps } else { 0.0 };
        }
        let links = self.links.iter().enumerate().map(|(link, description)| {
            description.outcome(&net.reading(link, 0), &net.reading(link, 1), measured)
        });
        let links = links.collect();
        Outcome { measured_s: seconds, flows: outcomes, links, cross_traffic: Vec::new(), total, work }
    }
}

impl Description {
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    fn outcome(
        &self,
        flow: &Flow,
        [before, reading]: [&Reading; 2],
        losses: Losses,
        seconds: f64,
        end: Time,
    ) -> FlowOutcome {
        let counters = reading.counters.since(&before.counters);
        let (arrivals, arrivals_before) = (reading.arrived.arrivals, before.arrived.arrivals);
        let delivered = reading.arrived.delivered - before.arrived.delivered;
        let read = reading.arrived.read - before.arrived.read;
        let arrived = arrivals.segments - arrivals_before.segments;
        let Losses { dropped, lost, .. } = losses;
        let (segment, wire) = (u64::from(self.segment), u64::from(self.segment) + u64::from(self.header));
        let bps = |segments: u64, bytes: u64| (segments * bytes * 8) as f64 / seconds;
        let part = |part: u64, whole: u64| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
        FlowOutcome {
            name: self.name.to_string(),
            control: self.control,
            goodput_bps: bps(read, segment),
            tcp_goodput_bps: bps(delivered, wire),
            sent_bps: bps(counters.sent, wire),
            share: 0.0,
            received_bytes: read * segment,
            acked_segments: reading.acked - before.acked,
            sent_segments: counters.sent,
            retransmitted_segments: counters.retransmitted,
            spurious_segments: arrivals.duplicates - arrivals_before.duplicates,
            congestion_events: counters.congestion_events,
            timeouts: counters.timeouts,
            send_stalls: counters.send_stalls,
            dropped_segments: dropped,
            lost_segments: lost,
            loss: part(dropped + lost, counters.sent),
            reordered: part(arrivals.reordered - arrivals_before.reordered, arrived),
            marked_segments: arrivals.marked - arrivals_before.marked,
            rtt: flow.sender.core.rtts.outcome(),
            mean_cwnd_segments: (reading.window_seconds - before.window_seconds) / seconds,
            receive_buffer: flow.far.receiver.buffer().map(|buffer| ReceiveBufferOutcome {
                largest_bytes: u64::from(buffer.largest()) * segment,
                left_bytes: u64::from(buffer.held(end)) * segment,
                window_probes: flow.sender.window_probes(),
            }),
            completed_s: flow.duration().map(Nanos::as_secs_f64),
        }
    }
}

impl LinkDescription {
    fn outcome(&self, before: &LinkReading, end: &LinkReading, measured: Nanos) -> LinkOutcome {
        let usage = end.usage.after(&before.usage);
        // Usage begins with the first packet; what was before it counts as idle.
        let covered = Nanos::between(usage.since, usage.until).as_secs_f64() / measured.as_secs_f64();
        let (first, last) = (&before.counters, &end.counters);
        LinkOutcome {
            name: self.name.clone(),
            utilisation: if self.has_rate { usage.utilisation() * covered } else { 0.0 },
            queue_mean_packets: usage.mean_packets() * covered,
            queue_mean_bytes: usage.mean_bytes() * covered,
            queue_max_packets: last.queue_largest_packets,
            queue_max_bytes: last.queue_largest_bytes.get(),
            entered_packets: last.entered - first.entered,
            entered_bytes: (last.entered_bytes - first.entered_bytes).get(),
            dropped_by_queue: last.dropped_by_queue + last.dropped_early
                - first.dropped_by_queue
                - first.dropped_early,
            lost_by_model: last.lost_by_model - first.lost_by_model,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "flows are far fewer than 2^53")]
fn total(flows: &[FlowOutcome]) -> Total {
    let sum = |of: fn(&FlowOutcome) -> u64| flows.iter().map(of).sum();
    let goodput: f64 = flows.iter().map(|flow| flow.goodput_bps).sum();
    let squares: f64 = flows.iter().map(|flow| flow.goodput_bps * flow.goodput_bps).sum();
    Total {
        goodput_bps: goodput,
        // R. Jain, D. Chiu, W. Hawe 1984: (sum x)^2 / (n sum x^2)
        fairness: if squares > 0.0 { goodput * goodput / (flows.len() as f64 * squares) } else { 1.0 },
        sent_segments: sum(|flow| flow.sent_segments),
        retransmitted_segments: sum(|flow| flow.retransmitted_segments),
        timeouts: sum(|flow| flow.timeouts),
    }
}
