//! The kernel's TCP metrics cache: what a network namespace remembers of the hosts it has talked to.
//!
//! ```text
//!   connection closes --> (local address, remote address): round-trip time, slow-start threshold, ...
//!   next one opens    <-- starts with these, whatever the path has become since
//! ```
//!
//! Whether closing connections are remembered is the sysctl `net.ipv4.tcp_no_metrics_save`; what is remembered already
//! counts in any case. It is read and deleted through generic netlink, the family `tcp_metrics` of
//! include/uapi/linux/tcp_metrics.h, whose socket belongs to the namespace in which it was opened.
//! `ip tcp_metrics` shows the same.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::io;
use std::net::IpAddr;

use netlink_packet_core::{
    DecodeError, Emitable, NLM_F_ACK, NLM_F_DUMP, Nla, NlasIterator, ParseableParametrized, parse_ip,
};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_sys::Socket;
use netlink_sys::protocols::NETLINK_GENERIC;

use crate::{LinuxError, Namespace, netlink};

/// The destinations that a namespace remembers, each once.
///
/// # Errors
/// If the namespace cannot be entered, or the cache cannot be read.
pub fn tcp_metrics(namespace: &Namespace) -> Result<Vec<IpAddr>, LinuxError> {
    let entries = namespace
        .enter(|| Cache::open()?.entries())?
        .map_err(|source| LinuxError::TcpMetrics { operation: "read", source })?;
    let destinations: BTreeSet<_> = entries.into_iter().map(|entry| entry.destination).collect();
    Ok(destinations.into_iter().collect())
}

/// Makes a namespace forget the destinations within any of `prefixes` (an address and how many of its bits count), and
/// says how many entries that were: a destination has one for each local address that has talked to it.
///
/// IPv4-mapped addresses are IPv4; other IPv6 prefixes, `::/0` too, are of IPv6 destinations only. Running flows keep
/// what they have, and may be remembered again when they close.
///
/// # Errors
/// If the namespace cannot be entered, or the cache cannot be read or changed. Some entries may be gone by then.
pub fn flush_tcp_metrics(namespace: &Namespace, prefixes: &[(IpAddr, u8)]) -> Result<usize, LinuxError> {
    if prefixes.is_empty() {
        return Ok(0);
    }
    namespace
        .enter(|| Cache::open()?.flush(prefixes))?
        .map_err(|source| LinuxError::TcpMetrics { operation: "flush", source })
}

/// The cache of the namespace in which it was opened.
struct Cache {
    socket: Socket,
    family: u16,
}

impl Cache {
    fn open() -> io::Result<Self> {
        let socket = netlink::open(NETLINK_GENERIC)?;
        let family = family_id(&socket, Message::family_name())?;
        Ok(Self { socket, family })
    }

