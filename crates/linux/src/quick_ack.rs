//! Routes of WAD's own with the metric `quickack`: the narrowest way to have each segment acknowledged.
//!
//! The kernel lets nobody ask for that for one flow from outside: the socket option `TCP_QUICKACK` does not last, and
//! no BPF program may set it. It does it for all flows to a destination whose route has the metric `quickack 1`. So
//! the route by which a prefix is reached is copied for exactly this prefix, with the metric:
//!
//! ```text
//!   default         via 203.0.113.1 dev eth0 src 203.0.113.7 mtu 9000                        covers the prefix
//!   198.51.100.0/24 via 203.0.113.1 dev eth0 src 203.0.113.7 mtu 9000 quickack 1 proto 87    WAD's: the same way
//! ```
//!
//! Flows that run follow at their next segment. The copy does not follow when the route that it was made from changes:
//! [`QuickAckRoute::state`] says so, [`QuickAckRoute::follow`] makes it anew. A narrower route within the prefix stays
//! what it is, and its destinations are acknowledged as before.
//!
//! WAD's routes are told from all others by their routing protocol, 87: the letter W. Neither the kernel's
//! include/uapi/linux/rtnetlink.h (0 to 18, 42, 84, 99, 186 to 189, 192) nor the routing daemons that bring their own
//! (FRR: 191 to 198) use it, and the kernel itself makes nothing of it.

use std::cmp::Reverse;
use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, Nla as _};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric, RouteNextHop,
    RouteNextHopFlags, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_ROUTE;
use thiserror::Error;

use crate::{LinuxError, Namespace, Prefix, netlink};

/// WAD's route with the metric `quickack` to a prefix, in a network namespace: whether it is there or not.
#[derive(Debug)]
pub struct QuickAckRoute<'n> {
    namespace: &'n Namespace,
    prefix: Prefix,
}

/// What is there of a route of WAD's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteState {
    /// It is not there, and could be.
    Absent,
    /// It is not there, and could not be.
    Barred(Obstacle),
    /// It is there, and leads where the route leads that it was made from.
    Current,
    /// It is there, and the route that it was made from leads elsewhere now, or is gone.
    Outdated,
}

/// Why a destination cannot have a route of WAD's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Obstacle {
    /// Somebody else's route to the same prefix.
    #[error(
        "a route to exactly this prefix is there already; add `quickack 1` to it with `ip route change`, \
         or name narrower destinations"
    )]
    TheirRoute,
    /// Addresses of this host itself.
    #[error("its addresses are this host's own")]
    Local,
    /// No route that could be copied.
    #[error("no route leads there")]
    Unreachable,
    /// Rules that would send it another way than the copy.
    #[error("rules of routing (`ip rule`) send it another way than the table `main`")]
    OtherTable,
}

impl<'n> QuickAckRoute<'n> {
    /// The route to `prefix`, which has no bits set beyond its length, in `namespace`.
    #[must_use]
    pub const fn new(namespace: &'n Namespace, prefix: Prefix) -> Self {
        Self { namespace, prefix }
    }

    /// What is there of it.
    ///
    /// # Errors
    /// If the namespace cannot be entered, or its routes cannot be read.
    pub fn state(&self) -> Result<RouteState, LinuxError> {
        self.inside("read the routes", |kernel| Ok(kernel.state()?))
    }

    /// Adds it.
    ///
    /// # Errors
    /// If it is there already, something is in the way, the namespace cannot be entered, or the kernel refuses.
    pub fn add(&self) -> Result<(), LinuxError> {
        self.inside("add a route", Kernel::add)
    }

    /// Makes it anew after the route has changed that it was made from. If something is in the way now, it is gone.
    ///
    /// # Errors
    /// As of [`Self::add`] and [`Self::remove`].
    pub fn follow(&self) -> Result<(), LinuxError> {
        // Without it, packets take the route that it is made from: no reason to replace it in one step, which might
        // replace somebody else's.
        self.remove()?;
        self.add()
    }

