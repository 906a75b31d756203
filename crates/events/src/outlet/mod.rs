//! Where messages leave: files, streams, datagrams.

mod datagram;
mod file;
mod stream;

use std::io;
use std::time::Duration;

use wad_model::EventTarget;

use crate::Rotation;

/// How long one attempt to write may wait for the consumer; then the thread looks whether it is to end.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// Where messages leave. The order of calls: [`open`](Self::open), then [`send`](Self::send) until it fails, then `open`
/// again.
pub(crate) trait Outlet: Send {
    /// Opens it, or opens it anew; what was open before is closed.
    fn open(&mut self) -> io::Result<()>;

    /// Hands over messages, in their order, for at most about [`PATIENCE`] seconds. Those that are not done are given
    /// again, first, in the next call.
    fn send(&mut self, messages: &[Vec<u8>]) -> Sent;
}

/// How far a call of [`Outlet::send`] came.
#[derive(Debug)]
pub(crate) struct Sent {
    /// So many messages are done.
    pub(crate) done: usize,
    /// Of them those that can never be sent, as they are too large.
    pub(crate) refused: usize,
    /// Whether it is to be opened anew, and why.
    pub(crate) outcome: io::Result<()>,
}

pub(crate) fn outlet(target: &EventTarget, rotation: Rotation) -> Box<dyn Outlet> {
    match target {
        EventTarget::File(path) => Box::new(file::FileOutlet::new(path.clone(), rotation)),
        EventTarget::Tcp(_) | EventTarget::Unix(_) => Box::new(stream::StreamOutlet::new(target.clone())),
        EventTarget::Udp(_)
        | EventTarget::UnixDatagram(_)
        | EventTarget::Syslog(..)
        | EventTarget::Journal(_) => Box::new(datagram::DatagramOutlet::new(target.clone())),
    }
}

/// Whether an error only says that the consumer has no room now.
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

fn not_open() -> Sent {
    Sent { done: 0, refused: 0, outcome: Err(io::ErrorKind::NotConnected.into()) }
}
