//! The text form of a scenario, and what it means.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::fault::Fault;
use super::path::{DurationText, PathText};
use super::placeholder::unknown_host;
use super::{Application, Ready, ReadyWhen, Record, Role, Scenario};
use crate::emulator::EmulatorOptions;
use crate::host::HostConfig;
use crate::testbed::TestbedConfig;

/// How long an application may take to become ready where the text says nothing.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// Ethernet's.
const MTU: u32 = 1500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioText {
    name: String,
    #[serde(default = "one")]
    seed: u64,
    duration: DurationText,
    #[serde(default)]
    path: Option<Spanned<PathText>>,
    #[serde(default)]
    host: BTreeMap<String, Spanned<HostText>>,
    application: Vec<Spanned<ApplicationText>>,
    #[serde(default)]
    record: RecordText,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HostText {
    side: Option<Side>,
    address: Option<Ipv4Addr>,
    address6: Option<Ipv6Addr>,
    #[serde(default)]
    sysctl: BTreeMap<String, SysctlText>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Side {
    Left,
    Right,
}

/// A sysctl's value may be written as a number.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a sysctl's value is a text or a whole number")]
enum SysctlText {
    Text(String),
    Number(i64),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplicationText {
    name: String,
    host: Option<Spanned<String>>,
    command: Spanned<Vec<String>>,
    start: Option<DurationText>,
    #[serde(default)]
    role: Role,
    ready: Option<String>,
    ready_port: Option<u16>,
    ready_timeout: Option<DurationText>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RecordText {
    tcp: Option<Spanned<DurationText>>,
    emulator: Option<Spanned<DurationText>>,
}

const fn one() -> u64 {
    1
}

pub(super) fn parse(text: &str) -> Result<Scenario, Fault> {
    let text: ScenarioText = toml::from_str(text)?;
    let record = Record { tcp: interval(text.record.tcp)?, emulator: interval(text.record.emulator)? };
    let options = EmulatorOptions { seed: text.seed, sample: record.emulator, ..EmulatorOptions::default() };
    let testbed = testbed(hosts(text.host)?, text.path, options)?;
    let applications: Vec<_> =
        text.application.into_iter().map(|one| application(one, &testbed.hosts)).collect::<Result<_, _>>()?;
    if !applications.iter().any(|one| one.role == Role::Main) {
        return Err(Fault::new(0..0, "no application has the role \"main\": the run would end at once"));
    }
    Ok(Scenario { name: text.name, duration: text.duration.0, testbed, applications, record })
}

fn interval(text: Option<Spanned<DurationText>>) -> Result<Option<Duration>, Fault> {
    let Some(text) = text else { return Ok(None) };
    let (at, DurationText(interval)) = (text.span(), text.into_inner());
    if interval < Duration::from_millis(1) {
        return Err(Fault::new(at, "the interval of a record is at least \"1 ms\""));
    }
    Ok(Some(interval))
}

fn testbed(
    hosts: [HostConfig; 2],
    text: Option<Spanned<PathText>>,
    options: EmulatorOptions,
) -> Result<TestbedConfig, Fault> {
    let (at, text) = text.map_or((0..0, PathText::default()), |text| (text.span(), text.into_inner()));
    let path = text.resolve().map_err(|message| Fault::new(at.clone(), message))?;
    let mtu = text.mtu.unwrap_or(MTU);
    // IPv6 needs 1280 (RFC 8200 section 5); an IP packet has a length of 16 bits.
    if !(1280..=65535).contains(&mtu) {
        return Err(Fault::new(at, format!("path.mtu = {mtu}: give a number from 1280 to 65535")));
    }
    Ok(TestbedConfig { hosts, mode: text.mode, mtu, path, emulator: text.emulator(options) })
}

/// The hosts, left and right: by their `side`, then in the order of the text.
fn hosts(texts: BTreeMap<String, Spanned<HostText>>) -> Result<[HostConfig; 2], Fault> {
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by_key(|(_, text)| text.span().start);
    let [first, second] = <[_; 2]>::try_from(texts).map_err(|texts| {
        let at = texts.get(2).map_or(0..0, |(_, text)| text.span());
        Fault::new(at, format!("a path has two hosts, [host.NAME] each; here are {}", texts.len()))
    })?;
    let (one, other) = (first.1.as_ref().side, second.1.as_ref().side);
    if one.is_some() && one == other {
        return Err(Fault::new(second.1.span(), "both hosts are on the same side"));
    }
    let swap = one == Some(Side::Right) || other == Some(Side::Left);
    let (left, right) = if swap { (second, first) } else { (first, second) };
    Ok([host(left, 1), host(right, 2)])
}

fn host((name, text): (String, Spanned<HostText>), number: u8) -> HostConfig {
    let text = text.into_inner();
    let usual = HostConfig::numbered(&name, number);
    let value = |text| match text {
        SysctlText::Text(text) => text,
        SysctlText::Number(number) => number.to_string(),
    };
    HostConfig {
        name,
        address: text.address.unwrap_or(usual.address),
        address6: text.address6.unwrap_or(usual.address6),
        sysctl: text.sysctl.into_iter().map(|(key, text)| (key, value(text))).collect(),
    }
}

fn application(text: Spanned<ApplicationText>, hosts: &[HostConfig; 2]) -> Result<Application, Fault> {
    let (at, text) = (text.span(), text.into_inner());
    let ready = ready(&text).map_err(|message| Fault::new(at, message))?;
    if let Some(host) = &text.host
        && hosts.iter().all(|one| one.name != *host.as_ref())
    {
        return Err(no_such_host(host.span(), host.as_ref(), hosts));
    }
    let (at, command) = (text.command.span(), text.command.into_inner());
    if command.is_empty() {
        return Err(Fault::new(at, "a command has at least a program"));
    }
    if let Some(name) = command.iter().find_map(|argument| unknown_host(argument, hosts)) {
        return Err(no_such_host(at, name, hosts));
    }
    Ok(Application {
        name: text.name,
        host: text.host.map(Spanned::into_inner),
        command,
        start: text.start.map_or(Duration::ZERO, |start| start.0),
        role: text.role,
        ready,
    })
}

fn ready(text: &ApplicationText) -> Result<Option<Ready>, &'static str> {
    let when = match (&text.ready, text.ready_port) {
        (None, None) if text.ready_timeout.is_some() => {
            return Err("`ready_timeout` needs `ready` or `ready_port`");
        }
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err("give either `ready` or `ready_port`"),
        (None, Some(_)) if text.host.is_none() => return Err("`ready_port` needs a `host`"),
        (Some(output), None) => ReadyWhen::Output(output.clone()),
        (None, Some(port)) => ReadyWhen::Port(port),
    };
    Ok(Some(Ready { when, timeout: text.ready_timeout.map_or(READY_TIMEOUT, |timeout| timeout.0) }))
}

fn no_such_host(at: std::ops::Range<usize>, name: &str, hosts: &[HostConfig; 2]) -> Fault {
    let [left, right] = hosts.each_ref().map(|host| &host.name);
    Fault::new(at, format!("there is no host \"{name}\": the hosts are \"{left}\" and \"{right}\""))
}
