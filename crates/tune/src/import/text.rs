//! Paths as the text of a configuration.

use std::net::IpAddr;

use wad_model::Bytes;

use super::path::{Mode, Path};

/// The configuration of these paths.
pub(super) fn written(paths: &[Path]) -> String {
    let mut text = "# Converted from a wad.conf of 2002 by `wad import`.\n".to_owned();
    for path in paths {
        text.push('\n');
        for line in entry(path).into_iter().chain(grant(path)) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

fn entry(path: &Path) -> Vec<String> {
    let port = |key: &str, port: Option<u16>| port.map(|port| format!("{key} = [{port}]"));
    let head = [
        Some(format!("# Line {} of wad.conf", path.line)),
        Some("[[path]]".to_owned()),
        Some(format!("name = \"{}\"", path.name)),
        Some(format!("destination = [{}]", destination(path))),
        (!path.source.is_empty()).then(|| format!("source = [{}]", list(&path.source))),
        port("destination_port", path.destination_port),
        port("source_port", path.source_port),
    ];
    let settings = [
        table("buffers", buffers(path)),
        table("congestion", congestion(path)),
        path.max_ssthresh.map(|window| format!("slow_start = {{ max_ssthresh = \"{window}\" }}")),
        path.reordering.map(|(threshold, _)| format!("reordering = {threshold}")),
        path.no_delayed_ack.then(|| "delayed_ack = false".to_owned()),
    ];
    head.into_iter().chain(settings).flatten().collect()
}

/// Where any destination is meant, the families of the source are, or IPv4: there was no other.
fn destination(path: &Path) -> String {
    if !path.destination.is_empty() {
        return list(&path.destination);
    }
    let v6 = path.source.iter().any(IpAddr::is_ipv6);
    let v4 = path.source.is_empty() || path.source.iter().any(IpAddr::is_ipv4);
    let any = [v4.then_some("\"0.0.0.0/0\""), v6.then_some("\"::/0\"")];
    any.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(|address| format!("\"{address}\"")).collect::<Vec<_>>().join(", ")
}

/// A table on one line; none if it has no keys.
fn table(name: &str, keys: Vec<String>) -> Option<String> {
    (!keys.is_empty()).then(|| format!("{name} = {{ {} }}", keys.join(", ")))
}

fn buffers(path: &Path) -> Vec<String> {
    let size = |key: &str, size: Option<Bytes>| {
        let text = size.map_or_else(|| "unchanged".to_owned(), |size| format!("{} B", size.get()));
        format!("{key} = \"{text}\"")
    };
    let given = |key: &str, bytes: Option<Bytes>| bytes.is_some().then(|| size(key, bytes));
    let (mode, send, receive) = match path.mode {
        // A size that is not given is what is measured is there for.
        Mode::Measured => ("measured", given("send", path.send), given("receive", path.receive)),
        Mode::Set | Mode::Override => {
            ("fixed", Some(size("send", path.send)), Some(size("receive", path.receive)))
        }
    };
    let over = path.mode == Mode::Override;
    [
        Some(format!("mode = \"{mode}\"")),
        send,
        receive,
        path.divide.then(|| "divide = true".to_owned()),
        over.then(|| "override_application = true".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn congestion(path: &Path) -> Vec<String> {
    let number = |key: &str, number: Option<f64>| number.map(|number| format!("{key} = {number}"));
    let keys: Vec<_> = [
        number("additive_increase", path.additive_increase),
        number("multiplicative_decrease", path.multiplicative_decrease),
        path.high_speed.map(|mode| format!("high_speed = \"{}\"", mode.name())),
    ]
    .into_iter()
    .flatten()
    .collect();
    // Limited slow start is of the control too.
    if keys.is_empty() && path.max_ssthresh.is_none() {
        return Vec::new();
    }
    std::iter::once("control = \"wad\"".to_owned()).chain(keys).collect()
}

fn grant(path: &Path) -> Vec<String> {
    if path.grants.is_empty() {
        return Vec::new();
    }
    let settings: Vec<_> =
        path.grants.iter().map(|knob| format!("\"{}\"", knob.tunable().short_key())).collect();
    vec![
        String::new(),
        "[[host.grant]]".to_owned(),
        format!("path = \"{}\"", path.name),
        format!("settings = [{}]", settings.join(", ")),
    ]
}
