//! The name of a congestion control.

use std::fmt;

use toml::de::DeValue;

use super::value::{FromToml, Problem, text};

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
