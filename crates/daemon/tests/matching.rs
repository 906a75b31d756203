//! The kernel and user space agree on which path a flow takes. Needs root.
//!
//! The rules are walked twice: by the BPF programs when a connection opens, and by `RuleTable` when
//! somebody asks. Here real connections over loopback hold the two against each other, each
//! connection as two flows: that of the end that connects, and that of the end that accepts.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]
#![expect(unsafe_code, reason = "the sandbox gives its thread a network namespace")]

#[path = "../../linux/tests/common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use common::Sandbox;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_linger, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with};
use wad_daemon::kernel_policy;
use wad_linux::{RecordKind, Tuner};
use wad_model::{Bytes, Direction, FlowKey};
use wad_tune::{Config, Estimates, HostLimits, Planner, RuleTable};

const IPV4: [&str; 5] = ["127.0.0.1", "127.0.1.1", "127.1.0.1", "127.1.1.7", "127.200.0.1"];
const IPV6: [&str; 5] = ["::1", "fd00::1", "fd00::2", "fd00:0:0:1::1", "fd00:1::1"];
/// One socket for both families listens at the first three; at the last, one for each.
const LISTENING: [u16; 4] = [2811, 50_000, 50_500, 80];
/// The kernel chooses where a client asks for port 0.
const CLIENTS: [u16; 3] = [0, 7000, 50_100];

const NESTED: &str = r#"
[[path]]
name = "all"
destination = ["0.0.0.0/0", "::/0"]
source = ["127.0.1.0/24", "fd00::/64"]
[[path]]
name = "wide"
destination = ["127.0.0.0/8", "fd00::/16"]
destination_port = [2811, 80]
[[path]]
name = "middle"
destination = ["127.1.0.0/16", "fd00::/64"]
destination_port = ["50000-50499"]
[[path]]
name = "narrow"
destination = ["127.1.1.0/24", "fd00:0:0:1::/64"]
[[path]]
name = "host"
destination = ["127.1.1.7", "fd00::2", "::1"]
source_port = [7000]
"#;

const SOURCES: &str = r#"
[[path]]
name = "any"
destination = ["127.1.0.0/16", "::/0"]
[[path]]
name = "near"
destination = ["127.1.0.0/16", "fd00::/48"]
source = ["127.0.0.0/16", "fd00::/48"]
[[path]]
name = "nearer"
destination = ["127.1.0.0/16", "fd00::/48"]
source = ["127.0.0.1", "fd00::1", "fd00::2/127"]
[[path]]
name = "longer"
destination = ["127.1.1.0/24"]
source = ["127.200.0.0/16"]
"#;

const PORTS: &str = r#"
[[path]]
name = "both"
destination = ["127.0.0.0/8", "fd00::/16"]
destination_port = [2811]
source_port = ["7000-50100"]
[[path]]
name = "edges"
destination = ["127.0.0.0/8"]
destination_port = ["1-79", "81-2810", "2812-49999", "50001-65535"]
[[path]]
name = "one"
destination = ["127.0.0.0/8"]
destination_port = ["50000-50000"]
[[path]]
name = "range"
destination = ["127.0.0.0/8", "::/0"]
destination_port = ["49000-50500"]
[[path]]
name = "source"
destination = ["127.0.0.0/8", "::/0"]
source_port = [50100, 80]
"#;

const MAPPED: &str = r#"
[[path]]
name = "mapped"
destination = ["::ffff:127.1.0.0/112", "::ffff:127.0.0.1"]
source = ["::ffff:127.0.0.0/104"]
[[path]]
name = "six"
destination = ["::/0"]
destination_port = [80, 2811]
"#;

const IPV4_ALONE: &str = "[[path]]\nname = \"four\"\ndestination = [\"0.0.0.0/0\"]\n";
const IPV6_ALONE: &str = "[[path]]\nname = \"six\"\ndestination = [\"::/0\"]\n";
const ELSEWHERE: &str = "[[path]]\nname = \"x\"\ndestination = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n";

#[test]
fn nested_prefixes_sources_and_ports() {
    let loopback = Loopback::new();
    for text in [NESTED, SOURCES, PORTS] {
        let tuned = loopback.agree(text);
        assert!(tuned > 100, "{tuned} flows of a path");
    }
}

#[test]
fn families_never_mix_and_a_mapped_address_is_ipv4() {
    let loopback = Loopback::new();
    let flows = 2 * loopback.connections().len();
    assert!(loopback.agree(MAPPED) > 100);
    assert_eq!(loopback.agree(IPV4_ALONE) + loopback.agree(IPV6_ALONE), flows, "each flow in one of them");
}

#[test]
fn flows_of_no_path_are_not_reported() {
    let loopback = Loopback::new();
    assert_eq!(loopback.agree(ELSEWHERE), 0);
    assert_eq!(loopback.agree(""), 0);
}

