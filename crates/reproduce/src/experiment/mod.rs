//! An experiment as data.
//!
//! ```toml
//! id = "fig5"
//! title = "AIMD (0.3, 6) after a loss in slow start"
//! source = "paper, section 4.3, figure 5"
//! reported_path = "NERSC-ORNL, 622 Mb/s, 80 ms"
//! choices = ["What the source leaves open, and what was chosen; what was scaled, and why."]
//! seconds = 10                                # of each transfer, unless its arguments have --bytes
//! picture = "window"                          # or "throughput", "bars"
//!
//! [path]                                      # as in a scenario of the lab
//! rate = "622 Mbit/s"
//! rtt = "80 ms"
//!
//! [[variant]]
//! name = "tuned"
//! hosts = "2002"                              # a set of experiments/hosts.toml
//! sysctl = {}                                 # beyond the set
//! iperf3 = ["--parallel", "4"]                # arguments of the client
//! beside = ["--congestion", "cubic"]          # a second client, at the same time
//! wad = "[[path]] ..."                        # with it the daemon runs
//! reported = { goodput_bps = 78.4e6 }
//!
//! [[check]]
//! says = "40 % more throughput"
//! quantity = "goodput_bps"
//! variant = "tuned"
//! over = "standard"                           # or `expected = 4.0`, a value
//! reported = 1.4
//! at_least = 1.4                              # and / or at_most, or within = 0.02 of `expected`
//! ```

mod catalogue;
mod check;
mod hosts;
mod variant;

use serde::Deserialize;

use crate::error::ReproduceError;

pub use catalogue::{catalogue, find};
pub use check::Check;
pub use hosts::{HostSets, Sysctls};
pub use variant::Variant;

/// What starting and stopping a run take, in whole seconds.
const OVERHEAD_S: u32 = 1;

/// An experiment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its name in commands and data.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Where it was published.
    pub source: String,
    /// The path that it was measured on.
    pub reported_path: String,
    /// What the source leaves open and was chosen; what was scaled.
    #[serde(default)]
    pub choices: Vec<String>,
    /// How long each transfer lasts.
    pub seconds: u32,
    /// What is drawn.
    pub picture: PictureKind,
    /// The path, as `[path]` of a lab scenario.
    pub path: toml::Table,
    /// How often the flows are sampled.
    #[serde(default = "usual_sampling")]
    pub sample_tcp: String,
    /// What is compared.
    #[serde(rename = "variant")]
    pub variants: Vec<Variant>,
    /// What must hold.
    #[serde(rename = "check")]
    pub checks: Vec<Check>,
}

/// What is drawn of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureKind {
    /// The congestion window over time.
    Window,
    /// The throughput of the path over time.
    Throughput,
    /// The goodput of the variants, beside each other.
    Bars,
}

fn usual_sampling() -> String {
    "20 ms".to_owned()
}

impl Experiment {
    /// Reads an experiment.
    ///
    /// # Errors
    /// Says what is wrong with its text.
    pub fn parse(id: &str, text: &str) -> Result<Self, ReproduceError> {
        let fail = |message: String| ReproduceError::Experiment { id: id.to_owned(), message };
        let experiment: Self = toml::from_str(text).map_err(|error| fail(error.to_string()))?;
        if experiment.id != id {
            return Err(fail(format!("its id is \"{}\"", experiment.id)));
        }
        experiment.validate().map_err(fail)?;
        Ok(experiment)
    }

    fn validate(&self) -> Result<(), String> {
        if self.checks.is_empty() {
            return Err("it has no [[check]]: add one, or it shows nothing".to_owned());
        }
        self.checks.iter().try_for_each(|check| {
            check.names().try_for_each(|name| {
                self.variant(name).map(|_| ()).ok_or(format!("a check names the unknown variant \"{name}\""))
            })?;
            check.validate()
        })
    }

    /// The variant of this name.
    #[must_use]
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// How long `repetitions` of it take, about, in seconds.
    #[must_use]
    pub fn expected_s(&self, repetitions: u32) -> u32 {
        let once = |variant: &Variant| variant.runs(repetitions) * (variant.seconds(self) + OVERHEAD_S);
        self.variants.iter().map(once).sum()
    }
}
