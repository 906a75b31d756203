//! What names a flow.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// Which end of the connection this host was when the flow opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// This host connected.
    Active,
    /// This host accepted.
    Passive,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Passive => "passive",
        })
    }
}

/// The two ends of a TCP connection as this host sees them.
///
/// IPv4-mapped IPv6 addresses are kept as IPv4, so that one rule covers an address however the
/// application opened its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowKey {
    /// This host's end.
    pub source: SocketAddr,
    /// The other host's end.
    pub destination: SocketAddr,
}

impl FlowKey {
    /// The flow between two ends, IPv4-mapped addresses turned into IPv4.
    #[must_use]
    pub fn new(source: SocketAddr, destination: SocketAddr) -> Self {
        Self { source: canonical_socket(source), destination: canonical_socket(destination) }
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.source, self.destination)
    }
}

/// The address with an IPv4-mapped IPv6 address turned into IPv4.
#[must_use]
pub fn canonical_ip(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The socket address with an IPv4-mapped IPv6 address turned into IPv4.
#[must_use]
pub fn canonical_socket(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(canonical_ip(address.ip()), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_address_is_its_ipv4_address() {
        let key =
            FlowKey::new("[::ffff:192.0.2.1]:5201".parse().unwrap(), "[2001:db8::1]:80".parse().unwrap());
        assert_eq!(key.to_string(), "192.0.2.1:5201 -> [2001:db8::1]:80");
    }
}
