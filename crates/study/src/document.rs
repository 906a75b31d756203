//! A scenario that is being put together: a file or the defaults, and settings over it.
//!
//! Settings by the path of a key change the text's tables at once. Those by a short name wait until the scenario is made, and
//! are then applied to it by their rank (`short.rs`): a queue of one bandwidth-delay product follows the rate and the round
//! trip, whichever was said first.

mod key_path;
mod place;
mod short;

use serde::Deserialize;
use wad_sim::scenario::{Dumbbell, Topology, TwoWay};
use wad_sim::{Scenario, ScenarioError};

use crate::error::StudyError;
use crate::setting::Setting;
use crate::survey::Survey;

/// What a scenario without a network has: a path as point-and-shoot.
const DEFAULT_PATH: [(&str, &str); 3] = [("rate", "100 Mbit/s"), ("rtt", "40 ms"), ("queue", "1bdp")];
/// What flows have where nothing at all was written: Linux's default.
const DEFAULT_CONTROL: &str = "cubic";

/// A scenario that is being put together.
#[derive(Clone, Debug, Default)]
pub struct Document {
    text: String,
    table: toml::Table,
    sweep: Option<toml::Value>,
    settings: Vec<Setting>,
}

impl Document {
    /// The defaults: one CUBIC flow over 100 Mbit/s, 40 ms and a queue of one bandwidth-delay product, for 60 s.
    #[must_use]
    pub fn new() -> Self {
        Self { settings: vec![Setting::new("control", DEFAULT_CONTROL)], ..Self::default() }
    }

    /// Reads a file. A table `[sweep]` is kept apart.
    ///
    /// # Errors
    /// Says at which line and column what is wrong.
    pub fn parse(text: &str) -> Result<Self, StudyError> {
        let fault = |error: &toml::de::Error| at_line(text, error);
        let mut spanned = toml::de::DeTable::parse(text).map_err(|error| fault(&error))?;
        spanned.get_mut().remove("sweep");
        let checked = Scenario::deserialize(toml::Deserializer::from(spanned));
        checked.map_err(|error| fault(&error))?;
        let mut table: toml::Table = toml::from_str(text).map_err(|error| fault(&error))?;
        let sweep = table.remove("sweep");
        Ok(Self { text: text.to_owned(), table, sweep, settings: Vec::new() })
    }

    /// The table `[sweep]` of the file.
    #[must_use]
    pub const fn sweep(&self) -> Option<&toml::Value> {
        self.sweep.as_ref()
    }

    /// Changes one value.
    ///
    /// # Errors
    /// The value is none that this name or key can have.
    pub fn set(&mut self, setting: Setting) -> Result<(), StudyError> {
        let refuse = |problem| StudyError::Setting {
            name: setting.name.clone(),
            value: setting.value.clone(),
            problem,
        };
        if short::is_short(&setting.name) {
            short::apply(&mut point_and_shoot(), &setting).map_err(refuse)?;
            self.settings.retain(|known| known.name != setting.name);
            self.settings.push(setting);
            return Ok(());
        }
        let mut table = self.table.clone();
        key_path::set(&mut table, &setting.name, &setting.value).map_err(refuse)?;
        typed(&table).map_err(|error| refuse(error.message().to_owned()))?;
        self.table = table;
        Ok(())
    }

    /// Changes one value, unless it was changed already.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub(crate) fn set_below(&mut self, setting: Setting) -> Result<(), StudyError> {
        if self.settings.iter().any(|known| known.name == setting.name) { Ok(()) } else { self.set(setting) }
    }

    /// Gives the files that it names other names.
    pub(crate) fn rename_files(&mut self, rename: &mut impl FnMut(&str) -> String) {
        let entries = self.table.get_mut("cross_traffic").and_then(toml::Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            let mut inner = |value: &mut toml::Value| {
                let file = value.get_mut("pattern")?.get_mut("trace")?.get_mut("file")?;
                *file = rename(file.as_str()?).into();
                Some(())
            };
            let _ = inner(entry);
        }
    }

    /// The tables, and the settings that wait for the scenario to be made.
    pub(crate) fn parts(&self) -> (&toml::Table, &[Setting]) {
        (&self.table, &self.settings)
    }

    /// The scenario.
    ///
    /// # Errors
    /// The first fault of the whole: what, where, and what would be possible.
    pub fn scenario(&self) -> Result<Scenario, StudyError> {
        let mut scenario = typed(&self.table).map_err(|error| at_line(&self.text, &error))?;
        let own_path = !self.table.contains_key("topology");
        let defaults =
            DEFAULT_PATH.iter().filter(|_| own_path).map(|(name, value)| Setting::new(*name, *value));
        let mut settings: Vec<Setting> = defaults.collect();
        for setting in &self.settings {
            settings.retain(|known| known.name != setting.name);
            settings.push(setting.clone());
        }
        settings.sort_by_key(|setting| short::rank(&setting.name));
        for setting in &settings {
            short::apply(&mut scenario, setting).map_err(|problem| StudyError::Setting {
                name: setting.name.clone(),
                value: setting.value.clone(),
                problem,
            })?;
        }
        scenario.validate().map_err(|source| self.located(source))?;
        let survey = Survey::new(&scenario).map_err(|source| self.located(source))?;
        match survey.flows.iter().find(|flow| flow.is_unlimited()) {
            Some(flow) => Err(StudyError::Unlimited { flow: flow.name.clone() }),
            None => Ok(scenario),
        }
    }

    /// With the line of the value at fault, unless a setting has replaced it.
    fn located(&self, source: ScenarioError) -> StudyError {
        StudyError::Scenario { line: place::line_of(&self.text, &source), source }
    }
}

/// The scenario of a table. Keys that a table lacks have their defaults.
fn typed(table: &toml::Table) -> Result<Scenario, toml::de::Error> {
    toml::Value::Table(table.clone()).try_into()
}

/// A scenario that takes any setting by its short name, to try them.
fn point_and_shoot() -> Scenario {
    let topology = Topology::Dumbbell(Dumbbell { bottleneck: TwoWay::default(), access: None, pairs: 1 });
    Scenario { topology, ..Scenario::default() }
}

fn at_line(text: &str, error: &toml::de::Error) -> StudyError {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    StudyError::Text { line, column, message: error.message().to_owned() }
}
