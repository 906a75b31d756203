//! The ends of a flow that someone asks about: their ports need not be known.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;
use wad_model::{FlowKey, canonical_ip};

/// An address, and a port if it is known. An IPv4-mapped address is IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The address.
    pub address: IpAddr,
    /// The port; `None` if it is not known, as the port that a client has yet to be given.
    pub port: Option<u16>,
}

impl Endpoint {
    /// The end at this address and port.
    #[must_use]
    pub fn new(address: IpAddr, port: Option<u16>) -> Self {
        Self { address: canonical_ip(address), port }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(socket: SocketAddr) -> Self {
        Self::new(socket.ip(), Some(socket.port()))
    }
}

/// A text that is no address with or without a port.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{0}\" is not an address: write it as 192.0.2.1, 192.0.2.1:443, 2001:db8::1 or [2001:db8::1]:443, with a \
     port from 1 to 65535"
)]
pub struct ParseEndpointError(String);

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
        let with_port = || text.parse::<SocketAddr>().ok().filter(|socket| socket.port() > 0).map(Self::from);
        let without = bare.parse().ok().map(|address| Self::new(address, None));
        without.or_else(with_port).ok_or_else(|| ParseEndpointError(text.to_owned()))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => SocketAddr::new(self.address, port).fmt(f),
            None => self.address.fmt(f),
        }
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Both ends of a flow, as this host sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Ends {
    /// This host's end.
    pub source: Endpoint,
    /// The other host's end.
    pub destination: Endpoint,
}

impl From<FlowKey> for Ends {
    fn from(flow: FlowKey) -> Self {
        Self { source: flow.source.into(), destination: flow.destination.into() }
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.source, self.destination)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_with_and_without_a_port() {
        for text in ["192.0.2.1", "192.0.2.1:443", "2001:db8::1", "[2001:db8::1]:443"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
        assert_eq!("[2001:db8::1]".parse::<Endpoint>().unwrap().port, None);
        assert_eq!("[::ffff:192.0.2.1]:80".parse::<Endpoint>().unwrap().to_string(), "192.0.2.1:80");
    }

    #[test]
    fn what_is_no_end_is_refused() {
        for text in ["", "host", "192.0.2.1:0", "192.0.2.1:", "192.0.2.1:65536", "[192.0.2.1", "192.0.2.0/24"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }
}
