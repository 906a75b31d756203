//! What is to be run: every combination of the axes' values, with each seed.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use thiserror::Error;
use wad_sim::Scenario;

use super::axis::Axis;
use crate::document::Document;
use crate::error::StudyError;
use crate::setting::Setting;

/// A sweep larger than this is a mistake.
const MOST: usize = 10_000_000;

/// A sweep. Its runs are numbered: the last axis changes fastest, and seeds faster still.
#[derive(Clone, Debug)]
pub struct Plan {
    document: Document,
    axes: Vec<Axis>,
    seeds: u32,
    /// The first seed of each point.
    first: Vec<u64>,
}

/// The table `[sweep]` of a scenario.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    /// Settings that hold for all, as on the command line.
    set: Vec<String>,
    /// Axes, as on the command line.
    over: Vec<String>,
    seeds: Option<u32>,
}

/// Why a sweep cannot be.
#[derive(Debug, Error)]
pub enum PlanError {
    /// The table `[sweep]` cannot be read.
    #[error("[sweep]: {0}")]
    Section(String),
    /// There is nothing to vary.
    #[error("nothing is varied: give --over NAME=VALUES, --seeds N, or a table [sweep] in the scenario")]
    Nothing,
    /// One parameter twice.
    #[error("--over {0} is there twice")]
    Twice(String),
    /// Too many.
    #[error("{0} runs are more than a sweep can have ({MOST})")]
    TooMany(u128),
    /// One of the scenarios has no meaning.
    #[error("{point}: {source}")]
    Point {
        /// Its values.
        point: String,
        /// What is wrong with it.
        source: Box<StudyError>,
    },
}

impl Plan {
    /// A sweep of a document: over its table `[sweep]`, and over these axes, which go before those of the same name there.
    ///
    /// # Errors
    /// There is nothing to vary, a name is no parameter, or one of the scenarios has no meaning.
    pub fn new(mut document: Document, over: Vec<Axis>, seeds: Option<u32>) -> Result<Self, PlanError> {
        let section = |error: &dyn fmt::Display| PlanError::Section(error.to_string());
        let written: Section = match document.sweep() {
            None => Section::default(),
            Some(table) => {
                table.clone().try_into().map_err(|error: toml::de::Error| section(&error.message()))?
            }
        };
        for text in written.set {
            let setting = text.parse::<Setting>().map_err(|error| section(&format!("{text}: {error}")))?;
            document.set_below(setting).map_err(|error| section(&error))?;
        }
        let mut axes = Vec::new();
        for text in written.over {
            let axis = text.parse::<Axis>().map_err(|error| section(&error))?;
            if !over.iter().any(|other| other.name == axis.name) {
                axes.push(axis);
            }
        }
        axes.extend(over);
        let seeds = seeds.or(written.seeds).unwrap_or(1).max(1);
        Self { document, axes, seeds, first: Vec::new() }.checked()
    }

    fn checked(mut self) -> Result<Self, PlanError> {
        for (place, axis) in self.axes.iter().enumerate() {
            if self.axes[..place].iter().any(|other| other.name == axis.name) {
                return Err(PlanError::Twice(axis.name.clone()));
            }
        }
        let runs = self
            .axes
            .iter()
            .fold(u128::from(self.seeds), |product, axis| product.saturating_mul(axis.values.len() as u128));
        if self.axes.is_empty() && self.seeds == 1 {
            return Err(PlanError::Nothing);
        }
        if runs > MOST as u128 {
            return Err(PlanError::TooMany(runs));
        }
        let seed = |point| Ok(self.point(point)?.seed);
        self.first = (0..self.points()).map(seed).collect::<Result<_, PlanError>>()?;
        Ok(self)
    }

    /// What is varied, seeds apart.
    #[must_use]
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// How many seeds each point has.
    #[must_use]
    pub const fn seeds(&self) -> u32 {
        self.seeds
    }

