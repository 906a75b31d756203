//! `congestion`: the congestion control of a path's flows.
//!
//! Without the table a flow keeps the control that it has: a window as large as the path needs
//! helps under any control, and which one is best is the administrator's to say.

use std::fmt;

use toml::de::DeValue;

use super::defaults;
use super::given::Given;
use super::table::{Found, Table, or_default};
use super::value::{FromToml, Problem, number, text};

/// The congestion control of a path's flows.
#[derive(Clone, Debug, PartialEq)]
pub struct Congestion {
    /// The control and its parameters.
    pub control: Given<Control>,
}

/// A congestion control, with the parameters that it has.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// The one that the flow has anyway: the host's default, or what its application chose.
    Unchanged,
    /// WAD's own: additive increase and multiplicative decrease, both per flow.
    Wad {
        /// How fast the window grows.
        additive_increase: Given<AdditiveIncrease>,
        /// How much of the window a loss takes.
        multiplicative_decrease: Given<MultiplicativeDecrease>,
    },
    /// Another that the kernel has, by its name.
    Named(ControlName),
}

impl Control {
    /// The name by which the kernel knows it; `None` if it is left alone.
    #[must_use]
    pub const fn name(&self) -> Option<ControlName> {
        match self {
            Self::Unchanged => None,
            Self::Wad { .. } => Some(ControlName::WAD),
            Self::Named(name) => Some(*name),
        }
    }
}

impl Default for Congestion {
    fn default() -> Self {
        Self { control: Given::default_value(Control::Unchanged) }
    }
}

impl Congestion {
    pub(super) fn read(mut table: Table<'_, '_, '_>) -> Self {
        let name = table.value("control");
        let increase = table.value("additive_increase");
        let decrease = table.value("multiplicative_decrease");
        let line = name.as_ref().map(|found| found.line);
        let control = match name {
            Some(Found { value, .. }) if value != ControlName::WAD => {
                only_wad(&mut table, "additive_increase", increase.as_ref(), value);
                only_wad(&mut table, "multiplicative_decrease", decrease.as_ref(), value);
                Control::Named(value)
            }
            _ => Control::Wad {
                additive_increase: or_default(increase, defaults::ADDITIVE_INCREASE),
                multiplicative_decrease: or_default(decrease, defaults::MULTIPLICATIVE_DECREASE),
            },
        };
        table.finish();
        Self { control: Given { value: control, line } }
    }
}

/// Refuses a parameter of WAD's control beside another control.
fn only_wad<T>(table: &mut Table<'_, '_, '_>, key: &str, found: Option<&Found<T>>, control: ControlName) {
    let Some(found) = found else { return };
    let message = format!("the control \"{control}\" has no such parameter");
    let help = format!("leave out `{key}`, or write control = \"wad\"");
    table.refuse(key, found.span.clone(), Problem::new(message, help));
}

/// The name of a congestion control: 1 to 15 letters, digits, hyphens and underscores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ControlName([u8; 16]);

impl ControlName {
    /// WAD's own control.
    pub const WAD: Self = Self(*b"wad\0\0\0\0\0\0\0\0\0\0\0\0\0");

    /// The control of this name; `None` if the kernel can have none.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let mut bytes = [0; 16];
        let fits = (1..=15).contains(&name.len()) && name.bytes().all(valid);
        fits.then(|| {
            bytes[..name.len()].copy_from_slice(name.as_bytes());
            Self(bytes)
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        str::from_utf8(&self.0[..length]).unwrap_or_default()
    }

    /// The name as the kernel keeps it: zeros behind, at least one.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for ControlName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromToml for ControlName {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let text = text(value, "a name as text")?;
        let help = "write a name such as \"wad\", \"cubic\" or \"bbr\": up to 15 letters, digits, - and _";
        Self::new(text)
            .ok_or_else(|| Problem::new(format!("\"{text}\" is no name of a congestion control"), help))
    }
}

/// By how many segments the window grows in each round trip without loss. Reno has 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct AdditiveIncrease(f64);

/// The fastest growth that a path can ask for, in segments per round trip.
pub const MAX_ADDITIVE_INCREASE: f64 = 1000.0;

impl AdditiveIncrease {
    /// As Reno.
    pub const RENO: Self = Self(1.0);

    /// `segments` per round trip; `None` unless above 0 and up to [`MAX_ADDITIVE_INCREASE`].
    #[must_use]
    pub fn new(segments: f64) -> Option<Self> {
        (segments > 0.0 && segments <= MAX_ADDITIVE_INCREASE).then_some(Self(segments))
    }

    /// Segments per round trip.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromToml for AdditiveIncrease {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let number = number(value)?;
        let help = format!("write segments per round trip: above 0, up to {MAX_ADDITIVE_INCREASE}");
        Self::new(number).ok_or_else(|| Problem::new(format!("{number} is out of range"), help))
    }
}

/// The share of the window that is taken away at a loss. Reno has 0.5.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct MultiplicativeDecrease(f64);

impl MultiplicativeDecrease {
    /// As Reno.
    pub const RENO: Self = Self(0.5);

    /// The share taken away; `None` unless above 0 and below 1.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }

    /// The share taken away.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromToml for MultiplicativeDecrease {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let number = number(value)?;
        let help = "write the share of the window that a loss takes away: above 0, below 1 (Reno has 0.5)";
        Self::new(number).ok_or_else(|| Problem::new(format!("{number} is out of range"), help))
    }
}
