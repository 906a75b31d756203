//! Address prefixes of one family, and their text form.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;
use wad_model::canonical_ip;

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4, and IPv4-mapped IPv6.
    V4,
    /// IPv6 without the IPv4-mapped addresses.
    V6,
}

impl Family {
    /// The family of an address; an IPv4-mapped address is IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        if canonical_ip(address).is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The length of an address, in bits.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// An address prefix without host bits.
///
/// The order (family, address, length) puts each prefix right before those that it covers, which
/// is what the table of rules is built on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    family: Family,
    /// The address from the most significant bit on: an IPv4 address fills the upper 32 bits.
    bits: u128,
    length: u8,
}

impl Prefix {
    /// The prefix of the `length` first bits of `address`; `length` is cut at the address' own.
    #[must_use]
    pub fn new(address: IpAddr, length: u8) -> Self {
        let address = canonical_ip(address);
        let family = Family::of(address);
        let length = length.min(family.bits());
        Self { family, bits: left_aligned(address) & mask(length), length }
    }

    /// The prefix of a single address.
    #[must_use]
    pub fn host(address: IpAddr) -> Self {
        Self::new(address, u8::MAX)
    }

    /// The prefix of every address of a family: `0.0.0.0/0` or `::/0`.
    #[must_use]
    pub const fn any(family: Family) -> Self {
        Self { family, bits: 0, length: 0 }
    }

    /// The family.
    #[must_use]
    pub const fn family(self) -> Family {
        self.family
    }

    /// The length, in bits.
    #[must_use]
    pub const fn length(self) -> u8 {
        self.length
    }

    /// The address in network byte order: an IPv4 address in the first four bytes, zeros behind.
    #[must_use]
    pub const fn octets(self) -> [u8; 16] {
        self.bits.to_be_bytes()
    }

    /// The address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        let octets = self.octets();
        match self.family {
            Family::V4 => Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into(),
            Family::V6 => Ipv6Addr::from(octets).into(),
        }
    }

    /// Whether every address of `other` is of this prefix.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self.family == other.family
            && self.length <= other.length
            && (self.bits ^ other.bits) & mask(self.length) == 0
    }

    /// Whether the address is of this prefix.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        self.covers(Self::host(address))
    }
}

fn left_aligned(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn mask(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0)
}

/// A text that is no prefix.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParsePrefixError {
    /// What stands before the slash is no address.
    #[error("\"{0}\" is not an address or a prefix")]
    Address(String),
    /// What stands after the slash is no length of this family.
    #[error("\"{text}\" is not a prefix: the length of an {family} prefix is 0 to {}", family.bits())]
    Length {
        /// What was read.
        text: String,
        /// The family of the address before the slash.
        family: Family,
    },
    /// The address has bits set beyond the length.
    #[error("\"{text}\" has bits set beyond its length")]
    HostBits {
        /// What was read.
        text: String,
        /// The prefix of that length that the address lies in.
        corrected: Prefix,
    },
}

impl ParsePrefixError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::HostBits { corrected, .. } => format!("write \"{corrected}\""),
            Self::Length { .. } | Self::Address(_) => {
                "write a prefix such as \"192.0.2.0/24\" or \"2001:db8::/32\", or a bare address".to_owned()
            }
        }
    }
}

impl FromStr for Prefix {
    type Err = ParsePrefixError;

    /// Reads "192.0.2.0/24", "2001:db8::/32", or a bare address. An IPv4-mapped prefix becomes IPv4.
    fn from_str(text: &str) -> Result<Self, ParsePrefixError> {
        let (address, length) = text.split_once('/').map_or((text, None), |(a, l)| (a, Some(l)));
        let address: IpAddr = address.parse().map_err(|_| ParsePrefixError::Address(text.to_owned()))?;
        let Some(length) = length else { return Ok(Self::host(address)) };
        with_length(address, length, text)
    }
}

