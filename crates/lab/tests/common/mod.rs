//! What the tests with real kernels share. They need root and fail without it.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use wad_lab::{Host, Mode, Testbed, TestbedConfig};
use wad_path::PathConfig;

pub(crate) const BOTH: [Mode; 2] = [Mode::Plain, Mode::Offload];

/// A testbed whose path is written as in a scenario's `forward` and `backward`.
pub(crate) fn testbed(mode: Mode, path: &str) -> Testbed {
    let path: PathConfig = toml::from_str(path).unwrap();
    Testbed::new(TestbedConfig::new(mode, path)).unwrap()
}

pub(crate) fn address(host: &Host, v6: bool) -> IpAddr {
    if v6 { host.address6().into() } else { host.address().into() }
}

/// A UDP socket of the host.
pub(crate) fn udp(host: &Host, v6: bool) -> UdpSocket {
    let socket = host.namespace().enter(|| UdpSocket::bind((address(host, v6), 0))).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    socket
}

/// Receives numbered datagrams until none comes for a while.
pub(crate) fn numbers(socket: &UdpSocket) -> Vec<u32> {
    let mut buffer = [0; 2048];
    let mut numbers = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        assert!(length >= 4);
        numbers.push(u32::from_be_bytes(buffer[..4].try_into().unwrap()));
    }
    numbers
}

/// Sends datagrams 0, 1, ... of `size` bytes, spaced by `gap`.
pub(crate) fn send_numbered(socket: &UdpSocket, to: SocketAddr, count: u32, size: usize, gap: Duration) {
    let mut datagram = vec![0; size];
    for number in 0..count {
        datagram[..4].copy_from_slice(&number.to_be_bytes());
        socket.send_to(&datagram, to).unwrap();
        if !gap.is_zero() {
            thread::sleep(gap);
        }
    }
}

/// Bytes in which no two near places look alike.
pub(crate) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect()
}

/// Sends `data` over TCP from left to right, and returns what arrived.
pub(crate) fn transfer(testbed: &Testbed, v6: bool, data: &[u8]) -> Vec<u8> {
    let right = testbed.right();
    let listener = right.namespace().enter(|| TcpListener::bind((address(right, v6), 0))).unwrap();
    let to = listener.local_addr().unwrap();
    thread::scope(|scope| {
        let receiver = scope.spawn(move || -> io::Result<Vec<u8>> {
            let mut received = Vec::new();
            listener.accept()?.0.read_to_end(&mut received)?;
            Ok(received)
        });
        let mut stream = testbed.left().namespace().enter(|| TcpStream::connect(to)).unwrap();
        stream.write_all(data).unwrap();
        drop(stream);
        receiver.join().unwrap().unwrap()
    })
}