#[test]
fn a_chain_as_long_as_may_be_is_walked_to_its_end() {
    let ports = |from: u16| (from..from + 31).map(|port| port.to_string()).collect::<Vec<_>>().join(",");
    let text = format!(
        "[[path]]\nname = \"last\"\ndestination = [\"127.0.0.0/8\"]\n\
         [[path]]\nname = \"first\"\ndestination = [\"127.0.0.0/8\"]\ndestination_port = [{}]\n\
         [[path]]\nname = \"before\"\ndestination = [\"127.1.0.0/16\"]\ndestination_port = [{},80]\n",
        ports(10_000),
        ports(20_000),
    );
    let (_, table) = compile(&text);
    let longest = table.prefixes.iter().map(|entry| chain_length(&table, entry.first)).max();
    assert_eq!(longest, Some(wad_tune::MAX_CHAIN));
    assert!(Loopback::new().agree(&text) > 100);
}

#[test]
fn tens_of_thousands_of_other_prefixes_are_in_nobodys_way() {
    let crowd: Vec<_> = (0..20_000).map(|n| format!("\"10.{}.{}.0/24\"", n / 256, n % 256)).collect();
    let text =
        format!("{NESTED}[[path]]\nname = \"crowd\"\ndestination = [{}, \"127.1.0.1\"]\n", crowd.join(","));
    assert!(Loopback::new().agree(&text) > 100);
}

#[test]
fn random_configurations() {
    let loopback = Loopback::new();
    for seed in 0..12 {
        let text = random_configuration(seed);
        println!("seed {seed}");
        loopback.agree(&text);
    }
}

/// A host whose only interface is loopback, with servers.
struct Loopback {
    sandbox: Sandbox,
    /// By port, and whether IPv6.
    listeners: HashMap<(u16, bool), TcpListener>,
}

impl Loopback {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        for address in &IPV6[1..] {
            let added = Command::new("ip")
                .args(["-6", "address", "add", address, "dev", "lo", "nodad"])
                .status()
                .expect("iproute2 is installed");
            assert!(added.success());
        }
        let mut listeners = HashMap::new();
        let [dual @ .., apart] = LISTENING;
        for port in dual {
            listeners.insert((port, true), listener((Ipv6Addr::UNSPECIFIED, port).into(), false));
        }
        listeners.insert((apart, true), listener((Ipv6Addr::UNSPECIFIED, apart).into(), true));
        listeners.insert((apart, false), listener((Ipv4Addr::UNSPECIFIED, apart).into(), false));
        Self { sandbox, listeners }
    }

    /// Opens every connection under a configuration; returns how many flows were of a path.
    fn agree(&self, text: &str) -> usize {
        let (config, table) = compile(text);
        let before = Bytes::new(212_992);
        let policy = kernel_policy(
            &config,
            &table,
            &Planner::new(&config, HostLimits::default(), &Estimates::default()),
            before,
            before,
        );
        let tuner = Tuner::load(&policy, &self.sandbox.cgroup).unwrap();
        let connections = self.connections();
        // The ring holds some 4,200 records, and each connection leaves four.
        let tuned = connections.chunks(300).map(|some| self.agree_on(&tuner, &table, text, some)).sum();
        assert_eq!(tuner.lost_records(), 0);
        tuned
    }

    fn agree_on(&self, tuner: &Tuner, table: &RuleTable, text: &str, connections: &[Connection]) -> usize {
        let keys: Vec<_> = connections.iter().map(|connection| self.open(connection)).collect();
        let expected: Vec<_> = keys.iter().flat_map(|key| expected(table, key)).collect();
        let reported = reported(tuner, expected.len());
        let (missing, wrong) = (beyond(&expected, &reported), beyond(&reported, &expected));
        let differ = format!("user space alone: {missing:#?}\nthe kernel alone: {wrong:#?}\n{text}");
        assert!(missing.is_empty() && wrong.is_empty(), "{differ}");
        expected.len()
    }

    fn connections(&self) -> Vec<Connection> {
        let mut connections = Vec::new();
        for (addresses, forms) in [(IPV4, &[false, true][..]), (IPV6, &[false])] {
            for (source, destination) in pairs(addresses) {
                for (from, to) in CLIENTS.into_iter().flat_map(|from| LISTENING.map(|to| (from, to))) {
                    connections.extend(forms.iter().map(|mapped| Connection {
                        source: form((source, from).into(), *mapped),
                        destination: form((destination, to).into(), *mapped),
                    }));
                }
            }
        }
        connections
    }

    /// Opens a connection and ends it by a reset, so that its ports are free at once.
    fn open(&self, connection: &Connection) -> FlowKey {
        let Connection { source, destination } = *connection;
        let family = if source.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        set_socket_reuseaddr(&socket, true).unwrap();
        bind(&socket, &source).unwrap();
        connect(&socket, &destination).unwrap();
        let client = TcpStream::from(socket);
        set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        let key = FlowKey::new(client.local_addr().unwrap(), client.peer_addr().unwrap());
        let port = destination.port();
        let listener = self.listeners.get(&(port, key.destination.is_ipv6()));
        drop(listener.unwrap_or_else(|| &self.listeners[&(port, true)]).accept().unwrap());
        key
    }
}

/// What a client asks for.
struct Connection {
    source: SocketAddr,
    destination: SocketAddr,
}

