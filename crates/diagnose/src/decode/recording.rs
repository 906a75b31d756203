//! A compact recording of one flow: one line of JSON.
//!
//! Counters are columns under their names. A column that never changed is one number; any other is the list of its
//! values, each less the one before it, `null` where it was absent.
//!
//! ```json
//! {"form":"wad-recording-1","flow":["10.77.0.1:40000","10.77.0.2:5201"],"congestion_control":"cubic",
//!  "length":3,"columns":{"CurrTime":[100,100000,100000],"CurMSS":1448},"host":{"sysctls":{}}}
//! ```

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use wad_model::{Counter, Counters, FlowKey};

use crate::evidence::{Evidence, HostFacts, Source};

const FORM: &str = "wad-recording-1";
/// No recording has more samples; a longer one is refused before memory is taken for it.
const LONGEST: usize = 1_000_000;

/// A line that is no recording.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// It is not JSON of this shape.
    #[error("not a recording, column {column}: {source}")]
    Json {
        /// Where.
        column: usize,
        /// What the reader of JSON says.
        source: serde_json::Error,
    },
    /// It says that it is something else.
    #[error("its form is \"{found}\", expected \"{FORM}\"")]
    Form {
        /// What it says.
        found: String,
    },
    /// A column does not fit.
    #[error("column {name}: {reason}")]
    Column {
        /// Which.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Recording {
    form: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    flow: Option<[SocketAddr; 2]>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    congestion_control: Option<String>,
    length: usize,
    columns: BTreeMap<String, Column>,
    #[serde(default)]
    host: HostFacts,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Column {
    Constant(u64),
    Steps(Vec<Option<i64>>),
}

/// Writes what is known of a flow as one line, without its end.
#[must_use]
pub fn write(evidence: &Evidence) -> String {
    let columns = Counter::all()
        .filter(|counter| evidence.samples.iter().any(|sample| sample.has(*counter)))
        .map(|counter| (counter.to_string(), column(&evidence.samples, counter)))
        .collect();
    let recording = Recording {
        form: FORM.to_owned(),
        flow: evidence.flow.map(|flow| [flow.source, flow.destination]),
        congestion_control: evidence.congestion_control.clone(),
        length: evidence.samples.len(),
        columns,
        host: evidence.host.clone(),
    };
    serde_json::to_string(&recording).unwrap_or_default()
}

fn column(samples: &[Counters], counter: Counter) -> Column {
    let first = samples[0].get(counter);
    if let Some(constant) = first.filter(|_| samples.iter().all(|sample| sample.get(counter) == first)) {
        return Column::Constant(constant);
    }
    let mut before = 0;
    let step = |sample: &Counters| {
        let value = sample.get(counter)?;
        Some(value.wrapping_sub(std::mem::replace(&mut before, value)).cast_signed())
    };
    Column::Steps(samples.iter().map(step).collect())
}

/// Reads such a line.
///
/// # Errors
/// Says where it is wrong, and how. Columns of counters that this version does not know are left out.
pub fn read(line: &str) -> Result<Evidence, RecordingError> {
    let recording: Recording = serde_json::from_str(line)
        .map_err(|source| RecordingError::Json { column: source.column(), source })?;
    if recording.form != FORM {
        return Err(RecordingError::Form { found: recording.form });
    }
    let refuse = |name: &str, reason| RecordingError::Column { name: name.to_owned(), reason };
    if recording.length > LONGEST {
        return Err(refuse("length", "more than a million samples"));
    }
    let mut samples = vec![Counters::EMPTY; recording.length];
    for (name, column) in &recording.columns {
        let counter = name.parse::<Counter>().ok();
        match (counter, column) {
            (None, _) => {}
            (Some(counter), Column::Constant(value)) => {
                samples.iter_mut().for_each(|sample| sample.set(counter, *value));
            }
            (_, Column::Steps(steps)) if steps.len() != recording.length => {
                return Err(refuse(name, "as many values as the recording has samples are expected"));
            }
            (Some(counter), Column::Steps(steps)) => fill(&mut samples, counter, steps),
        }
    }
    Ok(Evidence {
        source: Source::Counters,
        flow: recording.flow.map(|[source, destination]| FlowKey::new(source, destination)),
        congestion_control: recording.congestion_control,
        samples,
        host: recording.host,
        packets: None,
    })
}

fn fill(samples: &mut [Counters], counter: Counter, steps: &[Option<i64>]) {
    let mut value = 0u64;
    for (sample, step) in samples.iter_mut().zip(steps) {
        let Some(step) = step else { continue };
        value = value.wrapping_add_signed(*step);
        sample.set(counter, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_foreign_line_is_refused() {
        assert!(read("{}").unwrap_err().to_string().starts_with("not a recording, column"));
        let other = r#"{"form":"x","length":0,"columns":{}}"#;
        assert_eq!(read(other).unwrap_err().to_string(), "its form is \"x\", expected \"wad-recording-1\"");
        let short = r#"{"form":"wad-recording-1","length":2,"columns":{"CurCwnd":[1]}}"#;
        assert!(read(short).unwrap_err().to_string().starts_with("column CurCwnd:"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".*") {
            let _ = read(&text);
        }

        #[test]
        fn what_is_written_is_read(rows in prop::collection::vec(prop::collection::vec(prop::option::of(any::<u64>()), 4), 1..20)) {
            let counters = [Counter::CurrTime, Counter::CurCwnd, Counter::SmoothedRTT, Counter::PktsRetrans];
            let samples = rows.iter().map(|row| {
                let mut sample = Counters::EMPTY;
                counters.iter().zip(row).for_each(|(counter, value)| sample.put(*counter, *value));
                sample
            });
            let evidence = Evidence { samples: samples.collect(), ..Evidence::default() };
            prop_assert_eq!(read(&write(&evidence)).unwrap(), evidence);
        }
    }
}
