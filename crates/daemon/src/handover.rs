//! One daemon takes over from another while flows run.
//!
//! The successor connects to a socket in the daemon's directory. It is given, in one message, what only the
//! predecessor knows (as JSON) and descriptors of what only it holds: the kernel's hooks and maps, the lock, the
//! API's sockets. When the successor has loaded its programs in the place of the old ones it says so, and the
//! predecessor ends without putting anything back. If the successor fails before that, nothing has changed.
//!
//! ```text
//!   successor                       predecessor
//!   connect ----------------------> duplicates its descriptors
//!           <--- State, descriptors
//!   loads, moves the hooks
//!   "taken" ----------------------> ends
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};
use wad_linux::SocketState;

use crate::{DaemonError, RuntimeDir};

/// How long each side waits for the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most descriptors in one message.
const MAX_DESCRIPTORS: usize = 16;

/// What the successor answers when it has everything.
const TAKEN: &[u8] = b"taken\n";

/// What only the predecessor knows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) cgroup: PathBuf,
    pub(crate) lost_records: u64,
    pub(crate) opened_flows: u64,
    pub(crate) closed_flows: u64,
    /// Whether a TCP listener of the API is among the last descriptors.
    pub(crate) tcp: bool,
    /// Whether the listener for metrics is the last descriptor.
    #[serde(default)]
    pub(crate) metrics: bool,
    /// The flows that it knows to be open, by cookie: their sockets as they were before they were tuned.
    pub(crate) flows: BTreeMap<u64, Option<SocketState>>,
    /// Settings of the host that are somebody else's.
    pub(crate) theirs: BTreeSet<(Option<u32>, String)>,
}

/// Where successors ask.
#[derive(Debug)]
pub(crate) struct Door {
    path: PathBuf,
    listener: UnixListener,
}

impl Door {
    /// Opens the socket, which only root may use.
    pub(crate) fn open(directory: &Path) -> Result<Self, DaemonError> {
        let path = RuntimeDir::handover_of(directory);
        let failed = |source| DaemonError::RuntimeDir { path: path.clone(), source };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { path, listener })
    }

    /// A successor that asks now.
    pub(crate) fn knock(&self) -> Option<UnixStream> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(false).ok()?;
        Some(stream)
    }

    /// Gives a successor everything; whether it has taken it.
    pub(crate) fn give(
        &self,
        mut stream: UnixStream,
        state: &State,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<bool, DaemonError> {
        let failed =
            |error: io::Error| DaemonError::Handover { path: self.path.clone(), reason: error.to_string() };
        let text = serde_json::to_vec(state).map_err(|error| failed(error.into()))?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(failed)?;
        send_descriptors(&stream, text.len(), descriptors).map_err(failed)?;
        stream.write_all(&text).map_err(failed)?;
        let mut answer = Vec::new();
        // A successor that failed closes the connection; one that hangs is given up.
        let _ = stream.read_to_end(&mut answer);
        Ok(answer == TAKEN)
    }
}

/// What a successor was given.
#[derive(Debug)]
pub(crate) struct Gift {
    pub(crate) state: State,
    pub(crate) descriptors: Vec<OwnedFd>,
    stream: UnixStream,
}

impl Gift {
    /// Asks the daemon of a directory.
    pub(crate) fn ask(directory: &Path) -> Result<Self, DaemonError> {
        let path = RuntimeDir::handover_of(directory);
        let mut stream = UnixStream::connect(&path)
            .map_err(|source| DaemonError::NoDaemon { path: path.clone(), source })?;
        let failed =
            |error: io::Error| DaemonError::Handover { path: path.clone(), reason: error.to_string() };
        stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
        let (length, descriptors) = receive_descriptors(&stream).map_err(failed)?;
        let mut text = vec![0; length];
        stream.read_exact(&mut text).map_err(failed)?;
        let state = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
        Ok(Self { state, descriptors, stream })
    }

    /// Tells the predecessor that it can end, and waits until it has.
    pub(crate) fn taken(mut self) {
        // If the predecessor is gone already, so much the better.
        let _ = self.stream.write_all(TAKEN);
        let _ = self.stream.shutdown(std::net::Shutdown::Write);
        let _ = self.stream.read_to_end(&mut Vec::new());
    }
}

/// The length of the text that follows, and the descriptors with it.
fn send_descriptors(stream: &UnixStream, length: usize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors"));
    }
    let length = u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes();
    sendmsg(stream, &[IoSlice::new(&length)], &mut control, SendFlags::empty())?;
    Ok(())
}

fn receive_descriptors(stream: &UnixStream) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut length = [0; 8];
    let received =
        recvmsg(stream.as_fd(), &mut [IoSliceMut::new(&mut length)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes != length.len() {
        return Err(io::Error::other("the daemon gave nothing: see its log"));
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let length = u64::from_le_bytes(length);
    Ok((usize::try_from(length).map_err(io::Error::other)?, descriptors))
}