    /// Removes it; no route of anybody else's. Says whether it was there.
    ///
    /// # Errors
    /// If the namespace cannot be entered, or the kernel refuses.
    pub fn remove(&self) -> Result<bool, LinuxError> {
        self.inside("remove a route", |kernel| Ok(kernel.remove()?))
    }

    fn inside<T: Send>(
        &self,
        operation: &str,
        work: impl FnOnce(&Kernel) -> Result<T, Failure> + Send,
    ) -> Result<T, LinuxError> {
        let prefix = self.prefix;
        self.namespace.enter(|| work(&Kernel::open(prefix)?))?.map_err(|failure| match failure {
            Failure::Barred(obstacle) => LinuxError::NoQuickAck { prefix, obstacle },
            Failure::Kernel(source) => {
                LinuxError::Routes { operation: format!("{operation} (to {prefix})"), source }
            }
        })
    }
}

enum Failure {
    Barred(Obstacle),
    Kernel(io::Error),
}

impl From<Obstacle> for Failure {
    fn from(obstacle: Obstacle) -> Self {
        Self::Barred(obstacle)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Kernel(error)
    }
}

/// The kernel's routes to a prefix, in the namespace in which it was opened.
struct Kernel {
    socket: Socket,
    prefix: Prefix,
}

impl Kernel {
    fn open(prefix: Prefix) -> io::Result<Self> {
        Ok(Self { socket: netlink::open(NETLINK_ROUTE)?, prefix })
    }

    fn state(&self) -> io::Result<RouteState> {
        let tables = self.tables()?;
        let Some(own) = tables.own(self.prefix) else {
            let obstacle = self.copied(&tables).err();
            return Ok(obstacle.map_or(RouteState::Absent, RouteState::Barred));
        };
        let is_current = tables.copied(self.prefix).is_ok_and(|copy| Way::of(&copy) == Way::of(own));
        Ok(if is_current { RouteState::Current } else { RouteState::Outdated })
    }

    fn add(&self) -> Result<(), Failure> {
        let route = self.copied(&self.tables()?)?;
        let request = RouteNetlinkMessage::NewRoute(route);
        netlink::ask(&self.socket, request, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)?;
        Ok(())
    }

    fn remove(&self) -> io::Result<bool> {
        let mut route = route_to(self.prefix);
        // Whatever its scope.
        route.header.scope = RouteScope::NoWhere;
        match netlink::ask(&self.socket, RouteNetlinkMessage::DelRoute(route), NLM_F_ACK) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The route to be added, where the kernel really goes by the table from which it is copied.
    fn copied(&self, tables: &Tables) -> Result<RouteMessage, Obstacle> {
        let route = tables.copied(self.prefix)?;
        match self.table() {
            Some(table) if ![MAIN, LOCAL].contains(&table) => Err(Obstacle::OtherTable),
            // An address that nobody can have, as the first of a prefix can be, says nothing of the others.
            Some(_) | None => Ok(route),
        }
    }

    /// From which table the kernel routes the prefix's first address now.
    fn table(&self) -> Option<u32> {
        let mut question = RouteMessage::default();
        question.header.address_family = family(self.prefix);
        question.header.destination_prefix_length = bits(self.prefix.address);
        question.header.flags = RouteFlags::LookupTable;
        question.attributes.push(RouteAttribute::Destination(self.prefix.address.into()));
        let answers = netlink::ask(&self.socket, RouteNetlinkMessage::GetRoute(question), NLM_F_ACK).ok()?;
        answers.iter().find_map(|answer| match answer {
            RouteNetlinkMessage::NewRoute(route) => Some(table(route)),
            _ => None,
        })
    }

    fn tables(&self) -> io::Result<Tables> {
        let (mut routes, mut rules) = (RouteMessage::default(), RuleMessage::default());
        routes.header.address_family = family(self.prefix);
        rules.header.family = family(self.prefix);
        let routes = netlink::ask(&self.socket, RouteNetlinkMessage::GetRoute(routes), NLM_F_DUMP)?;
        let rules = netlink::ask(&self.socket, RouteNetlinkMessage::GetRule(rules), NLM_F_DUMP)?;
        let route = |answer| if let RouteNetlinkMessage::NewRoute(it) = answer { Some(it) } else { None };
        let rule = |answer| if let RouteNetlinkMessage::NewRule(it) = answer { Some(it) } else { None };
        Ok(Tables {
            routes: routes.into_iter().filter_map(route).collect(),
            rules: rules.into_iter().filter_map(rule).collect(),
        })
    }
}

/// The routes and the rules of a family.
struct Tables {
    routes: Vec<RouteMessage>,
    rules: Vec<RuleMessage>,
}

impl Tables {
    /// WAD's route to exactly this prefix.
    fn own(&self, prefix: Prefix) -> Option<&RouteMessage> {
        self.exact(prefix).find(|route| is_own(route))
    }

