//! Ranges of ports.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

/// A range of ports, both ends included. [`PortRange::ANY`] starts at zero; one that a
/// configuration gives starts at one or above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    low: u16,
    high: u16,
}

impl PortRange {
    /// Every port: what a rule has that does not speak of ports.
    pub const ANY: Self = Self { low: 0, high: u16::MAX };

    /// The ports from `low` to `high`.
    ///
    /// # Errors
    /// When `low` is zero or greater than `high`.
    pub const fn new(low: u16, high: u16) -> Result<Self, ParsePortsError> {
        match (low, high) {
            (0, _) => Err(ParsePortsError::Zero),
            _ if low > high => Err(ParsePortsError::Reversed { low, high }),
            _ => Ok(Self { low, high }),
        }
    }

    /// The lowest port.
    #[must_use]
    pub const fn low(self) -> u16 {
        self.low
    }

    /// The highest port.
    #[must_use]
    pub const fn high(self) -> u16 {
        self.high
    }

    /// Whether a configuration named these ports, rather than leaving them open.
    #[must_use]
    pub fn is_given(self) -> bool {
        self != Self::ANY
    }

    /// How many ports there are.
    #[must_use]
    pub fn width(self) -> u32 {
        u32::from(self.high) - u32::from(self.low) + 1
    }

    /// Whether the port is one of these.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.low <= port && port <= self.high
    }

    /// Whether the port, if it is known, is one of these. A port that is not known is one of these only
    /// if every port that a flow can have is.
    #[must_use]
    pub fn admits(self, port: Option<u16>) -> bool {
        port.map_or(self.low <= 1 && self.high == u16::MAX, |port| self.contains(port))
    }
}

/// What is no port and no range of ports.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParsePortsError {
    /// Neither a number nor two with a hyphen between them.
    #[error("{0} is not a port or a range of ports")]
    NotPorts(String),
    /// Port zero.
    #[error("no flow has port 0")]
    Zero,
    /// The higher port comes first.
    #[error("the range {low}-{high} runs backwards")]
    Reversed {
        /// The first number.
        low: u16,
        /// The second number.
        high: u16,
    },
}

impl ParsePortsError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Reversed { low, high } if *high > 0 => format!("write \"{high}-{low}\""),
            Self::NotPorts(_) | Self::Zero | Self::Reversed { .. } => {
                "write a port from 1 to 65535, or a range such as \"50000-51000\"".to_owned()
            }
        }
    }
}

impl FromStr for PortRange {
    type Err = ParsePortsError;

    /// Reads "2811" or "50000-51000".
    fn from_str(text: &str) -> Result<Self, ParsePortsError> {
        let port =
            |part: &str| part.trim().parse().map_err(|_| ParsePortsError::NotPorts(format!("\"{text}\"")));
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        Self::new(port(low)?, port(high)?)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (*self, self.low, self.high) {
            (Self::ANY, ..) => f.write_str("any"),
            (_, low, high) if low == high => write!(f, "{low}"),
            (_, low, high) => write!(f, "{low}-{high}"),
        }
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_and_written() {
        for text in ["2811", "50000-51000", "1-65535"] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), text);
        }
        assert_eq!(PortRange::ANY.to_string(), "any");
        assert_eq!("7-7".parse::<PortRange>().unwrap().width(), 1);
    }

    #[test]
    fn what_is_no_port_is_refused() {
        assert_eq!("0".parse::<PortRange>(), Err(ParsePortsError::Zero));
        assert_eq!("0-7".parse::<PortRange>(), Err(ParsePortsError::Zero));
        let reversed = "51000-50000".parse::<PortRange>().unwrap_err();
        assert_eq!(reversed.help(), "write \"50000-51000\"");
        for text in ["", "-", "http", "1-2-3", "65536", "-5"] {
            assert!(matches!(text.parse::<PortRange>(), Err(ParsePortsError::NotPorts(_))), "{text}");
        }
    }

    #[test]
    fn an_unknown_port_is_only_in_a_range_of_all() {
        assert!(PortRange::ANY.admits(None));
        assert!("1-65535".parse::<PortRange>().unwrap().admits(None));
        assert!(!"1024-65535".parse::<PortRange>().unwrap().admits(None));
    }
}
