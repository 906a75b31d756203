//! `wad config check`

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::anyhow;
use serde::Serialize;
use wad_daemon::{derived, read_config};
use wad_tune::{Config, ConfigErrors, EventSink, RuleTable};

use crate::arguments::ConfigCheck;
use crate::config_file;
use crate::failure::Failure;
use crate::output;

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
struct Report<'a> {
    file: &'a Path,
    valid: bool,
    paths: usize,
    prefixes: usize,
    derived: Vec<DerivedEvent>,
    events: Vec<Sink>,
    errors: Vec<Error>,
}

/// A derived event that is defined.
#[derive(Debug, Serialize)]
struct DerivedEvent {
    name: String,
    /// Empty for plain numbers and alerts.
    unit: String,
    alert: bool,
}

/// Where events go.
#[derive(Debug, Serialize)]
struct Sink {
    name: String,
    form: String,
    target: String,
    kinds: Vec<&'static str>,
}

impl Sink {
    fn new(sink: &EventSink) -> Self {
        Self {
            name: sink.name.clone(),
            form: sink.form.to_string(),
            target: sink.target.to_string(),
            kinds: sink.kinds.iter().map(|kind| kind.name()).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Error {
    /// Counted from one; `null` where the error has no place in the file.
    line: Option<u32>,
    column: Option<u32>,
    message: String,
    help: Option<String>,
}

pub(crate) fn run(arguments: &ConfigCheck) -> Result<(), Failure> {
    let text = config_file::read(&arguments.file)?;
    match read_config(&text) {
        Ok(config) => check_rules(arguments, &config),
        Err(errors) => refuse(arguments, &text, &errors),
    }
}

fn check_rules(arguments: &ConfigCheck, config: &Config) -> Result<(), Failure> {
    let mut report = Report {
        file: &arguments.file,
        valid: true,
        paths: config.paths.len(),
        prefixes: 0,
        derived: derived_events(config)?,
        events: config.events.iter().map(Sink::new).collect(),
        errors: Vec::new(),
    };
    let failure = match RuleTable::compile(config) {
        Ok(table) => {
            report.prefixes = table.prefixes.len();
            None
        }
        Err(error) => {
            report.valid = false;
            report.errors.push(Error { line: None, column: None, message: error.to_string(), help: None });
            Some(error)
        }
    };
    if arguments.json {
        output::print_json(&report)?;
    } else if report.valid {
        let (paths, prefixes) = (report.paths, report.prefixes);
        output::print(format_args!(
            "{}: valid (paths: {paths}, prefixes: {prefixes})",
            arguments.file.display()
        ))?;
        print_observed(&report)?;
    }
    failure.map_or(Ok(()), |error| Err(Failure::misuse(error)))
}

fn derived_events(config: &Config) -> Result<Vec<DerivedEvent>, Failure> {
    let derived = derived(config).map_err(Failure::misuse)?;
    let event = |definition: &wad_trace::Definition| DerivedEvent {
        name: definition.name().to_owned(),
        unit: definition.unit(),
        alert: definition.is_alert(),
    };
    Ok(derived.definitions().iter().map(event).collect())
}

/// What is computed, and who is told; nothing where the configuration asks for neither.
fn print_observed(report: &Report<'_>) -> Result<(), Failure> {
    for DerivedEvent { name, unit, alert } in &report.derived {
        let what = match (alert, unit.as_str()) {
            (true, _) => "an alert".to_owned(),
            (false, "") => "a plain number".to_owned(),
            (false, unit) => format!("in {unit}"),
        };
        output::print(format_args!("  derived event {name}: {what}"))?;
    }
    for Sink { name, form, target, kinds } in &report.events {
        output::print(format_args!("  events to {name}: {form}, {target} ({})", kinds.join(", ")))?;
    }
    Ok(())
}

fn refuse(arguments: &ConfigCheck, text: &str, errors: &ConfigErrors) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    if arguments.json {
        let errors = errors.iter().map(error).collect();
        output::print_json(&Report {
            file: &arguments.file,
            valid: false,
            paths: 0,
            prefixes: 0,
            derived: Vec::new(),
            events: Vec::new(),
            errors,
        })?;
    } else {
        let colour = io::stderr().is_terminal();
        // Where standard error is closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "{}", errors.render(&name, text, colour));
    }
    let count = errors.iter().count();
    let noun = if count == 1 { "error" } else { "errors" };
    Err(Failure::Misuse(anyhow!("{name} has {count} {noun}")))
}

fn error(error: &wad_tune::ConfigError) -> Error {
    Error {
        line: Some(error.line),
        column: Some(error.column),
        message: error.message.clone(),
        help: error.help.clone(),
    }
}
