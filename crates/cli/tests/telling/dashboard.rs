//! The dashboard for Grafana shows what there is: each of its queries names metrics and labels that a daemon serves.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::host::{Host, wait_until};
use crate::page::Page;
use crate::process::Daemon;
use crate::traffic::Server;
use crate::{FAR, free_address};

/// What a healthy flow does not show: no setting of it was refused.
const SILENT: &str = "wad_refused_settings_total";
/// What Prometheus adds to every series.
const ADDED: [&str; 2] = ["job", "instance"];
/// What is no name of a metric or of a label in a query.
const WORDS: [&str; 10] =
    ["sum", "by", "rate", "increase", "topk", "histogram_quantile", "label_values", "max", "avg", "without"];

fn dashboard() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards/wad.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every query of the dashboard: of its panels, and of its variables.
fn queries(dashboard: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let panels = list(&dashboard["panels"]);
    let inner = panels.iter().flat_map(|panel| list(&panel["panels"]));
    let targets = panels.iter().cloned().chain(inner).flat_map(|panel| list(&panel["targets"]));
    let of_panels = targets.map(|target| target["expr"].as_str().unwrap().to_owned());
    let variables = list(&dashboard["templating"]["list"]).into_iter().filter(|one| one["type"] == "query");
    of_panels.chain(variables.map(|one| one["query"].as_str().unwrap().to_owned())).collect()
}

/// The metrics of a query, each with the labels that are asked of it; and the labels that it groups by.
fn parts(query: &str) -> (Vec<(String, Vec<String>)>, Vec<String>) {
    let (mut metrics, mut labels) = (Vec::<(String, Vec<String>)>::new(), Vec::new());
    let mut rest = query;
    let mut grouped = false;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_' || "{[\")$".contains(c)) {
        rest = &rest[start..];
        match rest.as_bytes()[0] {
            b'{' => {
                let (inner, after) = rest[1..].split_once('}').unwrap();
                let names =
                    inner.split(',').map(|one| one.split(['=', '!']).next().unwrap().trim().to_owned());
                metrics.last_mut().unwrap().1.extend(names);
                rest = after;
            }
            b'[' => rest = rest.split_once(']').unwrap().1,
            b'"' => rest = rest[1..].split_once('"').unwrap().1,
            b')' => {
                grouped = false;
                rest = &rest[1..];
            }
            _ => {
                let end = rest[1..]
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .map_or(rest.len(), |end| end + 1);
                let (word, after) = rest.split_at(end);
                match word {
                    "by" | "without" => grouped = true,
                    _ if WORDS.contains(&word) || word.starts_with('$') => {}
                    _ if grouped || after.starts_with(')') && query.starts_with("label_values") => {
                        labels.push(word.to_owned())
                    }
                    _ => metrics.push((word.to_owned(), Vec::new())),
                }
                rest = after;
            }
        }
    }
    (metrics, labels)
}

#[test]
fn a_query_is_taken_apart() {
    let (metrics, labels) = parts(
        "sum by (le, path) (rate(wad_a_bucket{class=\"x\",path=~\"$path\"}[$__rate_interval])) / wad_b * 8",
    );
    assert_eq!(labels, ["le", "path"]);
    let own = vec!["class".to_owned(), "path".to_owned()];
    assert_eq!(metrics, [("wad_a_bucket".to_owned(), own), ("wad_b".to_owned(), Vec::new())]);
    let (metrics, labels) = parts("label_values(wad_version, job)");
    assert_eq!((metrics[0].0.as_str(), labels), ("wad_version", vec!["job".to_owned()]));
}

#[test]
fn each_query_names_what_a_daemon_serves() {
    let host = Host::new();
    let address = free_address();
    let sink =
        format!("[[events]]\nname = \"log\"\ntarget = \"file:{}\"\n", host.files.path("events").display());
    let config = format!(
        "[observe]\ninterval = \"50 ms\"\nderived = [\"Large = DataBytesOut > 1 MB\"]\n{sink}[metrics]\nlisten = \"{address}\"\nother_flows = true\n{FAR}metrics = {{ per_flow = true }}\n"
    );
    let _daemon = Daemon::start(&host, &config);
    let mut flow = Server::new().connect();
    flow.transfer(2_000_000);
    let raised = || Page::get(address, false).find("wad_alerts", &[]) == Some(1.0);
    assert!(wait_until(raised));
    let page = Page::get(address, false);

    let dashboard = dashboard();
    let queries = queries(&dashboard);
    assert!(queries.len() > 30, "{}", queries.len());
    let mut shown = BTreeSet::new();
    for query in &queries {
        let (metrics, mut grouped) = parts(query);
        assert!(!metrics.is_empty(), "{query}");
        for (metric, labels) in &metrics {
            shown.insert(metric.clone());
            if metric == SILENT {
                grouped.retain(|label| !["path", "setting"].contains(&label.as_str()));
                continue;
            }
            let known =
                page.labels(metric).unwrap_or_else(|| panic!("{query}: no {metric} in {}", page.text));
            let is_known =
                |label: &String| known.contains(&label.as_str()) || ADDED.contains(&label.as_str());
            assert!(labels.iter().all(is_known), "{query}: {metric} has the labels {known:?}");
            grouped.retain(|label| !is_known(label));
        }
        assert!(grouped.is_empty(), "{query}: nothing has the labels {grouped:?}");
    }
    let legends = dashboard.to_string();
    assert!(legends.contains("${datasource}"), "any data source can be chosen");
    assert!(shown.iter().filter(|name| name.starts_with("wad_")).count() > 25, "{shown:?}");
}
