//! One thing that is set, with its reason.

use std::fmt;

use serde::Serialize;

use super::value::Value;
use crate::config::Given;
use crate::prefix::Prefix;
use crate::tunables::{Knob, Scope};

/// One thing that is set for a flow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Setting {
    /// What is set.
    pub knob: Knob,
    /// To what.
    #[serde(flatten)]
    pub value: Value,
    /// Why: where the policy says so, and what limits it.
    pub reason: String,
}

impl Setting {
    /// A setting whose reason is where it is given.
    pub(super) fn given<T: Copy>(knob: Knob, given: &Given<T>, value: impl FnOnce(T) -> Value) -> Self {
        Self { knob, value: value(given.value), reason: given.origin() }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.knob, self.value, self.reason)
    }
}

/// One thing that the kernel cannot set for a flow alone: the daemon sets it for more, and undoes it when it ends.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostSetting {
    /// What is set.
    pub knob: Knob,
    /// How far it reaches.
    pub scope: Scope,
    /// How.
    #[serde(flatten)]
    pub action: HostAction,
    /// Why: where the policy says so.
    pub reason: String,
}

/// What the daemon does for a [`HostSetting`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum HostAction {
    /// Write a sysctl.
    Sysctl {
        /// Its path below `/proc/sys`.
        sysctl: &'static str,
        /// What is written.
        value: String,
    },
    /// Delete what the kernel remembers of destinations, through the netlink family `tcp_metrics`.
    FlushMetrics {
        /// The destinations.
        flush_metrics_of: Vec<Prefix>,
    },
    /// Add a route with the metric `quickack`: each segment of all flows to the destination is acknowledged.
    QuickAckRoute {
        /// The destination.
        quick_ack_route_to: Prefix,
    },
}

impl fmt::Display for HostAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sysctl { sysctl, value } => write!(f, "{sysctl} = {value}"),
            Self::FlushMetrics { .. } => f.write_str("flushed at start"),
            Self::QuickAckRoute { quick_ack_route_to } => write!(f, "route {quick_ack_route_to} quickack"),
        }
    }
}

impl fmt::Display for HostSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}", self.knob, self.action, self.reason)?;
        self.scope.warning().iter().try_for_each(|warning| write!(f, "; {warning}"))?;
        f.write_str(")")
    }
}
