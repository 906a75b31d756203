//! Settings by their short names, applied to a scenario.

use std::time::Duration;

use serde::de::DeserializeOwned;
use wad_model::{Bytes, Rate, Segments, parse_duration};
use wad_path::{LinkConfig, Loss, Queue};
use wad_sim::Scenario;
use wad_sim::scenario::{Amount, FlowConfig, Topology, TwoWay};

use super::key_path;
use crate::setting::{SHORT_NAMES, Setting};
use crate::survey::Survey;

pub(super) fn is_short(name: &str) -> bool {
    SHORT_NAMES.iter().any(|short| short.name == name)
}

/// When a setting is applied: what depends on others comes after them.
pub(super) fn rank(name: &str) -> u8 {
    match name {
        "queue" => 2,
        "rtt" => 1,
        _ => 0,
    }
}

/// Applies a setting; the error says what is wrong with the value, and what would be possible.
pub(super) fn apply(scenario: &mut Scenario, setting: &Setting) -> Result<(), String> {
    let text = setting.value.as_str();
    match setting.name.as_str() {
        "rate" => link(scenario)?.forward.rate = Some(positive_rate(text)?),
        "rtt" => set_round_trip(scenario, quantity(text, parse_duration)?)?,
        "queue" => set_queue(scenario, text)?,
        "discipline" => link(scenario)?.forward.discipline = choice(text)?,
        "loss" => link(scenario)?.forward.loss = loss(text)?,
        "streams" => set_streams(scenario, text)?,
        "window" => set_amount(scenario, text, |flow| &mut flow.window)?,
        "receive_buffer" => set_amount(scenario, text, |flow| &mut flow.receive_buffer)?,
        "read_rate" => set_read_rate(scenario, text)?,
        "send_buffer" => set_amount(scenario, text, |flow| &mut flow.send_buffer)?,
        "control" => set_each(scenario, text, |flow| &mut flow.control)?,
        "recovery" => set_each(scenario, text, |flow| &mut flow.recovery)?,
        "segment" => {
            let segment: Bytes = quantity(text, str::parse)?;
            scenario.flows.iter_mut().for_each(|flow| flow.segment = Some(segment));
        }
        "initial_window" => {
            let window = segments(text)?;
            scenario.flows.iter_mut().for_each(|flow| flow.initial_window = Some(window));
        }
        "stagger" => {
            let stagger = quantity(text, parse_duration)?;
            scenario.flows.iter_mut().for_each(|flow| flow.stagger = stagger);
        }
        "time" => scenario.duration = quantity(text, parse_duration)?,
        "warm_up" => scenario.warm_up = quantity(text, parse_duration)?,
        "seed" => scenario.seed = text.parse().map_err(|_| "give a whole number".to_owned())?,
        "conventions" => scenario.conventions = choice(text)?,
        other => return Err(format!("{other} is no setting")),
    }
    Ok(())
}

/// The link that short names mean.
fn link(scenario: &mut Scenario) -> Result<&mut TwoWay, String> {
    match &mut scenario.topology {
        Topology::Dumbbell(dumbbell) => Ok(&mut dumbbell.bottleneck),
        Topology::ParkingLot(parking_lot) => Ok(&mut parking_lot.link),
        Topology::Custom(_) => Err("the network has links of its own, so say which one: \
             --set topology.custom.link.0.forward.KEY=VALUE"
            .to_owned()),
    }
}

/// Spreads a round trip over the links that the short names mean, both ways alike; access links keep theirs.
fn set_round_trip(scenario: &mut Scenario, rtt: Duration) -> Result<(), String> {
    let (access, hops) = match &scenario.topology {
        Topology::Dumbbell(dumbbell) => (&dumbbell.access, 1),
        Topology::ParkingLot(parking_lot) => (&parking_lot.access, parking_lot.hops.max(1)),
        Topology::Custom(_) => (&None, 1),
    };
    let elsewhere = 4 * access.as_ref().map_or(Duration::ZERO, |access| access.delay);
    let rest = rtt
        .checked_sub(elsewhere)
        .ok_or_else(|| format!("the access links alone take {}", wad_model::format_duration(elsewhere)))?;
    let each = rest / (2 * hops);
    let link = link(scenario)?;
    link.forward.delay = each;
    if let Some(backward) = &mut link.backward {
        backward.delay = each;
    }
    Ok(())
}

fn set_queue(scenario: &mut Scenario, text: &str) -> Result<(), String> {
    let queue = match text.strip_suffix("bdp").map(str::trim) {
        Some(factor) => product(scenario, factor)?,
        None => queue(text)?,
    };
    link(scenario)?.forward.queue = queue;
    Ok(())
}

/// So many times rate and round trip of the first flow, and room for one segment at least.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "sizes of this world are far below 2^53, and `as` saturates"
)]
fn product(scenario: &mut Scenario, factor: &str) -> Result<Queue, String> {
    let factor: f64 = if factor.is_empty() { Ok(1.0) } else { factor.parse() }
        .map_err(|_| "give a number of bandwidth-delay products, such as 1bdp or 0.5bdp".to_owned())?;
    if !(factor.is_finite() && factor > 0.0) {
        return Err("give more than 0bdp, or unlimited".to_owned());
    }
    let Some(rate) = link(scenario)?.forward.rate else { return Ok(Queue::Unlimited) };
    let survey = Survey::new(scenario).map_err(|error| error.to_string())?;
    let first = survey.flows.first();
    let rtt = first.map_or(Duration::ZERO, |flow| flow.round_trip);
    let least = first.map_or(Bytes::ZERO, |flow| flow.wire);
    let bytes = Bytes::new((rate.bytes_in(rtt).get() as f64 * factor).round() as u64);
    Ok(Queue::Bytes(bytes.max(least)))
}

