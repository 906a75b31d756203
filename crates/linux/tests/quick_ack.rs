//! Routes with the metric `quickack`, beside those of an administrator. Needs root.

mod common;

use std::fs::File;
use std::process::Command;

use common::Sandbox;
use wad_linux::{LinuxError, Namespace, Obstacle, Prefix, QuickAckRoute, RouteState};

/// A sandbox with a device, an address of each family on it, and a default route.
struct Network {
    namespace: Namespace,
    _sandbox: Sandbox,
}

impl Network {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        for command in [
            "link add wad-test type veth peer name wad-peer",
            "link set wad-test up",
            "link set wad-peer up",
            "address add 192.0.2.1/24 dev wad-test",
            "address add 2001:db8::1/64 dev wad-test nodad",
            "route add default via 192.0.2.254 src 192.0.2.1 mtu 1400",
            "-6 route add default via 2001:db8::fe mtu 1400",
        ] {
            ip(command);
        }
        let namespace = Namespace::new(File::open("/proc/thread-self/ns/net").unwrap().into()).unwrap();
        Self { namespace, _sandbox: sandbox }
    }

    fn route(&self, prefix: &str) -> QuickAckRoute<'_> {
        let (address, length) = prefix.split_once('/').unwrap();
        let prefix = Prefix { address: address.parse().unwrap(), length: length.parse().unwrap() };
        QuickAckRoute::new(&self.namespace, prefix)
    }
}

