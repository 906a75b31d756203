//! Matching against the sentence that defines it.
//!
//! "Most specific first: longest destination prefix, then longest source prefix, then ports (both given,
//! then destination port, then source port, then none; narrower range first), then order in the file." And: families never mix.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wad_model::FlowKey;
use wad_tune::{
    Acknowledgements, Buffers, CompileError, Config, Congestion, Endpoint, Ends, Outcome, PathIndex,
    PathPolicy, PortRange, Prefix, Receive, RuleTable, Selector, SlowStart, Transport, explain,
};

/// The path that the sentence gives, by trying everything.
fn naive(config: &Config, ends: &Ends) -> Option<PathIndex> {
    if ends.source.address.is_ipv4() != ends.destination.address.is_ipv4() {
        return None;
    }
    let mut matching = Vec::new();
    for (order, path) in config.paths.iter().enumerate() {
        let selector = &path.selector;
        for destination in selector.destination.iter().filter(|p| p.contains(ends.destination.address)) {
            for source in
                or_open(&selector.source).filter(|s| s.is_none_or(|s| s.contains(ends.source.address)))
            {
                for to in or_open(&selector.destination_port).filter(|p| admits(*p, ends.destination.port)) {
                    for from in or_open(&selector.source_port).filter(|p| admits(*p, ends.source.port)) {
                        let class = match (to, from) {
                            (Some(_), Some(_)) => 0,
                            (Some(_), None) => 1,
                            (None, Some(_)) => 2,
                            (None, None) => 3,
                        };
                        let lengths = (destination.length(), source.map_or(0, Prefix::length));
                        let widths = (to.map(PortRange::width), from.map(PortRange::width));
                        matching.push((std::cmp::Reverse(lengths), class, widths, order));
                    }
                }
            }
        }
    }
    let (.., order) = matching.into_iter().min()?;
    Some(PathIndex(u32::try_from(order).unwrap()))
}

fn or_open<T: Copy>(list: &[T]) -> impl Iterator<Item = Option<T>> {
    list.iter().copied().map(Some).chain(list.is_empty().then_some(None))
}

fn admits(ports: Option<PortRange>, port: Option<u16>) -> bool {
    match (ports, port) {
        (None, _) => true,
        (Some(ports), Some(port)) => (ports.low()..=ports.high()).contains(&port),
        (Some(ports), None) => (1..=u16::MAX).all(|port| (ports.low()..=ports.high()).contains(&port)),
    }
}

/// Addresses that differ in a few bits here and there, so that prefixes nest and flows hit them.
fn address() -> impl Strategy<Value = IpAddr> {
    let octet = || prop::sample::select(vec![0u8, 1, 128, 129, 255]);
    let v4 = (octet(), octet()).prop_map(|(a, b)| Ipv4Addr::new(10, a, b, 1).into());
    let v6 = (octet(), octet())
        .prop_map(|(a, b)| Ipv6Addr::from([32, a, b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]).into());
    prop_oneof![v4, v6]
}

fn prefix() -> impl Strategy<Value = Prefix> {
    let length = prop::sample::select(vec![0u8, 1, 8, 9, 15, 16, 17, 24, 32, 128]);
    (address(), length).prop_map(|(address, length)| Prefix::new(address, length))
}

fn port() -> impl Strategy<Value = u16> {
    prop::sample::select(vec![1u16, 2, 3, 80, 443, 65535])
}

fn ports() -> impl Strategy<Value = PortRange> {
    (port(), port()).prop_map(|(a, b)| PortRange::new(a.min(b), a.max(b)).unwrap())
}

prop_compose! {
    fn selector()(
        destination in vec(prefix(), 1..4),
        source in vec(prefix(), 0..3),
        destination_port in vec(ports(), 0..3),
        source_port in vec(ports(), 0..3),
    ) -> Selector {
        Selector { destination, source, destination_port, source_port }
    }
}

fn config() -> impl Strategy<Value = Config> {
    let paths = |selectors: Vec<Selector>| {
        (1..).zip(selectors).map(|(line, selector)| path(&format!("p{line}"), line, selector)).collect()
    };
    vec(selector(), 0..10).prop_map(move |selectors| Config { paths: paths(selectors), ..Config::default() })
}

fn path(name: &str, line: u32, selector: Selector) -> PathPolicy {
    PathPolicy {
        name: name.to_owned(),
        line,
        selector,
        buffers: Buffers::default(),
        congestion: Congestion::default(),
        slow_start: SlowStart::default(),
        pacing: None,
        estimate: None,
        receive: Receive::default(),
        acknowledgements: Acknowledgements::default(),
        transport: Transport::default(),
        per_flow_metrics: false,
    }
}

