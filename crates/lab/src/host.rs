//! A host: a network namespace with one device, whose other end is the emulated path.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::error::LabError;
use crate::namespace::Namespace;
use crate::netlink::{Netlink, Request};
use crate::tun::Tun;

/// The name of a host's device.
pub const DEVICE: &str = "wad0";
/// As many packets may wait for the emulator before the device drops: 100 ms of full packets at 1.2 Gbit/s.
const TRANSMIT_QUEUE: u32 = 10_000;
const CONGESTION_CONTROL: &str = "net.ipv4.tcp_congestion_control";
/// linux/rtnetlink.h
const RTAX_CC_ALGO: u16 = 16;

/// What a host shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// Its name in messages and reports.
    pub name: String,
    /// Its IPv4 address.
    pub address: Ipv4Addr,
    /// Its IPv6 address.
    pub address6: Ipv6Addr,
    /// Sysctls of its namespace, by their names with dots.
    pub sysctl: BTreeMap<String, String>,
}

impl HostConfig {
    /// A host with the `n`-th of the laboratory's addresses: 10.77.0.n and fd77::n.
    #[must_use]
    pub fn numbered(name: &str, n: u8) -> Self {
        Self {
            name: name.to_owned(),
            address: Ipv4Addr::new(10, 77, 0, n),
            address6: Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, u16::from(n)),
            sysctl: BTreeMap::new(),
        }
    }
}

/// What a host's device shall be, beside its addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceConfig {
    /// The largest IP packet that it takes.
    pub(crate) mtu: u32,
    /// Whether it hands over super-packets.
    pub(crate) offload: bool,
}

/// A host that is up.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
    namespace: Namespace,
}

impl Host {
    /// Sets a host up that has `peer` at the far end, and hands over the other end of its device.
    pub(crate) fn new(
        config: &HostConfig,
        peer: &HostConfig,
        device: DeviceConfig,
    ) -> Result<(Self, Tun), LabError> {
        let fail = |operation: &'static str| move |source| LabError::network(&config.name, operation, source);
        let namespace = Namespace::new().map_err(fail("make a network namespace"))?;
        namespace.enter(quieten).map_err(fail("enter its namespace"))?;
        let tun = namespace
            .enter(|| Tun::create(DEVICE, device.offload))
            .map_err(|source| device_error(config, source))?;
        namespace.enter(|| Ok(connect(config, device.mtu))).map_err(fail("enter its namespace"))??;
        let host = Self { config: config.clone(), namespace };
        for (key, value) in &config.sysctl {
            if let Err(error) = host.set_sysctl(key, value) {
                host.set_congestion_control(peer, key, value).map_err(|_| error)?;
            }
        }
        Ok((host, tun))
    }

    /// The host's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The host's IPv4 address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.config.address
    }

    /// The host's IPv6 address.
    #[must_use]
    pub fn address6(&self) -> Ipv6Addr {
        self.config.address6
    }

    /// The host's network namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Sets a sysctl of the host.
    ///
    /// # Errors
    /// The namespace has no such sysctl, or refuses the value.
    pub fn set_sysctl(&self, key: &str, value: &str) -> Result<(), LabError> {
        self.namespace.enter(|| write_sysctl(key, value)).map_err(|source| LabError::Sysctl {
            host: self.config.name.clone(),
            key: key.to_owned(),
            value: value.to_owned(),
            source,
        })
    }

    /// Makes flows to `peer` use a congestion control that only the initial namespace may make the default
    /// (one that is not in its `net.ipv4.tcp_allowed_congestion_control`), by a note on the routes.
    fn set_congestion_control(&self, peer: &HostConfig, key: &str, name: &str) -> io::Result<()> {
        if key != CONGESTION_CONTROL {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.namespace.enter(|| {
            let mut netlink = Netlink::open(None)?;
            let device = index(DEVICE)?;
            netlink.execute(route(device, peer.address.into(), name))?;
            netlink.execute(route(device, peer.address6.into(), name))
        })
    }

    /// Reads a sysctl of the host.
    ///
    /// # Errors
    /// The namespace has no such sysctl.
    pub fn sysctl(&self, key: &str) -> io::Result<String> {
        let path = sysctl_path(key);
        self.namespace.enter(|| Ok(std::fs::read_to_string(path)?.trim().to_owned()))
    }

    /// Packets that the host's device dropped because the emulator did not fetch them in time: losses
    /// that no model decided.
    pub(crate) fn device_drops(&self) -> io::Result<u64> {
        let table = self.namespace.enter(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?;
        Ok(transmit_drops(&table).unwrap_or(0))
    }
}

fn device_error(config: &HostConfig, source: io::Error) -> LabError {
    match source.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => LabError::NoTun { source },
        _ => LabError::network(&config.name, "make its TUN device", source),
    }
}

/// Lets IPv6 be silent: a path carries what the applications send and nothing else. Without IPv6
/// in the kernel there is nothing to silence; the address then fails with a clear error.
fn quieten() -> io::Result<()> {
    for (key, value) in [
        ("net.ipv6.conf.default.accept_dad", "0"),
        ("net.ipv6.conf.default.router_solicitations", "0"),
        ("net.ipv6.conf.default.addr_gen_mode", "1"),
    ] {
        if let Err(error) = write_sysctl(key, value) {
            tracing::debug!(key, %error, "sysctl not written");
        }
    }
    Ok(())
}