    fn flush(&self, prefixes: &[(IpAddr, u8)]) -> io::Result<usize> {
        let mut deleted = 0;
        for entry in self.entries()? {
            let is_covered = prefixes.iter().any(|prefix| covers(*prefix, entry.destination));
            if is_covered && self.delete(entry)? {
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    fn entries(&self) -> io::Result<Vec<Entry>> {
        let answers = self.ask(Message::List, NLM_F_DUMP)?;
        Ok(answers
            .into_iter()
            .filter_map(|answer| if let Message::Entry(entry) = answer { Some(entry) } else { None })
            .collect())
    }

    /// Whether the entry was there still: the kernel may have given its place to another destination.
    fn delete(&self, entry: Entry) -> io::Result<bool> {
        match self.ask(Message::Delete(entry), NLM_F_ACK) {
            Ok(_) => Ok(true),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn ask(&self, message: Message, flags: u16) -> io::Result<Vec<Message>> {
        let mut request = GenlMessage::from_payload(message);
        request.set_resolved_family_id(self.family);
        ask(&self.socket, request, flags)
    }
}

/// Whether `address` is within a prefix, both as IPv4 where they are IPv4-mapped.
fn covers((prefix, length): (IpAddr, u8), address: IpAddr) -> bool {
    let (prefix, length) = match (prefix.to_canonical(), length.checked_sub(96)) {
        (v4 @ IpAddr::V4(_), Some(v4_length)) if prefix.is_ipv6() => (v4, v4_length),
        _ => (prefix, length),
    };
    let common = match (prefix, address.to_canonical()) {
        (IpAddr::V4(prefix), IpAddr::V4(address)) => (prefix.to_bits() ^ address.to_bits()).leading_zeros(),
        (IpAddr::V6(prefix), IpAddr::V6(address)) => (prefix.to_bits() ^ address.to_bits()).leading_zeros(),
        _ => return false,
    };
    common >= u32::from(length)
}

/// The number under which the running kernel knows a family of generic netlink.
fn family_id(socket: &Socket, name: &str) -> io::Result<u16> {
    let request =
        GenlCtrl { cmd: GenlCtrlCmd::GetFamily, nlas: vec![GenlCtrlAttrs::FamilyName(name.to_owned())] };
    ask(socket, GenlMessage::from_payload(request), NLM_F_ACK)?
        .into_iter()
        .flat_map(|answer| answer.nlas)
        .find_map(|attribute| if let GenlCtrlAttrs::FamilyId(id) = attribute { Some(id) } else { None })
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Sends a request of a family of generic netlink and reads the answers.
fn ask<F>(socket: &Socket, request: GenlMessage<F>, flags: u16) -> io::Result<Vec<F>>
where
    F: GenlFamily + Emitable + ParseableParametrized<[u8], GenlHeader> + Debug,
{
    let answers = netlink::ask(socket, request, flags)?;
    Ok(answers.into_iter().map(|answer| answer.payload).collect())
}

/// What an entry of the cache is found by. The kernel keeps IPv4-mapped addresses as IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    destination: IpAddr,
    source: IpAddr,
}

/// A request or an answer of the family.
#[derive(Debug, PartialEq, Eq)]
enum Message {
    /// Asks for all entries.
    List,
    /// One of them.
    Entry(Entry),
    /// Never without an address: that would delete all entries.
    Delete(Entry),
}

impl Message {
    fn addresses(&self) -> Vec<Address> {
        match self {
            Self::List => Vec::new(),
            Self::Entry(entry) | Self::Delete(entry) => {
                vec![Address::Destination(entry.destination), Address::Source(entry.source)]
            }
        }
    }
}

impl GenlFamily for Message {
    fn family_name() -> &'static str {
        "tcp_metrics"
    }

    fn command(&self) -> u8 {
        match self {
            Self::List | Self::Entry(_) => TCP_METRICS_CMD_GET,
            Self::Delete(_) => TCP_METRICS_CMD_DEL,
        }
    }

    fn version(&self) -> u8 {
        TCP_METRICS_GENL_VERSION
    }
}

impl Emitable for Message {
    fn buffer_len(&self) -> usize {
        self.addresses().as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.addresses().as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Message {
    fn parse_with_param(attributes: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        let (mut destination, mut source) = (None, None);
        for attribute in NlasIterator::new(attributes) {
            let attribute = attribute?;
            match attribute.kind() {
                TCP_METRICS_ATTR_ADDR_IPV4 | TCP_METRICS_ATTR_ADDR_IPV6 => {
                    destination = Some(parse_ip(attribute.value())?);
                }
                TCP_METRICS_ATTR_SADDR_IPV4 | TCP_METRICS_ATTR_SADDR_IPV6 => {
                    source = Some(parse_ip(attribute.value())?);
                }
                _ => {}
            }
        }
        let (Some(destination), Some(source)) = (destination, source) else {
            return Err("an entry of tcp_metrics without its two addresses".into());
        };
        Ok(Self::Entry(Entry { destination, source }))
    }
}

/// An attribute that holds an address.
#[derive(Clone, Copy, Debug)]
enum Address {
    Destination(IpAddr),
    Source(IpAddr),
}

impl Nla for Address {
    fn kind(&self) -> u16 {
        match self {
            Self::Destination(IpAddr::V4(_)) => TCP_METRICS_ATTR_ADDR_IPV4,
            Self::Destination(IpAddr::V6(_)) => TCP_METRICS_ATTR_ADDR_IPV6,
            Self::Source(IpAddr::V4(_)) => TCP_METRICS_ATTR_SADDR_IPV4,
            Self::Source(IpAddr::V6(_)) => TCP_METRICS_ATTR_SADDR_IPV6,
        }
    }

    fn value_len(&self) -> usize {
        let (Self::Destination(address) | Self::Source(address)) = self;
        if address.is_ipv4() { 4 } else { 16 }
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            Self::Destination(IpAddr::V4(v4)) | Self::Source(IpAddr::V4(v4)) => {
                buffer.copy_from_slice(&v4.octets());
            }
            Self::Destination(IpAddr::V6(v6)) | Self::Source(IpAddr::V6(v6)) => {
                buffer.copy_from_slice(&v6.octets());
            }
        }
    }
}

const TCP_METRICS_GENL_VERSION: u8 = 1;

const TCP_METRICS_CMD_GET: u8 = 1;
const TCP_METRICS_CMD_DEL: u8 = 2;

const TCP_METRICS_ATTR_ADDR_IPV4: u16 = 1;
const TCP_METRICS_ATTR_ADDR_IPV6: u16 = 2;
const TCP_METRICS_ATTR_SADDR_IPV4: u16 = 11;
const TCP_METRICS_ATTR_SADDR_IPV6: u16 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn is_covered(prefix: &str, address: &str) -> bool {
        let (prefix, length) = prefix.split_once('/').unwrap();
        covers((prefix.parse().unwrap(), length.parse().unwrap()), address.parse().unwrap())
    }

    #[test]
    fn a_prefix_covers_the_addresses_that_share_its_bits() {
        for (prefix, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
            ("192.0.2.1/32", "192.0.2.1", "192.0.2.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("2001:db8::1/128", "2001:db8::1", "2001:db8::"),
        ] {
            assert!(is_covered(prefix, inside), "{prefix} {inside}");
            assert!(!is_covered(prefix, outside), "{prefix} {outside}");
        }
    }

    #[test]
    fn families_never_mix_and_a_mapped_address_is_ipv4() {
        assert!(is_covered("0.0.0.0/0", "192.0.2.1") && !is_covered("0.0.0.0/0", "::1"));
        assert!(is_covered("::/0", "::1") && !is_covered("::/0", "192.0.2.1"));
        assert!(!is_covered("::/0", "::ffff:192.0.2.1"));
        assert!(is_covered("192.0.2.0/24", "::ffff:192.0.2.1"));
        assert!(is_covered("::ffff:192.0.2.0/120", "192.0.2.1"));
        assert!(!is_covered("::ffff:192.0.2.0/120", "192.0.3.1"));
        assert!(is_covered("::ffff:0.0.0.0/96", "192.0.2.1"));
    }

    #[test]
    fn a_length_beyond_the_family_covers_nothing() {
        assert!(!is_covered("192.0.2.1/33", "192.0.2.1"));
        assert!(!is_covered("2001:db8::1/129", "2001:db8::1"));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_deletion_names_both_addresses() {
        let entry = Entry { destination: [192, 0, 2, 1].into(), source: [10, 0, 0, 1].into() };
        let mut bytes = vec![0xFF; Message::Delete(entry).buffer_len()];
        Message::Delete(entry).emit(&mut bytes);
        assert_eq!(bytes, [8, 0, 1, 0, 192, 0, 2, 1, 8, 0, 11, 0, 10, 0, 0, 1]);
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_entry_is_read_past_what_else_is_known_of_it() {
        let age = [12, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut bytes = vec![20, 0, 2, 0];
        bytes.extend([0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.extend(age);
        bytes.extend([20, 0, 12, 0]);
        bytes.extend([0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        let header = GenlHeader { cmd: TCP_METRICS_CMD_GET, version: TCP_METRICS_GENL_VERSION };
        let entry =
            Entry { destination: "2001:db8::1".parse().unwrap(), source: "2001:db8::2".parse().unwrap() };
        assert_eq!(Message::parse_with_param(&bytes, header).unwrap(), Message::Entry(entry));
        assert!(Message::parse_with_param(&age, header).is_err());
    }
}