fn ends() -> impl Strategy<Value = Ends> {
    let end = || (address(), option::weighted(0.8, port())).prop_map(|(a, p)| Endpoint::new(a, p));
    (end(), end()).prop_map(|(source, destination)| Ends { source, destination })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_table_gives_what_the_sentence_gives(config in config(), flows in vec(ends(), 1..20)) {
        let Ok(table) = RuleTable::compile(&config) else { return Ok(()) };
        for ends in flows {
            let found = table.matching_ends(&ends).map(|found| found.path);
            prop_assert_eq!(found, naive(&config, &ends), "{}", ends);
        }
    }

    #[test]
    fn an_explanation_names_the_rule_that_decides(config in config(), ends in ends()) {
        let Ok(table) = RuleTable::compile(&config) else { return Ok(()) };
        let found = table.matching_ends(&ends);
        let explanation = explain(&config, &table, &Default::default(), ends);
        let applies: Vec<_> = explanation.candidates.iter().filter(|c| c.outcome == Outcome::Applies).collect();
        prop_assert_eq!(applies.len(), usize::from(found.is_some()));
        // Of the rules that match, the one that applies is tried first.
        let matching = |o: &Outcome| matches!(o, Outcome::Applies | Outcome::LessSpecific);
        let first = explanation.candidates.iter().map(|c| c.outcome).find(matching);
        prop_assert_eq!(first, found.map(|_| Outcome::Applies));
        prop_assert_eq!(explanation.decision.map(|d| d.parameters.path), found.map(|f| f.path));
    }

    #[test]
    fn no_chain_is_longer_than_it_may_be(config in config()) {
        let Ok(table) = RuleTable::compile(&config) else { return Ok(()) };
        for entry in &table.prefixes {
            let chain = std::iter::successors(Some(entry.first), |index| table.rule(*index).next);
            prop_assert!(chain.count() <= wad_tune::MAX_CHAIN);
        }
    }
}

fn compiled(text: &str) -> (Config, RuleTable) {
    let config = Config::parse(text).unwrap();
    let table = RuleTable::compile(&config).unwrap();
    (config, table)
}

fn path_of(text: &str, source: &str, destination: &str) -> Option<String> {
    let (config, table) = compiled(text);
    let socket = |text: &str| text.parse::<SocketAddr>().unwrap();
    let found = table.matching(&FlowKey::new(socket(source), socket(destination)))?;
    config.path(found.path).map(|path| path.name.clone())
}

const NESTED: &str = r#"
[[path]]
name = "all"
destination = ["0.0.0.0/0"]
[[path]]
name = "site"
destination = ["192.0.2.0/24"]
destination_port = [2811]
[[path]]
name = "lab"
destination = ["192.0.2.0/24"]
source = ["10.1.0.0/16"]
[[path]]
name = "six"
destination = ["::/0"]
"#;

#[test]
fn a_longer_source_goes_before_ports() {
    assert_eq!(path_of(NESTED, "10.1.2.3:7", "192.0.2.1:2811").as_deref(), Some("lab"));
    assert_eq!(path_of(NESTED, "10.2.2.3:7", "192.0.2.1:2811").as_deref(), Some("site"));
}

#[test]
fn a_shorter_destination_catches_what_falls_through() {
    assert_eq!(path_of(NESTED, "10.2.2.3:7", "192.0.2.1:80").as_deref(), Some("all"));
}

#[test]
fn a_mapped_address_is_ipv4_and_no_other_ipv6_prefix_holds_it() {
    assert_eq!(path_of(NESTED, "[::ffff:10.2.2.3]:7", "[::ffff:192.0.2.1]:2811").as_deref(), Some("site"));
    assert_eq!(path_of(NESTED, "[2001:db8::1]:7", "[2001:db8::2]:2811").as_deref(), Some("six"));
    let only_six = "[[path]]\nname = \"six\"\ndestination = [\"::/0\"]\n";
    assert_eq!(path_of(only_six, "[::ffff:10.2.2.3]:7", "[::ffff:192.0.2.1]:7"), None);
}

#[test]
fn a_chain_that_is_too_long_names_its_entries_and_the_remedy() {
    let entry = |name: &str, destination: &str| {
        let ports: Vec<_> = (1..=40).map(|port| port.to_string()).collect();
        let ports = ports.join(",");
        format!(
            "[[path]]\nname = \"{name}\"\ndestination = [\"{destination}\"]\ndestination_port = [{ports}]\n"
        )
    };
    let text = entry("wide", "10.0.0.0/8") + &entry("narrow", "10.1.0.0/16");
    let error = RuleTable::compile(&Config::parse(&text).unwrap()).unwrap_err();
    assert!(matches!(error, CompileError::ChainTooLong { length: 80, .. }));
    insta::assert_snapshot!("chain_too_long", error);
    // The remedy helps.
    let open = "[[path]]\nname = \"open\"\ndestination = [\"10.1.0.0/16\"]\n";
    RuleTable::compile(&Config::parse(&(text + open)).unwrap()).unwrap();
}

#[test]
fn tails_are_shared() {
    let destinations: Vec<_> = (0..200).map(|n| format!("\"10.0.{n}.0/24\"")).collect();
    let text = format!(
        "[[path]]\nname = \"a\"\ndestination = [\"10.0.0.0/8\"]\ndestination_port = [1,2,3,4,5]\n\
         [[path]]\nname = \"b\"\ndestination = [{}]\nsource_port = [1]\n",
        destinations.join(",")
    );
    assert_eq!(compiled(&text).1.rules.len(), 205);
}