fn pairs(addresses: [&str; 5]) -> impl Iterator<Item = (IpAddr, IpAddr)> {
    let parsed = addresses.map(|address| address.parse::<IpAddr>().unwrap());
    parsed.into_iter().flat_map(move |source| parsed.map(|destination| (source, destination)))
}

/// The address as it is, or IPv4 as an IPv6 socket writes it.
fn form(address: SocketAddr, mapped: bool) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if mapped => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        address => address,
    }
}

fn listener(address: SocketAddr, only_v6: bool) -> TcpListener {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    if only_v6 {
        set_ipv6_v6only(&socket, true).unwrap();
    }
    set_socket_reuseaddr(&socket, true).unwrap();
    bind(&socket, &address).unwrap();
    listen(&socket, 16).unwrap();
    socket.into()
}

fn compile(text: &str) -> (Config, RuleTable) {
    let config = Config::parse(text).unwrap();
    let table = RuleTable::compile(&config).unwrap();
    (config, table)
}

fn chain_length(table: &RuleTable, first: wad_tune::RuleIndex) -> usize {
    iter::successors(Some(first), |index| table.rule(*index).next).count()
}

fn line(key: &FlowKey, direction: Direction, path: u32) -> String {
    format!("{key} {direction} path {path}")
}

/// The flows of a connection that are of a path, as user space says.
fn expected(table: &RuleTable, connecting: &FlowKey) -> impl Iterator<Item = String> {
    let accepting = FlowKey::new(connecting.destination, connecting.source);
    let flows = [(*connecting, Direction::Active), (accepting, Direction::Passive)];
    flows.into_iter().filter_map(|(key, direction)| Some(line(&key, direction, table.matching(&key)?.path.0)))
}

/// What the kernel reported as opened, once `count` flows have come or ten seconds have passed.
fn reported(tuner: &Tuner, count: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    let mut lines = Vec::new();
    loop {
        let records = tuner.poll(Duration::from_millis(1)).unwrap();
        let opened = records.iter().filter(|record| record.kind == RecordKind::Open);
        lines.extend(opened.map(|record| line(&record.key, record.direction, record.path)));
        if lines.len() >= count || Instant::now() > deadline {
            return lines;
        }
    }
}

/// Some of the lines that one side has more often than the other.
fn beyond(one: &[String], other: &[String]) -> Vec<String> {
    let mut left = tally(one);
    for (line, count) in tally(other) {
        left.entry(line).and_modify(|left| *left = left.saturating_sub(count));
    }
    left.into_iter().filter(|(_, count)| *count > 0).map(|(line, _)| line.to_owned()).take(5).collect()
}

fn tally(lines: &[String]) -> BTreeMap<&str, usize> {
    lines.iter().fold(BTreeMap::new(), |mut tally, line| {
        *tally.entry(line.as_str()).or_default() += 1;
        tally
    })
}

/// Paths over the prefixes of the addresses above, so that they nest and flows hit them.
fn random_configuration(seed: u64) -> String {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    loop {
        let text = (0..8).fold(String::new(), |mut text, n| {
            write!(text, "[[path]]\nname = \"p{n}\"\n{}", random_selector(&mut random)).unwrap();
            text
        });
        // Two that match the same, or a source of no destination's family, are errors.
        if Config::parse(&text).is_ok() {
            return text;
        }
    }
}

fn random_selector(random: &mut Pcg64Mcg) -> String {
    let ipv4 = below(random, 2) == 0;
    let mut text = format!("destination = {}\n", list(random, |random| random_prefix(random, ipv4)));
    if below(random, 2) == 0 {
        writeln!(text, "source = {}", list(random, |random| random_prefix(random, ipv4))).unwrap();
    }
    for (key, ports) in [("destination_port", &LISTENING[..]), ("source_port", &CLIENTS[1..])] {
        if below(random, 3) == 0 {
            writeln!(text, "{key} = {}", list(random, |random| random_ports(random, ports))).unwrap();
        }
    }
    text
}

/// One to three different items as TOML.
fn list(random: &mut Pcg64Mcg, mut item: impl FnMut(&mut Pcg64Mcg) -> String) -> String {
    let items: BTreeSet<_> = (0..=below(random, 3)).map(|_| format!("\"{}\"", item(random))).collect();
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

fn random_prefix(random: &mut Pcg64Mcg, ipv4: bool) -> String {
    let (addresses, lengths) =
        if ipv4 { (IPV4, [0, 8, 9, 16, 23, 24, 32]) } else { (IPV6, [0, 16, 32, 63, 64, 127, 128]) };
    let address = addresses[below(random, addresses.len())].parse().unwrap();
    wad_tune::Prefix::new(address, lengths[below(random, lengths.len())]).to_string()
}

fn random_ports(random: &mut Pcg64Mcg, ports: &[u16]) -> String {
    let low = ports[below(random, ports.len())];
    let width = [0, 1, 500, 10_000][below(random, 4)];
    format!("{low}-{}", low.saturating_add(width))
}

fn below(random: &mut Pcg64Mcg, bound: usize) -> usize {
    usize::try_from(random.next_u64() % bound as u64).unwrap()
}
