//! Settings by name: `rate=622Mbit/s`, `flow.0.ecn=true`.

use std::fmt;
use std::str::FromStr;

/// One value of a scenario: a short name, or the path of any key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What is set.
    pub name: String,
    /// To what, as text.
    pub value: String,
}

impl Setting {
    /// Sets `name` to `value`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => Ok(Self::new(name.trim(), value.trim())),
            _ => Err("give NAME=VALUE, such as flow.ecn=true".to_owned()),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// A name for what is asked for most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShortName {
    /// The name.
    pub name: &'static str,
    /// The path of the key, from the bottleneck (`link.`), each flow (`flow.`) or the scenario.
    pub key: &'static str,
    /// A value.
    pub example: &'static str,
}

/// All short names. Every other key of a scenario goes by its path.
pub const SHORT_NAMES: &[ShortName] = &[
    ShortName { name: "rate", key: "link.rate", example: "622Mbit/s" },
    ShortName { name: "rtt", key: "link.delay", example: "80ms" },
    ShortName { name: "queue", key: "link.queue", example: "1bdp" },
    ShortName { name: "discipline", key: "link.discipline", example: "codel" },
    ShortName { name: "loss", key: "link.loss", example: "1e-4" },
    ShortName { name: "streams", key: "flow.count", example: "4" },
    ShortName { name: "window", key: "flow.window", example: "2MiB" },
    ShortName { name: "receive_buffer", key: "flow.receive_buffer", example: "2MiB" },
    ShortName { name: "read_rate", key: "flow.read_rate", example: "50Mbit/s" },
    ShortName { name: "send_buffer", key: "flow.send_buffer", example: "2MiB" },
    ShortName { name: "control", key: "flow.control", example: "cubic" },
    ShortName { name: "recovery", key: "flow.recovery", example: "rack" },
    ShortName { name: "segment", key: "flow.segment", example: "1448B" },
    ShortName { name: "initial_window", key: "flow.initial_window", example: "10" },
    ShortName { name: "stagger", key: "flow.stagger", example: "100ms" },
    ShortName { name: "time", key: "duration", example: "60s" },
    ShortName { name: "warm_up", key: "warm_up", example: "10s" },
    ShortName { name: "seed", key: "seed", example: "1" },
    ShortName { name: "conventions", key: "conventions", example: "ns2" },
];
