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
/// Rates are those of so many round trips: over one, a flow that sends in bursts seems to stop between them.
const ROUND_TRIPS: usize = 5;

type Points = Vec<(f64, f64)>;

/// Gathers what a picture needs while a scenario runs.
#[derive(Clone, Debug)]
pub struct Picture {
    interval: Duration,
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
    cwnd: Points,
    /// Bits received so far.
    received: Points,
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
            cwnd: Vec::new(),
            received: vec![(0.0, 0.0)],
            rtt: Vec::new(),
        });
        let rates: Vec<_> = survey.flows.iter().filter_map(|flow| Some(flow.slowest?.1)).collect();
        let same = rates.iter().all(|rate| Some(rate) == rates.first());
        Self {
            interval,
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
        let seconds = now.as_secs_f64();
        let Some(lines) = self.flows.get_mut(flow.0 as usize) else { return };
        lines.received.push((seconds, state.read as f64 * lines.segment_bits));
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
            self.next = self.next + self.interval;
        }
    }

    /// The picture.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let mut drawn: Vec<&Lines> = self.flows.iter().collect();
        drawn.sort_by(|a, b| b.total().total_cmp(&a.total()));
        drawn.truncate(MOST);
        let step = self.step();
        let panel = |axis, of: &dyn Fn(&Lines) -> Points, style| {
            drawn.iter().fold(Panel::new(axis), |panel, lines| {
                panel.series(Series::new(lines.name.clone(), of(lines)).style(style))
            })
        };
        let goodput = Axis::new("Goodput", Unit::BitsPerSecond);
        let mut rates = panel(goodput, &|lines| lines.rate(step), Style::Line);
        if self.flows.len() > 1 {
            rates = rates.series(Series::new(format!("all {}", self.flows.len()), self.total(step)));
        }
        if let Some(rate) = self.rate {
            #[expect(clippy::cast_precision_loss, reason = "a rate is far below 2^53")]
            let bps = rate.as_bps() as f64;
            rates = rates.reference(bps, "rate of the path");
        }
        let queue = self.links.iter().fold(Panel::new(Axis::new("Queue", Unit::Bytes)), |panel, queue| {
            panel.series(Series::new(format!("queue {}", queue.name), queue.bytes.clone()))
        });
        let over = format_duration(self.interval * u32::try_from(step).unwrap_or(1));
        let windows = Axis::new("Congestion window", Unit::Segments);
        let round_trips = Axis::new("Round-trip time", Unit::Seconds);
        Figure::new("Simulated transfer", Axis::new("Time", Unit::Seconds))
            .subtitle(format!("{}; rates over {}", self.subtitle, over))
            .panel(rates)
            .panel(panel(windows, &|lines| lines.cwnd.clone(), Style::Steps))
            .panel(panel(round_trips, &|lines| lines.rtt.clone(), Style::Line))
            .panel(queue)
    }

    /// Over how many looks a rate is taken.
    fn step(&self) -> usize {
        let looks = self.flows.first().map_or(0, |lines| lines.received.len() - 1);
        ROUND_TRIPS.min(looks / 20).max(1)
    }

    fn total(&self, step: usize) -> Points {
        let rates: Vec<Points> = self.flows.iter().map(|lines| lines.rate(step)).collect();
        let times = rates.first().map_or(&[][..], |rate| rate);
        let sum = |place: usize| rates.iter().filter_map(|rate| Some(rate.get(place)?.1)).sum();
        times.iter().enumerate().map(|(place, (time, _))| (*time, sum(place))).collect()
    }
}

impl Lines {
    /// What was received over each step, a second.
    fn rate(&self, step: usize) -> Points {
        let rate = |ends: &[(f64, f64)]| {
            let [(from, before), .., (to, after)] = ends else { return (0.0, f64::NAN) };
            (*to, (after - before) / (to - from))
        };
        self.received.windows(step + 1).map(rate).collect()
    }

    fn total(&self) -> f64 {
        self.received.last().map_or(0.0, |(_, bits)| *bits)
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
