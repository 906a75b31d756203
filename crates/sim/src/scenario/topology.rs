//! Nodes, links and routes, as written and as built.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use wad_path::{LinkConfig, PathConfig};

use super::ScenarioError;

/// As many links as a packet can count.
const LONGEST_ROUTE: usize = 254;

/// What the network looks like.
///
/// ```toml
/// [topology.dumbbell]
/// bottleneck = { forward = { rate = "50 Mbit/s", delay = "100 ms", queue = { packets = 300 } } }
/// access = { rate = "90 Mbit/s", delay = "20 ms" }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Topology {
    /// Senders on the left, receivers on the right, one link between.
    Dumbbell(Dumbbell),
    /// A chain of routers: long flows share each link with those of its own.
    ParkingLot(ParkingLot),
    /// Any nodes and links.
    Custom(Custom),
}

impl Default for Topology {
    fn default() -> Self {
        Self::Dumbbell(Dumbbell::default())
    }
}

/// Two routers `r1` and `r2` with the bottleneck between them. Senders `left1`, `left2`, ... and receivers
/// `right1`, ... hang on access links; without access links, flows start and end at the routers.
///
/// Flow by flow, pairs of hosts are used in turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dumbbell {
    /// The link between the routers. Where `backward` is left out it has the rate and the delay of
    /// `forward`, no losses, and an unlimited queue.
    pub bottleneck: TwoWay,
    /// The links of the hosts, each way; none if the hosts are the routers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<LinkConfig>,
    /// How many pairs of hosts there are; 0 counts as 1.
    pub pairs: u32,
}

/// A chain of routers `r0`, `r1`, ... with a host `h0`, `h1`, ... at each (the same as the router if there
/// are no access links). A flow that names no ends goes from the first to the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParkingLot {
    /// How many links the chain has.
    pub hops: u32,
    /// Each of them.
    pub link: TwoWay,
    /// The links of the hosts, each way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<LinkConfig>,
}

/// Any nodes: they exist because links name them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// The links.
    #[serde(rename = "link")]
    pub links: Vec<CustomLink>,
    /// Routes that differ from the shortest (fewest links; of equals the one with the earlier links).
    #[serde(default, rename = "route", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
}

/// A link between two nodes, both ways.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomLink {
    /// One end.
    pub from: String,
    /// The other end.
    pub to: String,
    /// From `from` to `to`.
    pub forward: LinkConfig,
    /// From `to` to `from`; if left out as in [`TwoWay`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backward: Option<LinkConfig>,
}

/// A route by its nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// All nodes from the first to the last.
    pub nodes: Vec<String>,
}

/// Both directions of a link, the second of which may follow from the first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoWay {
    /// The direction of the data.
    pub forward: LinkConfig,
    /// The direction of the acknowledgements. If left out: rate and delay of `forward`, no losses, an
    /// unlimited queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backward: Option<LinkConfig>,
}

impl TwoWay {
    /// Both directions, with what was left out.
    #[must_use]
    pub fn both(&self) -> PathConfig {
        let backward = self.backward.clone().unwrap_or_else(|| quiet(&self.forward));
        PathConfig { forward: self.forward.clone(), backward }
    }
}

/// The same rate and delay, and nothing else.
fn quiet(link: &LinkConfig) -> LinkConfig {
    LinkConfig { rate: link.rate, delay: link.delay, ..LinkConfig::default() }
}

/// A network, built: links by number, nodes by number.
#[derive(Clone, Debug)]
pub struct Network {
    /// Names of the nodes.
    pub nodes: Vec<String>,
    /// All links, one direction each.
    pub links: Vec<OneWay>,
    /// Routes that a scenario names.
    routes: HashMap<(usize, usize), Vec<usize>>,
    /// What a flow that names no ends uses, in turn.
    defaults: Vec<(usize, usize)>,
    /// The first and the last router: what cross-traffic that names no ends uses.
    crossing: Option<(usize, usize)>,
}

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct OneWay {
    /// "r1-r2".
    pub name: String,
    /// The node where packets enter.
    pub from: usize,
    /// The node where they come out.
    pub to: usize,
    /// What it is made of.
    pub config: LinkConfig,
}

impl Topology {
    /// Builds the network.
    ///
    /// # Errors
    /// A link has parameters that it cannot have, or a route names nodes without a link between them.
    pub fn build(&self) -> Result<Network, ScenarioError> {
        let network = match self {
            Self::Dumbbell(dumbbell) => dumbbell.build(),
            Self::ParkingLot(parking_lot) => parking_lot.build()?,
            Self::Custom(custom) => custom.build()?,
        };
        for link in &network.links {
            link.config
                .validate()
                .map_err(|source| ScenarioError::Link { link: link.name.clone(), source })?;
        }
        Ok(network)
    }
}