fn with_length(address: IpAddr, length: &str, text: &str) -> Result<Prefix, ParsePrefixError> {
    let family = if address.is_ipv4() { Family::V4 } else { Family::V6 };
    let written = plain_number(length)
        .filter(|l| *l <= family.bits())
        .ok_or_else(|| ParsePrefixError::Length { text: text.to_owned(), family })?;
    let corrected = unmapped(address, written);
    if left_aligned(address) & !mask(written) != 0 {
        return Err(ParsePrefixError::HostBits { text: text.to_owned(), corrected });
    }
    Ok(corrected)
}

/// Digits only: a sign, which the standard library reads, is no part of a length.
fn plain_number(text: &str) -> Option<u8> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The prefix as written, in IPv4 where it lies within the IPv4-mapped addresses.
fn unmapped(address: IpAddr, length: u8) -> Prefix {
    match (address, length.checked_sub(96)) {
        (IpAddr::V6(v6), Some(v4_length)) if v6.to_ipv4_mapped().is_some() => Prefix::new(address, v4_length),
        (IpAddr::V6(_), _) => {
            Prefix { family: Family::V6, bits: left_aligned(address) & mask(length), length }
        }
        (IpAddr::V4(_), _) => Prefix::new(address, length),
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.length)
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn a_bare_address_is_a_host_prefix() {
        assert_eq!(prefix("192.0.2.1").to_string(), "192.0.2.1/32");
        assert_eq!(prefix("2001:db8::1").to_string(), "2001:db8::1/128");
    }

    #[test]
    fn mapped_prefixes_are_ipv4() {
        assert_eq!(prefix("::ffff:192.0.2.0/120"), prefix("192.0.2.0/24"));
        assert_eq!(prefix("::ffff:0.0.0.0/96"), prefix("0.0.0.0/0"));
        assert_eq!(prefix("::ffff:192.0.2.1"), prefix("192.0.2.1/32"));
        assert_eq!(prefix("::/80").family(), Family::V6);
    }

    #[test]
    fn host_bits_are_refused_with_the_prefix_meant() {
        let error = "192.0.2.1/24".parse::<Prefix>().unwrap_err();
        assert_eq!(error.to_string(), "\"192.0.2.1/24\" has bits set beyond its length");
        assert_eq!(error.help(), "write \"192.0.2.0/24\"");
        let error = "::ffff:192.0.2.1/120".parse::<Prefix>().unwrap_err();
        assert_eq!(error.help(), "write \"192.0.2.0/24\"");
        let error = "::ffff:192.0.2.1/32".parse::<Prefix>().unwrap_err();
        assert_eq!(error.help(), "write \"::/32\"");
    }

    #[test]
    fn lengths_are_those_of_the_family() {
        for text in ["192.0.2.0/33", "2001:db8::/129", "192.0.2.0/", "192.0.2.0/+24", "10.0.0.0/1/2"] {
            assert!(matches!(text.parse::<Prefix>(), Err(ParsePrefixError::Length { .. })), "{text}");
        }
        for text in ["", "/24", "host", "10.0.0", " 10.0.0.0/8"] {
            assert!(matches!(text.parse::<Prefix>(), Err(ParsePrefixError::Address(_))), "{text}");
        }
    }

    #[test]
    fn families_never_mix() {
        assert!(!prefix("::/0").contains("192.0.2.1".parse().unwrap()));
        assert!(!prefix("::/0").contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(prefix("0.0.0.0/0").contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!prefix("0.0.0.0/0").contains("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn octets_of_ipv4_come_first() {
        assert_eq!(prefix("192.0.2.0/24").octets()[..5], [192, 0, 2, 0, 0]);
    }

    proptest! {
        #[test]
        fn a_prefix_survives_its_text_form(address: IpAddr, length in 0u8..=128) {
            let prefix = Prefix::new(address, length);
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }

        #[test]
        fn covering_prefixes_sort_before_what_they_cover(address: IpAddr, a in 0u8..=128, b in 0u8..=128) {
            let (short, long) = (Prefix::new(address, a.min(b)), Prefix::new(address, a.max(b)));
            prop_assert!(short.covers(long) && short <= long);
        }
    }
}
