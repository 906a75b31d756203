//! A run as a picture: rates, windows, round trips and queues over time.

use std::time::Duration;

use wad_model::{Rate, Time, format_duration};
use wad_plot::{Axis, Figure, Panel, Series, Style, Unit};
use wad_sim::{FlowId, FlowState, LinkId, LinkState, Nanos, Scenario};

use super::table::summary;
use crate::survey::Survey;

/// As many flows, and as many links, as are drawn one by one.
const MOST: usize = 6;
/// A picture has no room for more points of a line.
const FINEST: u32 = 600;
/// Fewer would not show what happened.
const COARSEST: u32 = 60;

type Points = Vec<(f64, f64)>;

/// Gathers what a picture needs while a scenario runs.
#[derive(Clone, Debug)]
pub struct Picture {
    interval: Duration,
    /// The last look.
    before: Time,
    next: Time,
    flows: Vec<Lines>,
    /// How many links the network has.
    all_links: usize,
    links: Vec<Queue>,
    subtitle: String,
    rate: Option<Rate>,
}

#[derive(Clone, Debug)]
struct Lines {
    name: String,
    segment_bits: f64,
    /// Segments received up to the last look.
    received: u64,
    cwnd: Points,
    rate: Points,
    rtt: Points,
}

#[derive(Clone, Debug)]
struct Queue {
    link: usize,
    name: String,
    bytes: Points,
}

impl Picture {
    /// Of a scenario: a point a round trip, as far as a picture has room for them.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the size of a segment is far below 2^53")]
    pub fn new(scenario: &Scenario, survey: &Survey) -> Self {
        let round_trip = survey.flows.iter().map(|flow| flow.round_trip).max().unwrap_or_default();
        let (finest, coarsest) = (scenario.duration / FINEST, scenario.duration / COARSEST);
        let interval = round_trip.clamp(finest, coarsest).max(Duration::from_nanos(1));
        let flows = survey.flows.iter().map(|flow| Lines {
            name: flow.name.clone(),
            segment_bits: flow.endpoints.segment.get() as f64 * 8.0,
            received: 0,
            cwnd: Vec::new(),
            rate: Vec::new(),
            rtt: Vec::new(),
        });
        let rates: Vec<_> = survey.flows.iter().filter_map(|flow| Some(flow.slowest?.1)).collect();
        let same = rates.iter().all(|rate| Some(rate) == rates.first());
        Self {
            interval,
            before: Time::ZERO,
            next: Time::ZERO + interval,
            flows: flows.collect(),
            all_links: survey.network.links.len(),
            links: queues(survey),
            subtitle: summary(scenario, survey),
            rate: rates.first().copied().filter(|_| same),
        }
    }

    pub(super) const fn interval(&self) -> Duration {
        self.interval
    }

    #[expect(clippy::cast_precision_loss, reason = "segments of a run are far below 2^53")]
    pub(super) fn flow_sample(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        if now < self.next {
            return;
        }
        let (seconds, step) = (now.as_secs_f64(), (now - self.before).as_secs_f64());
        let lines = &mut self.flows[flow.0 as usize];
        let gained = state.received - lines.received;
        lines.received = state.received;
        lines.rate.push((seconds, gained as f64 * lines.segment_bits / step));
        lines.cwnd.push((seconds, state.cwnd));
        let rtt = if state.rtt > Nanos::ZERO { state.rtt.as_secs_f64() } else { f64::NAN };
        lines.rtt.push((seconds, rtt));
    }

    #[expect(clippy::cast_precision_loss, reason = "a queue is far below 2^53 bytes")]
    pub(super) fn link_sample(&mut self, now: Time, link: LinkId, state: &LinkState) {
        if now < self.next {
            return;
        }
        let link = link.0 as usize;
        if let Some(queue) = self.links.iter_mut().find(|queue| queue.link == link) {
            queue.bytes.push((now.as_secs_f64(), state.queue_bytes as f64));
        }
        // Links come after flows, and the last of them ends the look.
        if link + 1 == self.all_links {
            self.before = now;
            self.next = self.next + self.interval;
        }
    }

    /// The picture.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let mut drawn: Vec<&Lines> = self.flows.iter().collect();
        drawn.sort_by_key(|lines| std::cmp::Reverse(lines.received));
        drawn.truncate(MOST);
        let panel = |axis, of: fn(&Lines) -> &Points, style| {
            drawn.iter().fold(Panel::new(axis), |panel, lines| {
                panel.series(Series::new(lines.name.clone(), of(lines).clone()).style(style))
            })
        };
        let mut rates = panel(Axis::new("Goodput", Unit::BitsPerSecond), |lines| &lines.rate, Style::Line);
        if self.flows.len() > 1 {
            rates = rates.series(Series::new(format!("all {}", self.flows.len()), self.total()));
        }
        if let Some(rate) = self.rate {
            #[expect(clippy::cast_precision_loss, reason = "a rate is far below 2^53")]
            let bps = rate.as_bps() as f64;
            rates = rates.reference(bps, "rate of the path");
        }
        let queue = self.links.iter().fold(Panel::new(Axis::new("Queue", Unit::Bytes)), |panel, queue| {
            panel.series(Series::new(format!("queue {}", queue.name), queue.bytes.clone()))
        });
        let windows = Axis::new("Congestion window", Unit::Segments);
        let round_trips = Axis::new("Round-trip time", Unit::Seconds);
        Figure::new("Simulated transfer", Axis::new("Time", Unit::Seconds))
            .subtitle(format!("{}; rates over {}", self.subtitle, format_duration(self.interval)))
            .panel(rates)
            .panel(panel(windows, |lines| &lines.cwnd, Style::Steps))
            .panel(panel(round_trips, |lines| &lines.rtt, Style::Line))
            .panel(queue)
    }

    fn total(&self) -> Points {
        let times = self.flows.first().map_or(&[][..], |lines| &lines.rate);
        let sum = |place: usize| self.flows.iter().filter_map(|lines| Some(lines.rate.get(place)?.1)).sum();
        times.iter().enumerate().map(|(place, (time, _))| (*time, sum(place))).collect()
    }
}

/// The slowest links of the flows, in the order of their numbers.
fn queues(survey: &Survey) -> Vec<Queue> {
    let mut links: Vec<usize> = survey.flows.iter().filter_map(|flow| Some(flow.slowest?.0)).collect();
    links.sort_unstable();
    links.dedup();
    links.truncate(MOST);
    let queue = |link| Queue { link, name: survey.link_name(link).to_owned(), bytes: Vec::new() };
    links.into_iter().map(queue).collect()
}