fn ip(arguments: &str) -> String {
    let output = Command::new("ip").args(arguments.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn obstacle(route: &QuickAckRoute<'_>) -> Obstacle {
    let RouteState::Barred(barred) = route.state().unwrap() else { panic!("{:?}", route.state()) };
    let Err(LinuxError::NoQuickAck { obstacle, .. }) = route.add() else { panic!("it is refused") };
    assert_eq!(obstacle, barred);
    obstacle
}

#[test]
fn a_route_is_copied_and_removed_without_a_trace() {
    let network = Network::new();
    for (family, prefix, way) in [
        ("-4", "198.51.100.0/24", "via 192.0.2.254 dev wad-test proto 87 src 192.0.2.1 mtu 1400 quickack 1"),
        ("-4", "192.0.2.128/25", "dev wad-test proto 87 scope link src 192.0.2.1 quickack 1"),
        ("-4", "192.0.2.7/32", "dev wad-test proto 87 scope link src 192.0.2.1 quickack 1"),
        (
            "-6",
            "2001:db8:1::/48",
            "via 2001:db8::fe dev wad-test proto 87 metric 1024 mtu 1400 quickack 1 pref medium",
        ),
        ("-6", "2001:db8::7/128", "dev wad-test proto 87 metric 1024 quickack 1 pref medium"),
    ] {
        let before = ip(&format!("{family} route show table main"));
        let route = network.route(prefix);
        assert_eq!(route.state().unwrap(), RouteState::Absent);
        assert!(!route.remove().unwrap());
        route.add().unwrap();
        assert_eq!(route.state().unwrap(), RouteState::Current);
        assert!(route.add().is_err(), "it is there already");
        let shown = ip(&format!("{family} route show exact {prefix}"));
        assert_eq!(shown.split_once(' ').unwrap().1, way);
        assert!(route.remove().unwrap());
        assert_eq!(route.state().unwrap(), RouteState::Absent);
        assert_eq!(ip(&format!("{family} route show table main")), before);
    }
}

#[test]
fn a_route_of_an_administrator_stays_theirs() {
    let network = Network::new();
    ip("route add 198.51.100.0/24 via 192.0.2.253 metric 7");
    ip("-6 route add 2001:db8:1::/48 via 2001:db8::fd");
    for prefix in ["198.51.100.0/24", "192.0.2.0/24", "2001:db8:1::/48", "2001:db8::/64"] {
        let route = network.route(prefix);
        assert_eq!(obstacle(&route), Obstacle::TheirRoute, "{prefix}");
        assert!(!route.remove().unwrap());
        assert_eq!(obstacle(&route), Obstacle::TheirRoute, "{prefix}");
    }
}

#[test]
fn one_that_an_administrator_adds_beside_it_shows() {
    let network = Network::new();
    let route = network.route("198.51.100.0/24");
    route.add().unwrap();
    ip("route add 198.51.100.0/24 via 192.0.2.253 metric 7");
    assert_eq!(route.state().unwrap(), RouteState::Outdated);
    assert!(matches!(route.follow(), Err(LinuxError::NoQuickAck { obstacle: Obstacle::TheirRoute, .. })));
    assert_eq!(
        ip("route show exact 198.51.100.0/24"),
        "198.51.100.0/24 via 192.0.2.253 dev wad-test metric 7"
    );
}

#[test]
fn what_is_local_or_leads_nowhere_is_refused() {
    let network = Network::new();
    ip("route del default");
    ip("-6 route del default");
    ip("route add blackhole 203.0.113.0/24");
    for prefix in ["127.0.0.0/8", "127.1.0.0/16", "192.0.2.1/32", "::1/128", "2001:db8::1/128"] {
        assert_eq!(obstacle(&network.route(prefix)), Obstacle::Local, "{prefix}");
    }
    for prefix in ["198.51.100.0/24", "0.0.0.0/0", "203.0.113.0/25", "2001:db8:1::/48", "::/0"] {
        assert_eq!(obstacle(&network.route(prefix)), Obstacle::Unreachable, "{prefix}");
    }
}

/// A tunnel takes all but the narrower routes: a copy would lead past it.
#[test]
fn rules_that_send_it_elsewhere_are_respected() {
    let network = Network::new();
    for (family, prefix) in [("-4", "198.51.100.0/24"), ("-6", "2001:db8:1::/48")] {
        let route = network.route(prefix);
        route.add().unwrap();
        ip(&format!("{family} rule add table main suppress_prefixlength 0"));
        assert_eq!(route.state().unwrap(), RouteState::Outdated);
        assert!(route.follow().is_err());
        assert_eq!(obstacle(&route), Obstacle::OtherTable);
        ip(&format!("{family} rule del table main suppress_prefixlength 0"));
        assert_eq!(route.state().unwrap(), RouteState::Absent);

        ip(&format!("{family} route add default dev wad-test table 4242"));
        ip(&format!("{family} rule add to {prefix} table 4242"));
        assert_eq!(obstacle(&route), Obstacle::OtherTable);
    }
}

#[test]
fn the_copy_follows_the_route_that_it_was_made_from() {
    let network = Network::new();
    for (family, prefix, before, after) in [
        ("-4", "198.51.100.0/24", "192.0.2.254", "192.0.2.253"),
        ("-6", "2001:db8:1::/48", "2001:db8::fe", "2001:db8::fd"),
    ] {
        let route = network.route(prefix);
        route.add().unwrap();
        ip(&format!("{family} route replace default via {after}"));
        assert_eq!(route.state().unwrap(), RouteState::Outdated);
        route.follow().unwrap();
        assert_eq!(route.state().unwrap(), RouteState::Current);
        let shown = ip(&format!("{family} route show exact {prefix}"));
        assert!(shown.contains(after) && !shown.contains(before), "{shown}");

        ip(&format!("{family} route flush exact default"));
        assert_eq!(route.state().unwrap(), RouteState::Outdated);
        assert!(route.follow().is_err());
        assert_eq!(obstacle(&route), Obstacle::Unreachable);
    }
}

#[test]
fn several_next_hops_and_named_ones_are_copied() {
    let network = Network::new();
    let route = network.route("198.51.100.0/24");
    ip("route replace default nexthop via 192.0.2.254 weight 2 nexthop via 192.0.2.253");
    route.add().unwrap();
    assert_eq!(route.state().unwrap(), RouteState::Current);
    ip("nexthop add id 9 via 192.0.2.252 dev wad-test");
    ip("route replace default nhid 9");
    assert_eq!(route.state().unwrap(), RouteState::Outdated);
    route.follow().unwrap();
    assert_eq!(route.state().unwrap(), RouteState::Current);

    let route = network.route("2001:db8:1::/48");
    ip("-6 route replace default nexthop via 2001:db8::fe weight 2 nexthop via 2001:db8::fd");
    route.add().unwrap();
    assert_eq!(route.state().unwrap(), RouteState::Current);
}
