//! What can be read off a scenario before it runs: round trips, slowest links, windows.

use std::time::Duration;

use wad_model::{Bytes, Rate};
use wad_sim::scenario::{Amount, Application, Endpoints, Network};
use wad_sim::{Scenario, ScenarioError};

/// A scenario's flows and links, without running it.
#[derive(Clone, Debug)]
pub struct Survey {
    /// Its network.
    pub network: Network,
    /// Each flow, in the order of results.
    pub flows: Vec<FlowFacts>,
    /// How many flows send their data over each link.
    shared_by: Vec<usize>,
}

/// What is known of a flow beforehand.
#[derive(Clone, Debug)]
pub struct FlowFacts {
    /// Its name.
    pub name: String,
    /// Its entry in the scenario.
    pub entry: usize,
    /// Its endpoints, with nothing left open.
    pub endpoints: Endpoints,
    /// When it starts.
    pub start: Duration,
    /// The nodes at which it starts and ends.
    pub ends: (usize, usize),
    /// The links of its data.
    pub forward: Vec<usize>,
    /// The links of its acknowledgements.
    pub backward: Vec<usize>,
    /// Delays of all links there and back, mean jitter included; nothing waits and sending takes no time.
    pub round_trip: Duration,
    /// The same with the time that a full segment and its acknowledgement take to be sent.
    pub unloaded: Duration,
    /// The slowest link of its data and its rate; none if all are infinitely fast.
    pub slowest: Option<(usize, Rate)>,
    /// A full segment on the wire.
    pub wire: Bytes,
    /// Which window is the smallest.
    pub window_limit: WindowLimit,
    /// Whether its application has data without end.
    pub is_bulk: bool,
}

/// What bounds the data in flight, congestion control apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowLimit {
    /// Nothing.
    None,
    /// The receiver's window.
    Receiver,
    /// The receiver's buffer.
    ReceiveBuffer,
    /// The sender's buffer.
    SendBuffer,
    /// A window of the application's own.
    Application,
}

impl Survey {
    /// Looks at a scenario.
    ///
    /// # Errors
    /// It has no network, or flows have no way through it.
    pub fn new(scenario: &Scenario) -> Result<Self, ScenarioError> {
        let network = scenario.topology.build()?;
        let expanded = scenario.expand(&network)?;
        let entries = scenario.flows.iter().enumerate();
        let entries = entries.flat_map(|(entry, config)| (0..config.count).map(move |_| entry));
        let facts = |(entry, flow): (usize, &wad_sim::scenario::Flow<'_>)| {
            let endpoints = flow.config.endpoints(scenario.conventions);
            let wire = endpoints.segment + endpoints.header;
            let delay =
                |route: &[usize]| -> Duration { route.iter().map(|&link| delay(&network, link)).sum() };
            let sending = |route: &[usize], size| -> Duration {
                route
                    .iter()
                    .filter_map(|&link| Some(network.links[link].config.rate?.time_to_send(size)))
                    .sum()
            };
            let round_trip = delay(&flow.forward) + delay(&flow.backward);
            let rate = |&link: &usize| Some((link, network.links[link].config.rate?));
            FlowFacts {
                name: flow.name.clone(),
                entry,
                start: flow.start,
                ends: ends(&network, &flow.forward),
                round_trip,
                unloaded: round_trip
                    + sending(&flow.forward, wire)
                    + sending(&flow.backward, endpoints.header),
                slowest: flow.forward.iter().filter_map(rate).min_by_key(|(_, rate)| *rate),
                wire,
                window_limit: window_limit(flow.config, endpoints.segment),
                is_bulk: matches!(flow.config.application, Application::Bulk | Application::Window { .. }),
                forward: flow.forward.clone(),
                backward: flow.backward.clone(),
                endpoints,
            }
        };
        let flows: Vec<FlowFacts> = entries.zip(&expanded).map(facts).collect();
        let mut shared_by = vec![0; network.links.len()];
        flows.iter().flat_map(|flow| &flow.forward).for_each(|&link| shared_by[link] += 1);
        Ok(Self { flows, network, shared_by })
    }

    /// How many flows send their data over a link.
    #[must_use]
    pub fn flows_over(&self, link: usize) -> usize {
        self.shared_by.get(link).copied().unwrap_or(0)
    }

    /// The name of a link.
    #[must_use]
    pub fn link_name(&self, link: usize) -> &str {
        self.network.links.get(link).map_or("", |link| &link.name)
    }
}

impl FlowFacts {
    /// Whether no window bounds it.
    #[must_use]
    pub fn is_windowless(&self) -> bool {
        self.window_limit == WindowLimit::None && self.endpoints.max_window.is_none()
    }

    /// Whether it has data without end and nothing ever stops it from sending faster.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.is_bulk && self.slowest.is_none() && self.is_windowless()
    }
}

fn delay(network: &Network, link: usize) -> Duration {
    let config = &network.links[link].config;
    config.delay + config.jitter.as_ref().map_or(Duration::ZERO, |jitter| jitter.mean)
}

fn ends(network: &Network, forward: &[usize]) -> (usize, usize) {
    let first = forward.first().map_or(0, |&link| network.links[link].from);
    let last = forward.last().map_or(0, |&link| network.links[link].to);
    (first, last)
}

fn window_limit(flow: &wad_sim::scenario::FlowConfig, segment: Bytes) -> WindowLimit {
    let own = match flow.application {
        Application::Window { bytes } => Some(Amount::Bytes(bytes)),
        _ => None,
    };
    let windows = [
        (flow.window, WindowLimit::Receiver),
        (flow.receive_buffer, WindowLimit::ReceiveBuffer),
        (flow.send_buffer, WindowLimit::SendBuffer),
        (own, WindowLimit::Application),
    ];
    let given = windows.into_iter().filter_map(|(amount, limit)| Some((amount?.in_segments(segment), limit)));
    given.min_by_key(|(segments, _)| *segments).map_or(WindowLimit::None, |(_, limit)| limit)
}