    /// A route to exactly this prefix that leads where the one leads that covers it.
    fn copied(&self, prefix: Prefix) -> Result<RouteMessage, Obstacle> {
        let is_local = |route: &RouteMessage| {
            table(route) == LOCAL && route.header.kind == RouteType::Local && covers(route, prefix)
        };
        if self.routes.iter().any(is_local) {
            return Err(Obstacle::Local);
        }
        if self.exact(prefix).any(|route| !is_own(route)) {
            return Err(Obstacle::TheirRoute);
        }
        let covering = self.covering(prefix).ok_or(Obstacle::Unreachable)?;
        if covering.header.kind != RouteType::Unicast {
            return Err(Obstacle::Unreachable);
        }
        if self.rules.iter().any(|rule| separates(rule, covering, prefix)) {
            return Err(Obstacle::OtherTable);
        }
        Ok(Way::of(covering).with_quick_ack().to(prefix))
    }

    fn exact(&self, prefix: Prefix) -> impl Iterator<Item = &RouteMessage> {
        self.of_main().filter(move |route| covers(route, prefix) && length(route) == prefix.length)
    }

    /// The route that counts for a prefix where it has none of its own: the narrowest, and among these the one of the
    /// least metric.
    fn covering(&self, prefix: Prefix) -> Option<&RouteMessage> {
        self.of_main()
            .filter(|route| !is_own(route) && !route.header.flags.contains(RouteFlags::Dead))
            .filter(|route| covers(route, prefix) && length(route) < prefix.length)
            .max_by_key(|route| (length(route), Reverse(priority(route))))
    }

    /// The routes of the table `main` for every source and type of service.
    fn of_main(&self) -> impl Iterator<Item = &RouteMessage> {
        self.routes.iter().filter(|route| {
            table(route) == MAIN && route.header.tos == 0 && route.header.source_prefix_length == 0
        })
    }
}

/// Whether a rule lets `main` answer for the prefix, but not with the route that covers it, as those do that send all
/// but the narrower routes into a tunnel: a copy would lead past the tunnel.
fn separates(rule: &RuleMessage, covering: &RouteMessage, prefix: Prefix) -> bool {
    let table = rule.attributes.iter().find_map(|attribute| match attribute {
        RuleAttribute::Table(table) => Some(*table),
        _ => None,
    });
    let suppressed = rule.attributes.iter().find_map(|attribute| match attribute {
        // All ones stand for none.
        RuleAttribute::SuppressPrefixLen(length) if *length != u32::MAX => Some(*length),
        _ => None,
    });
    let lengths = u32::from(length(covering))..u32::from(prefix.length);
    table.unwrap_or(u32::from(rule.header.table)) == MAIN
        && suppressed.is_some_and(|length| lengths.contains(&length))
}

/// What of a route says where its packets go, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Way {
    scope: RouteScope,
    on_link: RouteFlags,
    /// In the order of their numbers.
    attributes: Vec<RouteAttribute>,
}

impl Way {
    fn of(route: &RouteMessage) -> Self {
        let named = route.attributes.iter().find(|one| matches!(one, RouteAttribute::NhId(_)));
        let mut attributes: Vec<_> = match named {
            // The object has the rest, which the kernel lists all the same.
            Some(next_hop) => {
                let metrics = route.attributes.iter().filter(|one| matches!(one, RouteAttribute::Metrics(_)));
                metrics.chain([next_hop]).filter_map(of_way).collect()
            }
            None => route.attributes.iter().filter_map(of_way).collect(),
        };
        attributes.sort_by_key(RouteAttribute::kind);
        Self { scope: route.header.scope, on_link: route.header.flags & RouteFlags::Onlink, attributes }
    }

