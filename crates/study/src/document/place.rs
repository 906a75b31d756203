//! At which line of a file the value stands that a scenario's error means.

use toml::de::{DeTable, DeValue};
use wad_sim::ScenarioError;

/// The line, counted from 1; none if the file does not say what the error is about.
pub(super) fn line_of(text: &str, error: &ScenarioError) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let path = path_of(error, document.get_ref())?;
    let span = deepest(document.get_ref(), &path)?;
    Some(text.get(..span)?.matches('\n').count() + 1)
}

/// The path of the key at fault, as the file would have it.
fn path_of(error: &ScenarioError, document: &DeTable<'_>) -> Option<Vec<String>> {
    let under = |place: &str, key: &str| {
        let mut path: Vec<String> = split(place);
        path.extend(split(key));
        path
    };
    match error {
        ScenarioError::Link { link, source } => Some(under(&link_place(link, document), source.key())),
        ScenarioError::QueueTooSmall { link, .. } => Some(under(&link_place(link, document), "queue")),
        ScenarioError::UnknownNode { place, .. } | ScenarioError::NoRoute { place, .. } => {
            let (flow, key) = place.split_once(": ").unwrap_or((place, ""));
            Some(under(&flow_place(flow, document), key))
        }
        ScenarioError::Control { flow, control, fault } => {
            let key = fault.split([' ', '=']).next().unwrap_or_default();
            Some(under(&flow_place(flow, document), &format!("control.{control}.{key}")))
        }
        ScenarioError::Value { key, .. } => Some(match key.split_once(": ") {
            Some((flow, key)) => under(&flow_place(flow, document), key),
            None => split(key),
        }),
        _ => None,
    }
}

fn split(path: &str) -> Vec<String> {
    path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Where a link of that name is described.
fn link_place(name: &str, document: &DeTable<'_>) -> String {
    let topology = document.get("topology").and_then(|topology| topology.get_ref().as_table());
    let kind = topology.and_then(|topology| topology.keys().next()).map(|key| key.get_ref().to_string());
    let is_access = name.contains("left") || name.contains("right") || name.contains('h');
    match kind.as_deref() {
        Some("dumbbell") if is_access => "topology.dumbbell.access".to_owned(),
        Some("dumbbell") if name == "r1-r2" => "topology.dumbbell.bottleneck.forward".to_owned(),
        Some("dumbbell") => "topology.dumbbell.bottleneck.backward".to_owned(),
        Some("parking_lot") if is_access => "topology.parking_lot.access".to_owned(),
        Some("parking_lot") => "topology.parking_lot.link.forward".to_owned(),
        _ => "topology".to_owned(),
    }
}

/// Which entry of `[[flow]]` a flow of that name comes from.
fn flow_place(name: &str, document: &DeTable<'_>) -> String {
    let flows = document.get("flow").and_then(|flows| flows.get_ref().as_array());
    let mut before = 0;
    for (index, flow) in flows.into_iter().flatten().enumerate() {
        let Some(table) = flow.get_ref().as_table() else { continue };
        let own = table.get("name").and_then(|name| name.get_ref().as_str());
        let count = table.get("count").and_then(|count| match count.get_ref() {
            DeValue::Integer(number) => number.as_str().parse::<u64>().ok(),
            _ => None,
        });
        let numbers = before + 1..=before + count.unwrap_or(1);
        before += count.unwrap_or(1);
        let by_number = name.strip_prefix("flow ").and_then(|number| number.parse::<u64>().ok());
        if own.is_some_and(|own| name.starts_with(own))
            || (own.is_none() && by_number.is_some_and(|number| numbers.contains(&number)))
        {
            return format!("flow.{index}");
        }
    }
    "flow".to_owned()
}

/// The offset of the deepest key of the path that the document has.
fn deepest(table: &DeTable<'_>, path: &[String]) -> Option<usize> {
    let (name, rest) = path.split_first()?;
    let (key, value) = table.get_key_value(name.as_str())?;
    let here = key.span().start;
    let below = match (value.get_ref(), rest) {
        (DeValue::Table(inner), rest) => deepest(inner, rest),
        (DeValue::Array(array), [index, rest @ ..]) => {
            let item = index.parse::<usize>().ok().and_then(|index| array.get(index));
            item.and_then(|item| deepest(item.get_ref().as_table()?, rest).or(Some(item.span().start)))
        }
        _ => None,
    };
    Some(below.unwrap_or(here))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wad_sim::Scenario;

    fn line(text: &str) -> Option<usize> {
        let scenario: Scenario = toml::from_str(text).unwrap();
        line_of(text, &scenario.validate().unwrap_err())
    }

    #[test]
    fn a_fault_is_found_where_it_stands() {
        assert_eq!(line("seed = 3\nduration = \"0 s\""), Some(2));
        let queue =
            "[topology.dumbbell.bottleneck.forward]\nrate = \"1 Mbit/s\"\nqueue = { bytes = \"100 B\" }\n";
        assert_eq!(line(queue), Some(3));
        let loss =
            "\n[topology.dumbbell]\nbottleneck = { forward = { loss = { random = { probability = 3 } } } }";
        assert_eq!(line(loss), Some(3));
        assert_eq!(line("[[flow]]\ncount = 2\n[[flow]]\nsegment = \"0 B\"\n"), Some(4));
        let decrease = "[[flow]]\nname = \"a\"\n\n[flow.control.reno]\nmultiplicative_decrease = 2.0";
        assert_eq!(line(decrease), Some(5));
        assert_eq!(line("warm_up = \"99 s\""), Some(1));
    }

    #[test]
    fn a_fault_that_is_not_in_the_file_has_no_line() {
        let error = Scenario { duration: std::time::Duration::ZERO, ..Scenario::default() }.validate();
        assert_eq!(line_of("seed = 1", &error.unwrap_err()), None);
    }
}