impl Dumbbell {
    fn build(&self) -> Network {
        let mut network = Network::empty();
        let (r1, r2) = (network.node("r1"), network.node("r2"));
        network.connect(r1, r2, &self.bottleneck.both());
        network.crossing = Some((r1, r2));
        for pair in 1..=self.pairs.max(1) {
            let Some(access) = &self.access else {
                network.defaults.push((r1, r2));
                continue;
            };
            let left = network.node(&format!("left{pair}"));
            let right = network.node(&format!("right{pair}"));
            let both = PathConfig { forward: access.clone(), backward: access.clone() };
            network.connect(left, r1, &both);
            network.connect(r2, right, &both);
            network.defaults.push((left, right));
        }
        network
    }
}

impl ParkingLot {
    fn build(&self) -> Result<Network, ScenarioError> {
        if self.hops == 0 {
            return Err(ScenarioError::Value {
                key: "topology.parking_lot.hops".into(),
                value: "0".into(),
                remedy: "a chain has at least one link",
            });
        }
        let mut network = Network::empty();
        let both = self.link.both();
        let routers: Vec<usize> = (0..=self.hops).map(|i| network.node(&format!("r{i}"))).collect();
        for ends in routers.windows(2) {
            network.connect(ends[0], ends[1], &both);
        }
        network.crossing = Some((routers[0], routers[routers.len() - 1]));
        let hosts = match &self.access {
            None => routers,
            Some(access) => network.hosts(&routers, access),
        };
        network.defaults.push((hosts[0], hosts[hosts.len() - 1]));
        Ok(network)
    }
}

impl Custom {
    fn build(&self) -> Result<Network, ScenarioError> {
        let mut network = Network::empty();
        for CustomLink { from, to, forward, backward } in &self.links {
            let (from, to) = (network.node(from), network.node(to));
            let both = TwoWay { forward: forward.clone(), backward: backward.clone() }.both();
            network.connect(from, to, &both);
        }
        for route in &self.routes {
            network.add_route(route)?;
        }
        if let [first, .., last] = &network.nodes[..] {
            let ends = (network.find("", first)?, network.find("", last)?);
            network.defaults.push(ends);
            network.crossing = Some(ends);
        }
        Ok(network)
    }
}

impl Network {
    fn empty() -> Self {
        Self {
            nodes: Vec::new(),
            links: Vec::new(),
            routes: HashMap::new(),
            defaults: Vec::new(),
            crossing: None,
        }
    }

    /// The node of that name, made if there is none.
    fn node(&mut self, name: &str) -> usize {
        self.nodes.iter().position(|node| node == name).unwrap_or_else(|| {
            self.nodes.push(name.to_owned());
            self.nodes.len() - 1
        })
    }

    fn connect(&mut self, from: usize, to: usize, both: &PathConfig) {
        for (from, to, config) in [(from, to, &both.forward), (to, from, &both.backward)] {
            let name = format!("{}-{}", self.nodes[from], self.nodes[to]);
            self.links.push(OneWay { name, from, to, config: config.clone() });
        }
    }

    fn hosts(&mut self, routers: &[usize], access: &LinkConfig) -> Vec<usize> {
        let both = PathConfig { forward: access.clone(), backward: access.clone() };
        let mut host = |(i, &router): (usize, &usize)| {
            let host = self.node(&format!("h{i}"));
            self.connect(host, router, &both);
            host
        };
        routers.iter().enumerate().map(&mut host).collect()
    }

    fn add_route(&mut self, route: &Route) -> Result<(), ScenarioError> {
        let nodes: Vec<usize> = route
            .nodes
            .iter()
            .map(|name| self.find("topology.custom.route", name))
            .collect::<Result<_, _>>()?;
        let link = |ends: &[usize]| {
            let found = self.links.iter().position(|link| (link.from, link.to) == (ends[0], ends[1]));
            found.ok_or_else(|| self.no_route("topology.custom.route", ends[0], ends[1]))
        };
        let links = nodes.windows(2).map(link).collect::<Result<Vec<usize>, _>>()?;
        if let (Some(&first), Some(&last)) = (nodes.first(), nodes.last()) {
            self.routes.insert((first, last), links);
        }
        Ok(())
    }

    /// The number of a node.
    ///
    /// # Errors
    /// There is no node of that name; `place` says who wanted it.
    pub fn find(&self, place: &str, name: &str) -> Result<usize, ScenarioError> {
        self.nodes.iter().position(|node| node == name).ok_or_else(|| ScenarioError::UnknownNode {
            place: place.to_owned(),
            node: name.to_owned(),
            known: self.nodes.join(", "),
        })
    }

    /// The ends of the `index`-th flow that names none.
    #[must_use]
    pub fn default_ends(&self, index: usize) -> Option<(usize, usize)> {
        (!self.defaults.is_empty()).then(|| self.defaults[index % self.defaults.len()])
    }

