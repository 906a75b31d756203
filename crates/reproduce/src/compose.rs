//! From an experiment's variant to a scenario of the lab.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::error::ReproduceError;
use crate::experiment::{Experiment, HostSets, Sysctls, Variant};

/// The name of the measured client in reports.
pub(crate) const CLIENT: &str = "client";
/// The name of the client beside it.
pub(crate) const BESIDE: &str = "beside";
/// The name of the daemon.
pub(crate) const DAEMON: &str = "wad";
/// The host that sends.
pub(crate) const SENDER: &str = "sender";
/// The host that receives.
pub(crate) const RECEIVER: &str = "receiver";
/// The port of the measured transfer.
pub(crate) const PORT: u16 = 5201;
/// The port of the transfer beside it.
const BESIDE_PORT: u16 = 5202;
/// The port of the sender's own server, which nobody uses.
const BYSTANDER_PORT: u16 = 5203;
/// The name of the daemon's configuration in the directory of the run.
pub(crate) const CONFIG: &str = "wad.toml";
/// So many times its expected length a run may take, and some more.
const PATIENCE: u32 = 5;

/// The text of the scenario that runs `variant` with this seed.
///
/// # Errors
/// The experiment names a set of hosts that does not exist.
pub fn scenario_text(
    experiment: &Experiment,
    variant: &Variant,
    sets: &HostSets,
    seed: u32,
) -> Result<String, ReproduceError> {
    let fail = |message| ReproduceError::Experiment { id: experiment.id.clone(), message };
    let set = sets
        .sysctls(&variant.hosts)
        .ok_or_else(|| fail(format!("variant {}: there are no hosts \"{}\"", variant.name, variant.hosts)))?;
    let seconds = variant.seconds(experiment);
    let mut scenario = Table::new();
    scenario.insert("name".into(), format!("{} {}", experiment.id, variant.name).into());
    scenario.insert("seed".into(), i64::from(seed).into());
    scenario.insert("duration".into(), format!("{} s", PATIENCE * seconds + 30).into());
    scenario.insert("path".into(), experiment.path.clone().into());
    scenario.insert("host".into(), hosts(set, &variant.sysctl).into());
    scenario.insert("application".into(), applications(variant, seconds).into());
    scenario.insert("record".into(), record(experiment).into());
    toml::to_string(&scenario).map_err(|error| fail(error.to_string()))
}

fn hosts(set: &Sysctls, beyond: &Sysctls) -> Table {
    let all: BTreeMap<&String, &String> = set.iter().chain(beyond).collect();
    let sysctl: Table = all.into_iter().map(|(key, value)| (key.clone(), value.clone().into())).collect();
    let host = |side: &str| -> Value {
        let entries = [("side", side.into()), ("sysctl", sysctl.clone().into())];
        Table::from_iter(entries.map(|(key, value): (&str, Value)| (key.to_owned(), value))).into()
    };
    Table::from_iter([(SENDER.to_owned(), host("left")), (RECEIVER.to_owned(), host("right"))])
}

/// Servers, then the daemon, then the clients: each waits until those before it are ready.
fn applications(variant: &Variant, seconds: u32) -> Vec<Value> {
    let mut all = vec![server("server", PORT)];
    all.extend(variant.beside.as_ref().map(|_| server("server beside", BESIDE_PORT)));
    if variant.wad.is_some() {
        all.extend([bystander(), daemon()]);
    }
    all.push(client(CLIENT, PORT, &variant.iperf3, seconds));
    all.extend(variant.beside.as_ref().map(|arguments| client(BESIDE, BESIDE_PORT, arguments, seconds)));
    all
}

fn server(name: &str, port: u16) -> Value {
    let mut server = iperf3_server(name, port);
    server.insert("host".into(), RECEIVER.into());
    server.into()
}

fn iperf3_server(name: &str, port: u16) -> Table {
    let mut server = application(name, &["iperf3", "--server", "--one-off", "--port", &port.to_string()]);
    server.insert("role".into(), "service".into());
    server.insert("ready_port".into(), i64::from(port).into());
    server
}

/// Something with a socket at the sender before the daemon starts: settings of a whole network namespace are for those
/// that are in use, as a real host's always is.
fn bystander() -> Value {
    let mut bystander = iperf3_server("bystander", BYSTANDER_PORT);
    bystander.insert("host".into(), SENDER.into());
    bystander.into()
}

fn daemon() -> Value {
    let config = format!("{{dir}}/{CONFIG}");
    let command = ["{wad}", "run", "--config", &config, "--cgroup", "{cgroup}", "--runtime-dir", "{dir}/run"];
    let mut daemon = application(DAEMON, &command);
    daemon.insert("role".into(), "service".into());
    // More than the one word, which is also in "registered already".
    daemon.insert("ready".into(), "ready paths=".into());
    daemon.insert("ready_timeout".into(), "30 s".into());
    daemon.into()
}

fn client(name: &str, port: u16, arguments: &[String], seconds: u32) -> Value {
    let address = format!("{{address:{RECEIVER}}}");
    let (port, time) = (port.to_string(), seconds.to_string());
    let mut command = vec!["iperf3", "--client", &address, "--port", &port, "--json"];
    if !arguments.iter().any(|argument| argument == "--bytes") {
        command.extend(["--time", &time]);
    }
    command.extend(arguments.iter().map(String::as_str));
    let mut client = application(name, &command);
    client.insert("host".into(), SENDER.into());
    client.into()
}

fn application(name: &str, command: &[&str]) -> Table {
    let command: Vec<Value> = command.iter().map(|argument| (*argument).into()).collect();
    Table::from_iter([("name".to_owned(), name.into()), ("command".to_owned(), command.into())])
}

fn record(experiment: &Experiment) -> Table {
    let interval = |text: &str| Value::from(text);
    Table::from_iter([
        ("tcp".to_owned(), interval(&experiment.sample_tcp)),
        ("emulator".to_owned(), interval("100 ms")),
    ])
}
