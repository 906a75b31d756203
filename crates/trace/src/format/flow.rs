//! What names a flow, in bytes.
//!
//! ```text
//! flow   := form address address [opened] labels
//! form   : one byte; bit 0 the source is IPv6, bit 1 the destination is, bits 2 and 3 the direction (0 not known,
//!          1 active, 2 passive), bit 4 it is known when the flow opened
//! address: 4 or 16 bytes, then 2 of the port, the lowest first; of IPv6 also the scope, a varint
//! opened : signed varint, nanoseconds of the monotonic clock
//! labels : varint count; for each a name and a text, both with a varint length
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use wad_model::{Direction, FlowKey, Time};

use super::Malformed;
use super::varint::{self, Cursor};
use crate::flow::Flow;

const SOURCE_6: u8 = 1;
const DESTINATION_6: u8 = 2;
const DIRECTION: u8 = 4;
const OPENED: u8 = 16;

pub(crate) fn put(out: &mut Vec<u8>, flow: &Flow) {
    let FlowKey { source, destination } = flow.key;
    let direction = match flow.direction {
        None => 0,
        Some(Direction::Active) => 1,
        Some(Direction::Passive) => 2,
    };
    out.push(
        u8::from(source.is_ipv6()) * SOURCE_6
            + u8::from(destination.is_ipv6()) * DESTINATION_6
            + direction * DIRECTION
            + u8::from(flow.opened.is_some()) * OPENED,
    );
    put_address(out, source);
    put_address(out, destination);
    if let Some(opened) = flow.opened {
        varint::put_signed(out, opened.as_nanos().cast_signed());
    }
    varint::put(out, flow.labels.len() as u64);
    for (name, text) in &flow.labels {
        varint::put_bytes(out, name.as_bytes());
        varint::put_bytes(out, text.as_bytes());
    }
}

fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    }
    out.extend(address.port().to_le_bytes());
    if let SocketAddr::V6(address) = address {
        varint::put(out, u64::from(address.scope_id()));
    }
}

pub(crate) fn take(cursor: &mut Cursor<'_>) -> Result<Flow, Malformed> {
    let form = cursor.byte()?;
    let source = take_address(cursor, form & SOURCE_6 != 0)?;
    let destination = take_address(cursor, form & DESTINATION_6 != 0)?;
    let direction = match form / DIRECTION % 4 {
        0 => None,
        1 => Some(Direction::Active),
        2 => Some(Direction::Passive),
        _ => return Err(Malformed("a flow has a direction that does not exist")),
    };
    let opened =
        if form & OPENED == 0 { None } else { Some(Time::from_nanos(cursor.signed()?.cast_unsigned())) };
    let count = cursor.count(cursor.left(), "a flow has more labels than bytes are left")?;
    let mut labels = Vec::new();
    for _ in 0..count {
        labels.push((cursor.text()?.to_owned(), cursor.text()?.to_owned()));
    }
    Ok(Flow { key: FlowKey { source, destination }, direction, opened, labels })
}

fn take_address(cursor: &mut Cursor<'_>, six: bool) -> Result<SocketAddr, Malformed> {
    if six {
        let ip = Ipv6Addr::from(array::<16>(cursor)?);
        let port = u16::from_le_bytes(array(cursor)?);
        let scope = u32::try_from(cursor.number()?).map_err(|_| Malformed("an address has a wrong scope"))?;
        return Ok(SocketAddrV6::new(ip, port, 0, scope).into());
    }
    let ip = Ipv4Addr::from(array::<4>(cursor)?);
    Ok(SocketAddr::new(ip.into(), u16::from_le_bytes(array(cursor)?)))
}

fn array<const N: usize>(cursor: &mut Cursor<'_>) -> Result<[u8; N], Malformed> {
    cursor.bytes(N)?.try_into().map_err(|_| Malformed("it ends too early"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_come_back() {
        let labels = vec![("path".to_owned(), "cern".to_owned()), ("empty".to_owned(), String::new())];
        let flow = |source: &str, destination: &str| {
            Flow::new(FlowKey::new(source.parse().unwrap(), destination.parse().unwrap()))
        };
        for flow in [
            flow("192.0.2.1:5201", "198.51.100.7:65535"),
            flow("[fe80::1%3]:80", "[2001:db8::1]:443").direction(Direction::Passive),
            flow("192.0.2.1:1", "[2001:db8::1]:2")
                .direction(Direction::Active)
                .opened(Time::from_nanos(u64::MAX))
                .labels(labels),
        ] {
            let mut out = Vec::new();
            put(&mut out, &flow);
            let mut cursor = Cursor::new(&out);
            assert_eq!(take(&mut cursor), Ok(flow));
            assert_eq!(cursor.left(), 0);
            for end in 0..out.len() {
                assert!(take(&mut Cursor::new(&out[..end])).is_err());
            }
        }
    }
}