    /// The first and the last router, in the direction of the data.
    #[must_use]
    pub fn crossing(&self) -> (Option<usize>, Option<usize>) {
        self.crossing.unzip()
    }

    /// The node that was named, or else the default.
    pub(super) fn end(
        &self,
        place: &str,
        named: Option<&str>,
        default: Option<usize>,
    ) -> Result<usize, ScenarioError> {
        match (named, default) {
            (Some(node), _) => self.find(place, node),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(ScenarioError::Value {
                key: "topology.custom.link".into(),
                value: "[]".into(),
                remedy: "a network needs at least one link",
            }),
        }
    }

    /// The links from one node to another.
    ///
    /// # Errors
    /// There is no way, or it has too many links; `place` says who wanted one.
    pub fn route(&self, place: &str, from: usize, to: usize) -> Result<Vec<usize>, ScenarioError> {
        let known = self.routes.get(&(from, to)).cloned();
        let route = known.or_else(|| self.shortest(from, to)).filter(|route| !route.is_empty());
        match route {
            None => Err(self.no_route(place, from, to)),
            Some(route) if route.len() > LONGEST_ROUTE => Err(ScenarioError::LongRoute {
                place: place.to_owned(),
                from: self.nodes[from].clone(),
                to: self.nodes[to].clone(),
                links: route.len(),
            }),
            Some(route) => Ok(route),
        }
    }

    /// Breadth first: fewest links, of equals the one with the earlier links.
    fn shortest(&self, from: usize, to: usize) -> Option<Vec<usize>> {
        let mut reached_by: Vec<Option<usize>> = vec![None; self.nodes.len()];
        let mut ahead = VecDeque::from([from]);
        while let Some(node) = ahead.pop_front() {
            for (index, link) in self.links.iter().enumerate().filter(|(_, link)| link.from == node) {
                if link.to != from && reached_by[link.to].is_none() {
                    reached_by[link.to] = Some(index);
                    ahead.push_back(link.to);
                }
            }
        }
        let mut route = Vec::new();
        let mut node = to;
        while node != from {
            let link = reached_by[node]?;
            route.push(link);
            node = self.links[link].from;
        }
        route.reverse();
        Some(route)
    }

    fn no_route(&self, place: &str, from: usize, to: usize) -> ScenarioError {
        ScenarioError::NoRoute {
            place: place.to_owned(),
            from: self.nodes[from].clone(),
            to: self.nodes[to].clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumbbell_in_one_line() {
        let topology: Topology = toml::from_str(
            "dumbbell = { bottleneck = { forward = { rate = \"50 Mbit/s\", delay = \"100 ms\" } }, \
             access = { delay = \"20 ms\" }, pairs = 2 }",
        )
        .unwrap();
        let network = topology.build().unwrap();
        let (from, to) = network.default_ends(3).unwrap();
        let route = network.route("", from, to).unwrap();
        let names: Vec<&str> = route.iter().map(|&link| network.links[link].name.as_str()).collect();
        assert_eq!(names, ["left2-r1", "r1-r2", "r2-right2"]);
        let back = &network.links[1];
        assert_eq!((back.name.as_str(), back.config.rate), ("r2-r1", network.links[0].config.rate));
    }

    #[test]
    fn a_named_route_goes_before_the_shortest() {
        let topology: Topology = toml::from_str(
            r#"
            [custom]
            link = [
                { from = "a", to = "b", forward = {} },
                { from = "a", to = "c", forward = {} },
                { from = "c", to = "b", forward = {} },
            ]
            route = [{ nodes = ["a", "c", "b"] }]
            "#,
        )
        .unwrap();
        let network = topology.build().unwrap();
        let (a, b) = (network.find("", "a").unwrap(), network.find("", "b").unwrap());
        assert_eq!(network.route("", a, b).unwrap(), [2, 4]);
        assert_eq!(network.route("", b, a).unwrap(), [1]);
        let error = network.find("flow 1: from", "d").unwrap_err().to_string();
        assert_eq!(error, "flow 1: from = \"d\" is no node: there are a, b, c");
    }

    #[test]
    fn a_route_is_as_long_as_a_packet_can_count() {
        let line = |links: usize| {
            let link = |i| format!("{{ from = \"n{i}\", to = \"n{}\", forward = {{}} }}", i + 1);
            let links: Vec<String> = (0..links).map(link).collect();
            let topology: Topology =
                toml::from_str(&format!("custom.link = [{}]", links.join(", "))).unwrap();
            let network = topology.build().unwrap();
            let ends = [0, links.len()].map(|i| network.find("", &format!("n{i}")).unwrap());
            network
                .route("flow 1", ends[0], ends[1])
                .map(|route| route.len())
                .map_err(|error| error.to_string())
        };
        assert_eq!(line(254), Ok(254));
        let error = line(255).unwrap_err();
        assert!(error.starts_with("flow 1: from n0 to n255 there are 255 links"), "{error}");
    }
}