    fn with_quick_ack(mut self) -> Self {
        let is_metrics = |one: &RouteAttribute| matches!(one, RouteAttribute::Metrics(_));
        let at = self.attributes.iter().position(is_metrics);
        let mut metrics = match at.map(|at| self.attributes.remove(at)) {
            Some(RouteAttribute::Metrics(metrics)) => metrics,
            _ => Vec::new(),
        };
        metrics.retain(|metric| !matches!(metric, RouteMetric::QuickAck(_)));
        metrics.push(RouteMetric::QuickAck(1));
        metrics.sort_by_key(RouteMetric::kind);
        self.attributes.push(RouteAttribute::Metrics(metrics));
        self.attributes.sort_by_key(RouteAttribute::kind);
        self
    }

    /// A route of WAD's to a prefix.
    fn to(self, prefix: Prefix) -> RouteMessage {
        let mut route = route_to(prefix);
        route.header.scope = self.scope;
        route.header.flags = self.on_link;
        route.attributes.extend(self.attributes);
        route
    }
}

/// An attribute as far as it says where packets go.
fn of_way(attribute: &RouteAttribute) -> Option<RouteAttribute> {
    match attribute {
        RouteAttribute::MultiPath(hops) => {
            // Whether a device is up is no part of it.
            let hop = |hop: &RouteNextHop| {
                let mut hop = hop.clone();
                hop.flags &= RouteNextHopFlags::Onlink;
                hop
            };
            Some(RouteAttribute::MultiPath(hops.iter().map(hop).collect()))
        }
        RouteAttribute::Metrics(metrics) => {
            let mut metrics = metrics.clone();
            metrics.sort_by_key(RouteMetric::kind);
            Some(RouteAttribute::Metrics(metrics))
        }
        RouteAttribute::Gateway(_)
        | RouteAttribute::Via(_)
        | RouteAttribute::Oif(_)
        | RouteAttribute::PrefSource(_)
        | RouteAttribute::Encap(_)
        | RouteAttribute::EncapType(_)
        | RouteAttribute::Realm(_)
        | RouteAttribute::Preference(_)
        | RouteAttribute::NhId(_) => Some(attribute.clone()),
        _ => None,
    }
}

/// What all routes of WAD's to a prefix have in common.
fn route_to(prefix: Prefix) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header.address_family = family(prefix);
    route.header.destination_prefix_length = prefix.length;
    route.header.table = RouteHeader::RT_TABLE_MAIN;
    route.header.protocol = PROTOCOL;
    route.header.kind = RouteType::Unicast;
    route.attributes.push(RouteAttribute::Destination(prefix.address.into()));
    route
}

fn is_own(route: &RouteMessage) -> bool {
    route.header.protocol == PROTOCOL
}

/// Its number does not always fit into the header.
fn table(route: &RouteMessage) -> u32 {
    let named = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    named.unwrap_or(u32::from(route.header.table))
}

fn priority(route: &RouteMessage) -> u32 {
    let named = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Priority(priority) => Some(*priority),
        _ => None,
    });
    named.unwrap_or(0)
}

const fn length(route: &RouteMessage) -> u8 {
    route.header.destination_prefix_length
}

