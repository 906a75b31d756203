//! Which flows are meant: the language of `FILTER` in `wad flows`, `wad top` and `wad trace`.
//!
//! Terms apart by spaces, all of which must hold. A term is `KEY=VALUE`, with several values apart by commas of which
//! one must hold, or an address or a prefix alone, which either end may have. `!` before a term turns it round.
//!
//! ```text
//!   dst=192.0.2.0/24 dport=2811,50000-51000 !control=bbr
//! ```
//!
//! docs/OBSERVING.md has the keys.

use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, anyhow, bail};
use wad_linux::{FlowSample, Prefix};
use wad_model::Counter;

/// The states of a connection, as Linux numbers them from 1 on.
pub(crate) const STATES: [&str; 12] = [
    "established",
    "syn-sent",
    "syn-recv",
    "fin-wait-1",
    "fin-wait-2",
    "time-wait",
    "close",
    "close-wait",
    "last-ack",
    "listen",
    "closing",
    "new-syn-recv",
];

const KEYS: &str = "addr, src, dst, port, sport, dport, path, state, control, ns, pid, uid, cookie";

/// Which flows are meant. An empty filter means all.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlowFilter {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Address(End, Vec<Prefix>),
    Port(End, Vec<RangeInclusive<u16>>),
    Path(Vec<String>),
    State(Vec<u64>),
    Control(Vec<String>),
    Namespace(Vec<u32>),
    Process(Vec<u32>, HashSet<u32>),
    User(Vec<u32>),
    Cookie(Vec<u64>),
}

#[derive(Clone, Copy, Debug)]
enum End {
    Local,
    Remote,
    Either,
}

/// The name of a state.
pub(crate) fn state_name(sample: &FlowSample) -> &'static str {
    let number = sample.counters.get(Counter::State).and_then(|state| usize::try_from(state).ok());
    number.and_then(|number| STATES.get(number.wrapping_sub(1))).copied().unwrap_or("?")
}

impl FlowFilter {
    /// Of the words of a command line, each of which may hold several terms.
    pub(crate) fn parse(words: &[String]) -> anyhow::Result<Self> {
        let terms = words.iter().flat_map(|word| word.split_whitespace()).map(Term::parse);
        Ok(Self { terms: terms.collect::<Result<_, _>>()? })
    }

    /// Whether it means all flows.
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Looks anew which sockets processes have; to be called before flows are compared. `proc` is where procfs is.
    pub(crate) fn refresh(&mut self, proc: &Path) {
        for term in &mut self.terms {
            if let Test::Process(pids, inodes) = &mut term.test {
                *inodes = pids.iter().flat_map(|pid| sockets_of(proc, *pid)).collect();
            }
        }
    }

    /// Whether a flow is meant; `path` is the name of the path that designates it.
    pub(crate) fn matches(&self, sample: &FlowSample, path: Option<&str>) -> bool {
        self.terms.iter().all(|term| term.test.holds(sample, path) != term.negated)
    }
}

impl Term {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (negated, term) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let test = match term.split_once('=') {
            Some((key, values)) => Test::parse(key, values).with_context(|| format!("filter \"{text}\""))?,
            None => Test::Address(
                End::Either,
                vec![prefix(term).with_context(|| {
                    format!("filter \"{text}\": expected KEY=VALUE (keys: {KEYS}), an address or a prefix")
                })?],
            ),
        };
        Ok(Self { negated, test })
    }
}

impl Test {
    fn parse(key: &str, values: &str) -> anyhow::Result<Self> {
        Ok(match key {
            "addr" => Self::Address(End::Either, list(values, prefix)?),
            "src" => Self::Address(End::Local, list(values, prefix)?),
            "dst" => Self::Address(End::Remote, list(values, prefix)?),
            "port" => Self::Port(End::Either, list(values, ports)?),
            "sport" => Self::Port(End::Local, list(values, ports)?),
            "dport" => Self::Port(End::Remote, list(values, ports)?),
            "path" => Self::Path(list(values, number)?),
            "control" => Self::Control(list(values, number)?),
            "state" => Self::State(list(values, state)?),
            "ns" => Self::Namespace(list(values, number)?),
            "pid" => Self::Process(list(values, number)?, HashSet::new()),
            "uid" => Self::User(list(values, number)?),
            "cookie" => Self::Cookie(list(values, number)?),
            _ => bail!("there is no key \"{key}\"; keys are {KEYS}"),
        })
    }

    fn holds(&self, sample: &FlowSample, path: Option<&str>) -> bool {
        match self {
            Self::Address(end, prefixes) => {
                end.of(sample).any(|socket| prefixes.iter().any(|prefix| contains(prefix, socket.ip())))
            }
            Self::Port(end, ranges) => {
                end.of(sample).any(|socket| ranges.iter().any(|range| range.contains(&socket.port())))
            }
            Self::Path(names) => path.is_some_and(|path| names.iter().any(|name| name == path)),
            Self::State(states) => {
                sample.counters.get(Counter::State).is_some_and(|state| states.contains(&state))
            }
            Self::Control(names) => names.iter().any(|name| name == sample.control.as_str()),
            Self::Namespace(inodes) => inodes.contains(&sample.namespace),
            Self::Process(_, inodes) => sample.owner.is_some_and(|owner| inodes.contains(&owner.inode)),
            Self::User(uids) => sample.owner.is_some_and(|owner| uids.contains(&owner.uid)),
            Self::Cookie(cookies) => cookies.contains(&sample.cookie),
        }
    }
}

