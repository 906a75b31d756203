//! A page of metrics as a reader sees it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// The labels of a series.
type Labels = BTreeMap<String, String>;
/// The series of a metric, each with its value.
type Series = Vec<(Labels, f64)>;

/// Series by their name, each with its labels and its value.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) head: String,
    series: BTreeMap<String, Series>,
}

impl Page {
    /// Asks for the page, in OpenMetrics if so wished.
    pub(crate) fn get(address: SocketAddr, open_metrics: bool) -> Self {
        let accept = if open_metrics { "application/openmetrics-text; version=1.0.0" } else { "*/*" };
        Self::ask(TcpStream::connect(address).unwrap(), accept)
    }

    /// The page on the API's socket.
    pub(crate) fn of_api(socket: &Path) -> Self {
        Self::ask(UnixStream::connect(socket).unwrap(), "*/*")
    }

    fn ask(mut stream: impl Read + Write, accept: &str) -> Self {
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: wad\r\nAccept: {accept}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Self::parse(head, body)
    }

    fn parse(head: &str, body: &str) -> Self {
        let mut series: BTreeMap<String, Series> = BTreeMap::new();
        // A refusal has no series.
        let lines = body.lines().filter(|line| head.starts_with("HTTP/1.1 200") && !line.starts_with('#'));
        for line in lines {
            let (name_and_labels, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = match name_and_labels.split_once('{') {
                Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
                None => (name_and_labels, ""),
            };
            // No label of the tests has a comma in it.
            let labels = labels.split(',').filter(|label| !label.is_empty()).map(|label| {
                let (name, value) = label.split_once('=').unwrap();
                (name.to_owned(), value.trim_matches('"').to_owned())
            });
            series.entry(name.to_owned()).or_default().push((labels.collect(), value.parse().unwrap()));
        }
        Self { text: body.to_owned(), head: head.to_owned(), series }
    }

    /// The sum of the series with this name and these labels; `None` if there is none.
    pub(crate) fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has =
            |own: &Labels| labels.iter().all(|(name, value)| own.get(*name).is_some_and(|own| own == value));
        let found: Vec<f64> =
            self.series.get(name)?.iter().filter(|(own, _)| has(own)).map(|(_, value)| *value).collect();
        (!found.is_empty()).then(|| found.iter().sum())
    }

    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.find(name, labels).unwrap_or_else(|| panic!("no {name} {labels:?} in {}", self.text))
    }

    /// All series with their values, by name and labels.
    pub(crate) fn all(&self) -> BTreeMap<(String, Vec<(String, String)>), f64> {
        let each = |(name, series): (&String, &Series)| {
            series
                .iter()
                .map(|(labels, value)| ((name.clone(), labels.clone().into_iter().collect()), *value))
                .collect::<Vec<_>>()
        };
        self.series.iter().flat_map(each).collect()
    }

    /// The names of the labels of a metric.
    pub(crate) fn labels(&self, name: &str) -> Option<Vec<&str>> {
        let (labels, _) = self.series.get(name)?.first()?;
        Some(labels.keys().map(String::as_str).collect())
    }
}
