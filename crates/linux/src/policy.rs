//! The policy in the form that the kernel's maps take.

use std::net::IpAddr;

use wad_model::{Bytes, Segments};

use crate::skeleton::types;

/// Everything that the BPF programs decide by.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Distinct destination prefixes, each with the rule that its list starts with.
    pub prefixes: Vec<(Prefix, u32)>,
    /// The rules; the lists of all prefixes in one table.
    pub rules: Vec<Rule>,
    /// What each path sets; [`Rule::path`] is an index into it.
    pub paths: Vec<Parameters>,
    /// `net.core.wmem_max` before WAD raised it: what untuned applications may have at most.
    pub wmem_max_before: Bytes,
    /// `net.core.rmem_max` before WAD raised it.
    pub rmem_max_before: Bytes,
}

/// An address prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The address, its host bits zero.
    pub address: IpAddr,
    /// How many bits count.
    pub length: u8,
}

/// An inclusive range of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The first port.
    pub low: u16,
    /// The last port.
    pub high: u16,
}

/// One alternative of a path entry.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// This host's address; its family is that of the destination prefix.
    pub source: Prefix,
    /// This host's port.
    pub source_port: PortRange,
    /// The other host's port.
    pub destination_port: PortRange,
    /// Index into [`Policy::paths`].
    pub path: u32,
    /// The rule to try next, if this one does not match.
    pub next: Option<u32>,
}

/// What a path sets; `None` leaves a knob alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters {
    /// The application's own buffer sizes do not count.
    pub override_application: bool,
    /// Buffers are set once; otherwise the sizes bound what autotuning may reach.
    pub fixed_buffers: bool,
    /// As an application would pass to `SO_SNDBUF`.
    pub send_buffer: Option<Bytes>,
    /// As an application would pass to `SO_RCVBUF`.
    pub receive_buffer: Option<Bytes>,
    /// The congestion window that a connection starts with.
    pub initial_window: Option<Segments>,
    /// The congestion control by name, at most 15 bytes.
    pub control: Option<String>,
    /// Segments a round trip, in units of 1/1024; control `wad` only.
    pub additive_increase_1024: u32,
    /// Share of the window that a loss takes, in units of 1/1024; control `wad` only.
    pub multiplicative_decrease_1024: u32,
}

const POLICY_OVERRIDE: u32 = 1 << 0;
const POLICY_FIXED_BUFFERS: u32 = 1 << 1;
const NO_RULE: u32 = u32::MAX;

impl Parameters {
    pub(crate) fn to_kernel(&self) -> types::wad_parameters {
        let mut policy = 0;
        if self.override_application {
            policy |= POLICY_OVERRIDE;
        }
        if self.fixed_buffers {
            policy |= POLICY_FIXED_BUFFERS;
        }
        types::wad_parameters {
            policy,
            send_buffer: saturate(self.send_buffer.unwrap_or_default()),
            receive_buffer: saturate(self.receive_buffer.unwrap_or_default()),
            initial_window: self.initial_window.unwrap_or_default().get(),
            additive_increase: self.additive_increase_1024,
            multiplicative_decrease: self.multiplicative_decrease_1024,
            control: name_to_kernel(self.control.as_deref().unwrap_or("")),
        }
    }
}

impl Prefix {
    pub(crate) fn to_kernel(self) -> types::wad_prefix {
        let family: u32 = if self.address.is_ipv4() { 4 } else { 6 };
        types::wad_prefix {
            length: 32 + u32::from(self.length),
            family: family.to_be(),
            address: address_to_kernel(self.address),
        }
    }
}

impl Rule {
    pub(crate) fn to_kernel(self) -> types::wad_rule {
        types::wad_rule {
            source: address_to_kernel(self.source.address),
            source_length: self.source.length.into(),
            source_port_low: self.source_port.low,
            source_port_high: self.source_port.high,
            destination_port_low: self.destination_port.low,
            destination_port_high: self.destination_port.high,
            path: self.path,
            next: self.next.unwrap_or(NO_RULE),
        }
    }
}

pub(crate) fn saturate(bytes: Bytes) -> u32 {
    u32::try_from(bytes.get()).unwrap_or(u32::MAX)
}

fn address_to_kernel(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            bytes
        }
        IpAddr::V6(v6) => v6.octets(),
    }
}

fn name_to_kernel(name: &str) -> [i8; 16] {
    let mut raw = [0; 16];
    for (to, from) in raw[..15].iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    raw
}

pub(crate) fn name_from_kernel(raw: &[i8; 16]) -> String {
    let bytes: Vec<u8> = raw.iter().take_while(|byte| **byte != 0).map(|byte| byte.cast_unsigned()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_and_stays_terminated() {
        let raw = name_to_kernel("a-name-of-twenty-char");
        assert_eq!(name_from_kernel(&raw), "a-name-of-twent");
    }
}
