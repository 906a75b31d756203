//! Single TOML values read into the types of the policy.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::DeValue;
use wad_model::{Bytes, Rate, Segments, parse_duration};

use crate::ports::{ParsePortsError, PortRange};
use crate::prefix::Prefix;

/// What is wrong with a value, without the place, which the table that holds the value adds.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) message: String,
    pub(super) help: Option<String>,
}

impl Problem {
    pub(super) fn new(message: impl Display, help: impl Display) -> Self {
        Self { message: message.to_string(), help: Some(help.to_string()) }
    }

    /// The value has another type than it should.
    pub(super) fn wrong_type(value: &DeValue<'_>, expected: &str) -> Self {
        let found = value.type_str();
        let article = if found.starts_with(['a', 'i', 'o']) { "an" } else { "a" };
        Self { message: format!("expected {expected}, found {article} {found}"), help: None }
    }
}

/// What a TOML value can be read into.
pub(super) trait FromToml: Sized {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem>;
}

/// The text of a value that is a string.
pub(super) fn text<'v>(value: &'v DeValue<'_>, expected: &str) -> Result<&'v str, Problem> {
    value.as_str().ok_or_else(|| Problem::wrong_type(value, expected))
}

/// A number, whole or not.
pub(super) fn number(value: &DeValue<'_>) -> Result<f64, Problem> {
    let text = match value {
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
        DeValue::Float(float) => float.as_str(),
        _ => return Err(Problem::wrong_type(value, "a number")),
    };
    text.parse().map_err(|_| Problem::wrong_type(value, "a number"))
}

impl FromToml for bool {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        value.as_bool().ok_or_else(|| Problem::wrong_type(value, "true or false"))
    }
}

impl FromToml for String {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        text(value, "text").map(str::to_owned)
    }
}

impl FromToml for Bytes {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        quantity(value, "a size such as \"16 MiB\"")
    }
}

impl FromToml for Segments {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        quantity(value, "a number of segments such as \"10 segments\"")
    }
}

impl FromToml for Rate {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        quantity(value, "a rate such as \"622 Mbit/s\"")
    }
}

impl FromToml for Duration {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let text = text(value, "a time such as \"70 ms\"")?;
        parse_duration(text).map_err(|error| Problem { message: error.to_string(), help: None })
    }
}

impl FromToml for f64 {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        number(value)
    }
}

impl FromToml for u32 {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let expected = "a whole number that is not negative";
        let DeValue::Integer(integer) = value else { return Err(Problem::wrong_type(value, expected)) };
        Self::from_str_radix(integer.as_str(), integer.radix())
            .map_err(|_| Problem { message: format!("{integer} is not {expected}"), help: None })
    }
}

/// A quantity as text with its unit.
fn quantity<T>(value: &DeValue<'_>, expected: &str) -> Result<T, Problem>
where
    T: std::str::FromStr<Err: Display>,
{
    text(value, expected)?.parse().map_err(|e: T::Err| Problem { message: e.to_string(), help: None })
}

impl FromToml for SocketAddr {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let text = text(value, "an address and a port")?;
        let help = "write an address and a port such as \"127.0.0.1:9823\" or \"[::1]:9823\"";
        text.parse().map_err(|_| Problem::new(format!("\"{text}\" is not an address and a port"), help))
    }
}

/// An absolute path of the file system.
impl FromToml for PathBuf {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let path = Self::from(text(value, "a path as text")?);
        if path.has_root() {
            return Ok(path);
        }
        let message = format!("\"{}\" is not an absolute path", path.display());
        Err(Problem::new(message, "write it from the root on, starting with \"/\""))
    }
}

impl FromToml for Prefix {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        let text = text(value, "a prefix as text")?;
        text.parse().map_err(|error: crate::ParsePrefixError| Problem::new(&error, error.help()))
    }
}

impl FromToml for PortRange {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        ports(value)?.map_err(|error| Problem::new(&error, error.help()))
    }
}

fn ports(value: &DeValue<'_>) -> Result<Result<PortRange, ParsePortsError>, Problem> {
    let DeValue::Integer(integer) = value else {
        return Ok(text(value, "a port or a range of ports")?.parse());
    };
    let port = u16::from_str_radix(integer.as_str(), integer.radix());
    Ok(port.map_err(|_| ParsePortsError::NotPorts(integer.to_string())).and_then(|p| PortRange::new(p, p)))
}