/// Whether every address of the prefix is of the route's.
fn covers(route: &RouteMessage, prefix: Prefix) -> bool {
    let destination = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet(v4)) => Some(IpAddr::V4(*v4)),
        RouteAttribute::Destination(RouteAddress::Inet6(v6)) => Some(IpAddr::V6(*v6)),
        _ => None,
    });
    let common = match (destination, prefix.address) {
        // The default route names no destination.
        (None, _) => 0,
        (Some(IpAddr::V4(one)), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (Some(IpAddr::V6(one)), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    length(route) <= prefix.length && common >= u32::from(length(route))
}

const fn family(prefix: Prefix) -> AddressFamily {
    match prefix.address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}

const fn bits(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The letter W; see the top of this file.
const PROTOCOL: RouteProtocol = RouteProtocol::Other(b'W');

const MAIN: u32 = RouteHeader::RT_TABLE_MAIN as u32;
/// RT_TABLE_LOCAL of include/uapi/linux/rtnetlink.h.
const LOCAL: u32 = 255;

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        let (address, length) = text.split_once('/').unwrap();
        Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() }
    }

    /// Somebody else's route through device `device`.
    fn route(to: &str, device: u32) -> RouteMessage {
        let mut route = route_to(prefix(to));
        route.header.protocol = RouteProtocol::Static;
        if length(&route) == 0 {
            route.attributes.clear();
        }
        route.attributes.push(RouteAttribute::Oif(device));
        route
    }

    fn with(mut route: RouteMessage, attribute: RouteAttribute) -> RouteMessage {
        route.attributes.push(attribute);
        route
    }

    fn tables(routes: Vec<RouteMessage>) -> Tables {
        Tables { routes, rules: Vec::new() }
    }

    /// The device of the route that covers a prefix.
    fn device(tables: &Tables, to: &str) -> Option<u32> {
        tables.covering(prefix(to))?.attributes.iter().find_map(|attribute| match attribute {
            RouteAttribute::Oif(device) => Some(*device),
            _ => None,
        })
    }

    #[test]
    fn the_narrowest_route_covers_and_then_the_one_of_the_least_metric() {
        let priority = RouteAttribute::Priority;
        let tables = tables(vec![
            with(route("0.0.0.0/0", 1), priority(100)),
            with(route("0.0.0.0/0", 2), priority(50)),
            with(route("10.0.0.0/8", 3), priority(700)),
            route("10.1.0.0/16", 4),
        ]);
        assert_eq!(device(&tables, "192.0.2.0/24"), Some(2));
        assert_eq!(device(&tables, "10.2.0.0/16"), Some(3));
        assert_eq!(device(&tables, "10.1.2.0/24"), Some(4));
        // A route to the prefix itself, or within it, does not cover it.
        assert_eq!(device(&tables, "10.0.0.0/8"), Some(2));
        assert_eq!(device(&tables, "0.0.0.0/0"), None);
    }

    #[test]
    fn other_tables_other_sources_and_dead_routes_do_not_count() {
        let mut of_source = route("10.0.0.0/8", 1);
        of_source.header.source_prefix_length = 16;
        let mut of_service = route("10.0.0.0/8", 1);
        of_service.header.tos = 16;
        let mut dead = route("10.0.0.0/8", 1);
        dead.header.flags = RouteFlags::Dead;
        let mut own = route("10.0.0.0/8", 1);
        own.header.protocol = PROTOCOL;
        let far = with(route("10.0.0.0/8", 1), RouteAttribute::Table(51_820));
        let tables = tables(vec![of_source, of_service, dead, own, far, route("0.0.0.0/0", 7)]);
        assert_eq!(device(&tables, "10.1.0.0/16"), Some(7));
    }

    #[test]
    fn metrics_are_kept_beside_quickack() {
        let metrics = vec![RouteMetric::QuickAck(0), RouteMetric::Mtu(9000), RouteMetric::InitCwnd(20)];
        let copy = Way::of(&with(route("0.0.0.0/0", 1), RouteAttribute::Metrics(metrics))).with_quick_ack();
        let expected = vec![RouteMetric::Mtu(9000), RouteMetric::InitCwnd(20), RouteMetric::QuickAck(1)];
        assert_eq!(copy.attributes, [RouteAttribute::Oif(1), RouteAttribute::Metrics(expected)]);
    }

    #[test]
    fn a_way_is_the_same_whatever_else_is_known_of_the_route() {
        let mut known = with(route("10.0.0.0/8", 1), RouteAttribute::Priority(100));
        known.attributes.push(RouteAttribute::Table(MAIN));
        known.attributes.reverse();
        known.header.flags = RouteFlags::Linkdown;
        assert_eq!(Way::of(&known), Way::of(&route("10.0.0.0/8", 1)));
        assert_ne!(Way::of(&known), Way::of(&route("10.0.0.0/8", 2)));
    }
}