    /// How many combinations of values there are.
    #[must_use]
    pub fn points(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// How many runs there are.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.points() * self.seeds as usize
    }

    /// The point of a run.
    #[must_use]
    pub const fn point_of(&self, run: usize) -> usize {
        run / self.seeds as usize
    }

    /// Which value of each axis a point has.
    #[must_use]
    pub fn places(&self, point: usize) -> Vec<usize> {
        let mut rest = point;
        let mut places: Vec<usize> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let place = rest % axis.values.len();
                rest /= axis.values.len();
                place
            })
            .collect();
        places.reverse();
        places
    }

    /// The values of a point, in the order of the axes.
    #[must_use]
    pub fn values(&self, point: usize) -> Vec<&str> {
        self.axes.iter().zip(self.places(point)).map(|(axis, place)| axis.values[place].as_str()).collect()
    }

    /// "window=64 KiB streams=2".
    #[must_use]
    pub fn describe(&self, point: usize) -> String {
        let values = self.axes.iter().zip(self.values(point));
        values.map(|(axis, value)| format!("{}={value}", axis.name)).collect::<Vec<_>>().join(" ")
    }

    /// The seed of a run.
    #[must_use]
    pub fn seed(&self, run: usize) -> u64 {
        self.first[self.point_of(run)].wrapping_add((run % self.seeds as usize) as u64)
    }

    /// The scenario of a run.
    ///
    /// # Errors
    /// It has no meaning, which was looked at when the plan was made.
    pub fn scenario(&self, run: usize) -> Result<Scenario, PlanError> {
        Ok(Scenario { seed: self.seed(run), ..self.point(self.point_of(run))? })
    }

    /// The scenario of a point, with its first seed.
    fn point(&self, point: usize) -> Result<Scenario, PlanError> {
        let fault = |source| PlanError::Point { point: self.describe(point), source: Box::new(source) };
        let mut document = self.document.clone();
        for (axis, value) in self.axes.iter().zip(self.values(point)) {
            document.set(Setting::new(axis.name.clone(), value)).map_err(fault)?;
        }
        document.scenario().map_err(fault)
    }

    /// The plan as a scenario file: `wad sim sweep` runs the same from it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let (table, settings) = self.document.parts();
        let texts = |texts: Vec<String>| toml::Value::Array(texts.into_iter().map(Into::into).collect());
        let mut section = toml::Table::new();
        section.insert("set".to_owned(), texts(settings.iter().map(ToString::to_string).collect()));
        section.insert("over".to_owned(), texts(self.axes.iter().map(Axis::listed).collect()));
        section.insert("seeds".to_owned(), i64::from(self.seeds).into());
        let mut whole = table.clone();
        whole.insert("sweep".to_owned(), section.into());
        toml::to_string(&whole).unwrap_or_default()
    }

    /// The same plan with other names of the files that it names: recordings of cross-traffic, in the scenario or as an axis.
    #[must_use]
    pub fn with_files(&self, mut rename: impl FnMut(&str) -> String) -> Self {
        let mut plan = self.clone();
        plan.document.rename_files(&mut rename);
        for axis in plan.axes.iter_mut().filter(|axis| axis.name.ends_with("pattern.trace.file")) {
            axis.values.iter_mut().for_each(|value| *value = rename(value));
        }
        plan
    }

    /// A number that tells plans apart.
    #[must_use]
    pub fn fingerprint(&self) -> u32 {
        crc32fast::hash(self.to_toml().as_bytes())
    }
}

/// A part of a sweep, for one of several machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    of: usize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// Whether a run is one of this part's.
    #[must_use]
    pub const fn has(self, run: usize) -> bool {
        run % self.of == self.index
    }
}

/// "1/4" to "4/4".
impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Self { index: index - 1, of }),
            _ => Err("give which part of how many, from 1/4 to 4/4".to_owned()),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.of)
    }
}
