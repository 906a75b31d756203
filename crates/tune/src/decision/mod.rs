//! What is set for the flows of a path, and why.

mod change;
mod control;
mod flow;
mod host;
mod parameters;
mod setting;
mod sizes;
mod value;

use serde::Serialize;

pub use change::Change;
pub use parameters::{Flags, PACING_OFF, Parameters};
pub use setting::{HostAction, HostSetting, Setting};
pub use value::Value;

use crate::circumstances::Circumstances;
use crate::config::PathPolicy;
use crate::limits::HostLimits;
use crate::rules::PathIndex;
use control::Constants;
use sizes::Sizes;

pub(crate) use host::host_settings;
pub(crate) use sizes::measured;

/// What is set for a flow of a path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// Each setting with its reason, for people. What is not among them is left to the kernel.
    pub settings: Vec<Setting>,
    /// What the kernel cannot set for a flow alone.
    pub host_settings: Vec<HostSetting>,
    /// The settings of the flow as plain numbers, for the kernel.
    pub parameters: Parameters,
}

impl Decision {
    /// What is other than in the decision before.
    #[must_use]
    pub fn changes_from(&self, before: &Self) -> Vec<Change> {
        change::between(before, self)
    }
}

/// What is set for a flow that is alone on its path, on a host with these limits.
#[must_use]
pub fn decide(index: PathIndex, path: &PathPolicy, limits: &HostLimits) -> Decision {
    decide_in(index, path, &Circumstances::alone(*limits))
}

/// What is set for a flow of a path in these circumstances.
#[must_use]
pub fn decide_in(index: PathIndex, path: &PathPolicy, circumstances: &Circumstances) -> Decision {
    let estimate = circumstances.estimate.or_else(|| path.own_estimate());
    let sizes = Sizes::of(path, estimate, circumstances);
    let constants = Constants::of(path, &sizes, circumstances.window);
    let pace = flow::pacing(path, estimate);
    let parameters = flow::parameters(index, path, &sizes, &constants, pace.as_ref());
    let mut settings = sizes.into_settings(path);
    settings.extend(constants.into_settings(path));
    settings.extend(flow::slow_start(path));
    settings.extend(pace.map(|pace| pace.setting));
    settings.extend(flow::receiver(path));
    settings.extend(flow::transport(path));
    Decision { settings, host_settings: host_settings(path), parameters }
}