fn queue(text: &str) -> Result<Queue, String> {
    const EXPECTED: &str = "give bandwidth-delay products (1bdp), packets (300), a size (2MiB), or unlimited";
    if matches!(text, "unlimited" | "none") {
        return Ok(Queue::Unlimited);
    }
    let packets = text.strip_suffix("packets").unwrap_or(text).trim();
    let queue = match packets.parse() {
        Ok(packets) => Queue::Packets(packets),
        Err(_) => Queue::Bytes(text.parse().map_err(|_| EXPECTED.to_owned())?),
    };
    LinkConfig { queue, ..LinkConfig::default() }.validate().map_err(|error| error.to_string())?;
    Ok(queue)
}

fn loss(text: &str) -> Result<Loss, String> {
    let (number, unit) = match text.strip_suffix('%') {
        Some(percent) => (percent.trim(), 0.01),
        None => (text, 1.0),
    };
    let loss = match number.parse::<f64>() {
        Ok(0.0) => Loss::None,
        Ok(number) => Loss::Random { probability: number * unit },
        Err(_) => choice(text)?,
    };
    LinkConfig { loss: loss.clone(), ..LinkConfig::default() }
        .validate()
        .map_err(|error| error.to_string())?;
    Ok(loss)
}

fn set_streams(scenario: &mut Scenario, text: &str) -> Result<(), String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| "give how many flows, at least 1".to_owned())?;
    match &mut scenario.flows[..] {
        [flow] => flow.count = count,
        flows => {
            return Err(format!(
                "the scenario has {} kinds of flows, so say which: --set flow.0.count={count}",
                flows.len()
            ));
        }
    }
    Ok(())
}

fn set_amount(
    scenario: &mut Scenario,
    text: &str,
    field: impl Fn(&mut FlowConfig) -> &mut Option<Amount>,
) -> Result<(), String> {
    let amount = match text {
        "unlimited" | "none" => None,
        text => Some(quantity(text, str::parse)?),
    };
    scenario.flows.iter_mut().for_each(|flow| *field(flow) = amount);
    Ok(())
}

fn set_read_rate(scenario: &mut Scenario, text: &str) -> Result<(), String> {
    let rate = match text {
        "unlimited" | "none" => None,
        text => Some(quantity(text, str::parse)?),
    };
    scenario.flows.iter_mut().for_each(|flow| flow.read_rate = rate);
    Ok(())
}

fn set_each<T: DeserializeOwned + Clone>(
    scenario: &mut Scenario,
    text: &str,
    field: impl Fn(&mut FlowConfig) -> &mut T,
) -> Result<(), String> {
    let value: T = choice(text)?;
    scenario.flows.iter_mut().for_each(|flow| *field(flow) = value.clone());
    Ok(())
}

/// A choice by its name, or an inline table with its parameters. Hyphens are as good as underscores.
fn choice<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let value = match key_path::value(text) {
        toml::Value::String(name) => toml::Value::String(name.replace('-', "_")),
        table => table,
    };
    value.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

fn segments(text: &str) -> Result<Segments, String> {
    let bare = text.parse().map(Segments::new);
    bare.or_else(|_| quantity(text, str::parse))
}

fn positive_rate(text: &str) -> Result<Rate, String> {
    let rate: Rate = quantity(text, str::parse)?;
    if rate.as_bps() == 0 { Err("a path needs a rate above 0".to_owned()) } else { Ok(rate) }
}

fn quantity<T, E: std::fmt::Display>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, String> {
    parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_short_name_takes_its_example() {
        for short in SHORT_NAMES {
            let mut scenario = Scenario::default();
            assert_eq!(apply(&mut scenario, &Setting::new(short.name, short.example)), Ok(()), "{short:?}");
            assert!(is_short(short.name) && !short.key.is_empty());
        }
    }

    #[test]
    fn a_queue_has_four_forms() {
        assert_eq!(queue("300"), Ok(Queue::Packets(300)));
        assert_eq!(queue("300 packets"), Ok(Queue::Packets(300)));
        assert_eq!(queue("2MiB"), Ok(Queue::Bytes(Bytes::new(2 << 20))));
        assert_eq!(queue("unlimited"), Ok(Queue::Unlimited));
        assert!(queue("0").unwrap_err().contains("at least one packet"));
        assert!(queue("much").unwrap_err().contains("1bdp"));
    }

    #[test]
    fn losses_are_shares_or_per_cent() {
        assert_eq!(loss("1e-4"), Ok(Loss::Random { probability: 1e-4 }));
        assert_eq!(loss("0.5%"), Ok(Loss::Random { probability: 0.005 }));
        assert_eq!(loss("0"), Ok(Loss::None));
        assert_eq!(loss("{ every = { nth = 10 } }"), Ok(Loss::Every { nth: 10 }));
        assert!(loss("2").unwrap_err().contains("from 0 to 1"));
    }
}
