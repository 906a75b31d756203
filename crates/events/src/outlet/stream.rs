//! TCP connections and Unix stream sockets.

use std::io::{self, IoSlice};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};
use wad_model::EventTarget;

use super::{Outlet, PATIENCE, Sent, is_pause, not_open};

/// How long a host may take to answer.
const CONNECT: Duration = Duration::from_secs(5);
/// The most messages of one write.
const MOST: usize = 256;

#[derive(Debug)]
pub(super) struct StreamOutlet {
    target: EventTarget,
    socket: Option<OwnedFd>,
    /// Bytes of the first message that the consumer has already.
    begun: usize,
}

impl StreamOutlet {
    pub(super) const fn new(target: EventTarget) -> Self {
        Self { target, socket: None, begun: 0 }
    }
}

impl Outlet for StreamOutlet {
    fn open(&mut self) -> io::Result<()> {
        self.socket = None;
        // A new consumer gets whole messages.
        self.begun = 0;
        self.socket = Some(connect(&self.target)?);
        Ok(())
    }

    fn send(&mut self, messages: &[Vec<u8>]) -> Sent {
        let Some(socket) = &self.socket else { return not_open() };
        let mut done = 0;
        let outcome = loop {
            if done == messages.len() {
                break Ok(());
            }
            // Without a look first, what is written to a consumer that has gone would be lost.
            if let Err(error) = still_there(socket) {
                break Err(error);
            }
            match write(socket, &messages[done..], self.begun) {
                Ok(written) => {
                    let (whole, begun) = advance(&messages[done..], self.begun, written);
                    done += whole;
                    self.begun = begun;
                }
                Err(error) if is_pause(&error) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        Sent { done, refused: 0, outcome }
    }
}

fn connect(target: &EventTarget) -> io::Result<OwnedFd> {
    match target {
        EventTarget::Tcp(host) => {
            let mut last = io::Error::other("the name has no address");
            for address in host.as_str().to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, CONNECT) {
                    Ok(stream) => {
                        stream.set_write_timeout(Some(PATIENCE))?;
                        return Ok(stream.into());
                    }
                    Err(error) => last = error,
                }
            }
            Err(last)
        }
        EventTarget::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok(stream.into())
        }
        _ => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Whether the consumer has closed its end. What it says is of no interest, but must not pile up.
fn still_there(socket: &OwnedFd) -> io::Result<()> {
    let mut said = [0_u8; 512];
    loop {
        match recv(socket, &mut said, RecvFlags::DONTWAIT) {
            Ok((0, _)) => {
                return Err(io::Error::new(
                    io::ErrorKind::ConnectionAborted,
                    "the consumer closed the connection",
                ));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Writes messages, without the first `begun` bytes; how many bytes went out.
fn write(socket: &OwnedFd, messages: &[Vec<u8>], begun: usize) -> io::Result<usize> {
    let rest = |(place, message): (usize, &Vec<u8>)| if place == 0 { begun.min(message.len()) } else { 0 };
    let slices: Vec<IoSlice<'_>> = messages
        .iter()
        .take(MOST)
        .enumerate()
        .map(|(place, message)| IoSlice::new(&message[rest((place, message))..]))
        .collect();
    Ok(sendmsg(socket.as_fd(), &slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
}

/// How many messages are whole after so many more bytes, and how far the next one has come.
fn advance(messages: &[Vec<u8>], begun: usize, written: usize) -> (usize, usize) {
    let mut bytes = begun + written;
    for (place, message) in messages.iter().enumerate() {
        if bytes < message.len() {
            return (place, bytes);
        }
        bytes -= message.len();
    }
    (messages.len(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_messages_add_up() {
        let messages = [vec![0; 3], vec![0; 5], vec![0; 2]];
        assert_eq!(advance(&messages, 0, 0), (0, 0));
        assert_eq!(advance(&messages, 0, 3), (1, 0));
        assert_eq!(advance(&messages, 2, 1), (1, 0));
        assert_eq!(advance(&messages, 2, 4), (1, 3));
        assert_eq!(advance(&messages, 1, 9), (3, 0));
    }
}
