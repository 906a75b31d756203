//! Connections over loopback to a server of the test's own.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use rustix::net::sockopt::{set_socket_linger, set_socket_send_buffer_size};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};

/// How many connections of a flood are open at a time.
const OPEN_IN_FLOOD: usize = 50;

/// A server at an address that only the tests' configurations name.
pub(crate) struct Server(TcpListener);

/// Both ends of a connection.
pub(crate) struct Flow {
    pub(crate) client: TcpStream,
    server: TcpStream,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.66.0.1:0").unwrap())
    }

    pub(crate) fn connect(&self) -> Flow {
        let client = TcpStream::connect(self.0.local_addr().unwrap()).unwrap();
        Flow { client, server: self.0.accept().unwrap().0 }
    }

    /// A client that fixes its send buffer, as `iperf3 -w` does.
    pub(crate) fn connect_with_buffer(&self, bytes: usize) -> Flow {
        let kind = (AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC);
        let socket = socket_with(kind.0, kind.1, kind.2, Some(ipproto::TCP)).unwrap();
        set_socket_send_buffer_size(&socket, bytes).unwrap();
        connect(&socket, &self.0.local_addr().unwrap()).unwrap();
        Flow { client: socket.into(), server: self.0.accept().unwrap().0 }
    }

    /// So many connections, of which some are open at any time.
    pub(crate) fn flood(&self, count: usize) {
        let mut open = VecDeque::new();
        for _ in 0..count {
            open.push_back(self.connect());
            if open.len() > OPEN_IN_FLOOD
                && let Some(oldest) = open.pop_front()
            {
                oldest.reset();
            }
        }
        open.into_iter().for_each(Flow::reset);
    }
}

impl Flow {
    /// The client's end, as the log writes it.
    pub(crate) fn key(&self) -> String {
        format!("{} -> {} ", self.client.local_addr().unwrap(), self.client.peer_addr().unwrap())
    }

    /// The client's address and port, as `wad flows --json` writes them.
    pub(crate) fn source(&self) -> String {
        self.client.local_addr().unwrap().to_string()
    }

    /// Sends so many bytes to the server, and waits until they have arrived.
    pub(crate) fn transfer(&mut self, bytes: usize) {
        let mut writer = self.client.try_clone().unwrap();
        let sender = thread::spawn(move || writer.write_all(&vec![7; bytes]).unwrap());
        let mut buffer = vec![0; 1 << 16];
        let mut left = bytes;
        while left > 0 {
            left -= self.server.read(&mut buffer).unwrap();
        }
        sender.join().unwrap();
    }

    /// Ends it at once, so that its ports are free.
    pub(crate) fn reset(self) {
        set_socket_linger(&self.client, Some(Duration::ZERO)).unwrap();
    }
}