impl End {
    fn of(self, sample: &FlowSample) -> impl Iterator<Item = SocketAddr> {
        let (source, destination) = (sample.key.source, sample.key.destination);
        let ends = match self {
            Self::Local => [Some(source), None],
            Self::Remote => [Some(destination), None],
            Self::Either => [Some(source), Some(destination)],
        };
        ends.into_iter().flatten()
    }
}

fn list<T>(values: &str, parse: impl Fn(&str) -> anyhow::Result<T>) -> anyhow::Result<Vec<T>> {
    values.split(',').map(parse).collect()
}

fn number<T: FromStr>(text: &str) -> anyhow::Result<T> {
    let wrong = || anyhow!("\"{text}\" is no value of this key");
    if text.is_empty() { Err(wrong()) } else { text.parse().map_err(|_| wrong()) }
}

fn state(text: &str) -> anyhow::Result<u64> {
    let found = STATES.iter().zip(1..).find(|(name, _)| **name == text);
    found
        .map(|(_, number)| number)
        .ok_or_else(|| anyhow!("no state is \"{text}\"; states are {}", STATES.join(", ")))
}

fn ports(text: &str) -> anyhow::Result<RangeInclusive<u16>> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (number(low)?, number(high)?);
    if low > high {
        bail!("the range of ports {text} is empty");
    }
    Ok(low..=high)
}

fn prefix(text: &str) -> anyhow::Result<Prefix> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address = address.trim_matches(['[', ']']);
    let address: IpAddr = address.parse().map_err(|_| anyhow!("\"{text}\" is no address and no prefix"))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Ok(most), number)?;
    if length > most {
        bail!("a prefix of {address} has at most {most} bits");
    }
    Ok(Prefix { address, length })
}

fn contains(prefix: &Prefix, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(u32::from(v4)) << 96,
        IpAddr::V6(v6) => u128::from(v6),
    };
    let differing = bits(prefix.address) ^ bits(address);
    prefix.address.is_ipv4() == address.is_ipv4() && differing.leading_zeros() >= u32::from(prefix.length)
}

/// The inode numbers of the sockets that a process has open; none if it has ended.
fn sockets_of(proc: &Path, pid: u32) -> Vec<u32> {
    let files = fs::read_dir(proc.join(pid.to_string()).join("fd")).into_iter().flatten().flatten();
    files
        .filter_map(|file| {
            let target = fs::read_link(file.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use wad_linux::{ControlName, Owner};
    use wad_model::{Counters, FlowKey, Time};

    use super::*;

    fn flow() -> FlowSample {
        FlowSample {
            time: Time::ZERO,
            cookie: 7,
            namespace: 4_026_531_840,
            key: FlowKey::new("10.0.0.1:40000".parse().unwrap(), "192.0.2.9:2811".parse().unwrap()),
            path: Some(0),
            is_final: false,
            control: ControlName::default(),
            owner: Some(Owner { uid: 1000, inode: 5, cgroup: None }),
            counters: [(Counter::State, 1)].into_iter().collect::<Counters>(),
        }
    }

    fn matches(filter: &str) -> bool {
        FlowFilter::parse(&[filter.to_owned()]).unwrap().matches(&flow(), Some("cern"))
    }

    #[test]
    fn what_holds() {
        for filter in [
            "",
            "192.0.2.9",
            "10.0.0.0/8",
            "dst=192.0.2.0/24 dport=80,2800-2900",
            "port=40000",
            "path=cern,desy state=established",
            "uid=1000 cookie=7 ns=4026531840",
            "!src=192.0.2.9",
            "0.0.0.0/0",
        ] {
            assert!(matches(filter), "{filter}");
        }
    }

    #[test]
    fn what_does_not_hold() {
        for filter in [
            "src=192.0.2.9",
            "dport=80",
            "!path=cern",
            "state=close-wait",
            "::/0",
            "pid=1",
            "10.0.0.1 port=1",
        ] {
            assert!(!matches(filter), "{filter}");
        }
    }

    #[test]
    fn what_is_no_filter_is_told() {
        for (filter, part) in [
            ("destination=1.2.3.4", "there is no key \"destination\""),
            ("dst=host", "no address"),
            ("dst=10.0.0.0/33", "at most 32 bits"),
            ("dport=9-8", "is empty"),
            ("state=open", "states are established"),
            ("fast", "expected KEY=VALUE"),
            ("pid=", "no value"),
        ] {
            let error = FlowFilter::parse(&[filter.to_owned()]).unwrap_err();
            assert!(format!("{error:#}").contains(part), "{filter}: {error:#}");
        }
    }
}