/// Brings loopback and device up and gives the device its addresses. Each host has a route to the network that both
/// are in, and to nothing else.
fn connect(config: &HostConfig, mtu: u32) -> Result<(), LabError> {
    let fail = |operation: String| move |source| LabError::network(&config.name, operation, source);
    let mut route = Netlink::open(None).map_err(fail("open a netlink socket".into()))?;
    let device = index(DEVICE).map_err(fail(format!("find its device {DEVICE}")))?;
    route.execute(link_up(1)).map_err(fail("bring loopback up".into()))?;
    let up = link_up(device)
        .attribute(libc::IFLA_MTU, &mtu.to_ne_bytes())
        .attribute(libc::IFLA_TXQLEN, &TRANSMIT_QUEUE.to_ne_bytes());
    route.execute(up).map_err(fail(format!("bring {DEVICE} up with MTU {mtu}")))?;
    for own in [IpAddr::V4(config.address), IpAddr::V6(config.address6)] {
        route.execute(address(device, own)).map_err(fail(format!("add address {own}")))?;
    }
    Ok(())
}

/// RTM_NEWLINK: the device goes up.
fn link_up(index: u32) -> Request {
    let up = libc::IFF_UP.to_ne_bytes();
    // struct ifinfomsg: family, padding, type, index, flags, mask of flags.
    Request::new(libc::RTM_NEWLINK, 0).bytes(&[0; 4]).bytes(&index.to_ne_bytes()).bytes(&up).bytes(&up)
}

/// RTM_NEWADDR: an address in the network of both hosts.
fn address(device: u32, own: IpAddr) -> Request {
    let (family, length) = family(own);
    let flags = u8::try_from(libc::IFA_F_NODAD).expect("the flag is one of the first eight");
    // struct ifaddrmsg: family, prefix length, flags, scope, index.
    Request::new(libc::RTM_NEWADDR, libc::NLM_F_CREATE | libc::NLM_F_EXCL)
        .bytes(&[family, length, flags, 0])
        .bytes(&device.to_ne_bytes())
        .attribute(libc::IFA_LOCAL, &octets(own))
        .attribute(libc::IFA_ADDRESS, &octets(own))
}

/// RTM_NEWROUTE: the route to the network of `peer` that came with the address, with a congestion control of its own.
fn route(device: u32, peer: IpAddr, congestion_control: &str) -> Request {
    let (family, length) = family(peer);
    // The kernel's own IPv6 routes have metric 256; one with another would not replace them.
    let priority: u32 = if peer.is_ipv6() { 256 } else { 0 };
    let name = [congestion_control.as_bytes(), &[0]].concat();
    let metrics = Request::new(0, 0).attribute(RTAX_CC_ALGO, &name).into_body();
    // struct rtmsg: family, prefix lengths of destination and source, type of service, table, protocol,
    // scope, type, flags.
    Request::new(libc::RTM_NEWROUTE, libc::NLM_F_CREATE | libc::NLM_F_REPLACE)
        .bytes(&[family, length, 0, 0, libc::RT_TABLE_MAIN, libc::RTPROT_KERNEL])
        .bytes(&[libc::RT_SCOPE_LINK, libc::RTN_UNICAST, 0, 0, 0, 0])
        .attribute(libc::RTA_DST, &octets(network(peer)))
        .attribute(libc::RTA_OIF, &device.to_ne_bytes())
        .attribute(libc::RTA_PRIORITY, &priority.to_ne_bytes())
        .attribute(libc::RTA_METRICS, &metrics)
}

/// The family of an address, and the length of the prefix of its network.
fn family(address: IpAddr) -> (u8, u8) {
    let (family, length) = match address {
        IpAddr::V4(_) => (libc::AF_INET, 24),
        IpAddr::V6(_) => (libc::AF_INET6, 64),
    };
    (u8::try_from(family).expect("address families are small"), length)
}

/// The first address of the network that an address is in.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() >> 8 << 8).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn index(device: &str) -> io::Result<u32> {
    let any = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    Ok(rustix::net::netdevice::name_to_index(&any, device)?)
}

fn sysctl_path(key: &str) -> String {
    format!("/proc/sys/{}", key.replace('.', "/"))
}

fn write_sysctl(key: &str, value: &str) -> io::Result<()> {
    std::fs::OpenOptions::new().write(true).open(sysctl_path(key)).and_then(|mut file| {
        use std::io::Write;
        file.write_all(value.as_bytes())
    })
}

/// The device's fourth count of sent packets in the table of /proc/net/dev.
fn transmit_drops(table: &str) -> Option<u64> {
    let counts = table.lines().find_map(|line| line.trim_start().strip_prefix(DEVICE)?.strip_prefix(':'))?;
    counts.split_whitespace().nth(8 + 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_are_read_from_the_device_table() {
        let table = "Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed \
                     multicast|bytes packets errs drop fifo colls carrier compressed\n\
                     \x20   lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n  wad0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n";
        assert_eq!(transmit_drops(table), Some(12));
        assert_eq!(transmit_drops(""), None);
    }
}
