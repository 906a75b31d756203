//! Files, and named pipes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::OFlags;
use rustix::io::Errno;

use super::{Outlet, PATIENCE, Sent, is_pause, not_open};
use crate::Rotation;

/// How often it is looked whether somebody has moved the file away.
const LOOK: Duration = Duration::from_secs(1);
/// The most messages of one write.
const MOST: usize = 256;

/// A file to which lines are added. It has whole lines only: what a full disk has cut off is taken away again.
#[derive(Debug)]
pub(super) struct FileOutlet {
    path: PathBuf,
    rotation: Rotation,
    open: Option<Open>,
    /// Bytes of the first message that the reader of a pipe has already.
    begun: usize,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Where its last whole line ends.
    size: u64,
    begun: SystemTime,
    identity: (u64, u64),
    is_regular: bool,
    look: Instant,
}

impl FileOutlet {
    pub(super) const fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self { path, rotation, open: None, begun: 0 }
    }

    /// The file is put aside, or was moved away by somebody else: it is begun anew.
    fn renew(&mut self, more: u64) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotConnected.into()) };
        if !open.is_regular {
            return Ok(());
        }
        let now = Instant::now();
        if now >= open.look {
            open.look = now + LOOK;
            if fs::metadata(&self.path).map(|file| (file.dev(), file.ino())).ok() != Some(open.identity) {
                return self.open();
            }
        }
        let Some(open) = &self.open else { return Ok(()) };
        if self.rotation.is_due(open.size, open.begun.elapsed().unwrap_or_default(), more) {
            self.rotation.rotate(&self.path)?;
            return self.open();
        }
        Ok(())
    }

    /// Writes some messages; how many are done.
    fn write(&mut self, messages: &[Vec<u8>]) -> io::Result<usize> {
        self.renew(messages[0].len() as u64)?;
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotConnected.into()) };
        if !open.is_regular {
            return pipe(&mut open.file, &messages[0], &mut self.begun);
        }
        let mut end = open.size;
        let fitting = messages.iter().take(MOST).take_while(|message| {
            end += message.len() as u64;
            end == open.size + messages[0].len() as u64
                || self.rotation.size.is_none_or(|limit| end <= limit.get())
        });
        let slices: Vec<IoSlice<'_>> = fitting.map(|message| IoSlice::new(message)).collect();
        let written = open.file.write_vectored(&slices)?;
        open.keep_whole(messages, written)
    }
}

impl Open {
    fn new(file: File) -> io::Result<Self> {
        let data = file.metadata()?;
        Ok(Self {
            file,
            size: data.len(),
            begun: data.created().unwrap_or_else(|_| SystemTime::now()),
            identity: (data.dev(), data.ino()),
            is_regular: data.is_file(),
            look: Instant::now() + LOOK,
        })
    }

    /// How many messages so many bytes hold whole; the piece behind them goes.
    fn keep_whole(&mut self, messages: &[Vec<u8>], written: usize) -> io::Result<usize> {
        let (mut whole, mut bytes) = (0, 0);
        while whole < messages.len() && bytes + messages[whole].len() <= written {
            bytes += messages[whole].len();
            whole += 1;
        }
        self.size += bytes as u64;
        if bytes < written {
            self.file.set_len(self.size)?;
        }
        if whole == 0 {
            return Err(Errno::NOSPC.into());
        }
        Ok(whole)
    }
}

/// A pipe has no end to go back to: what was begun goes on.
fn pipe(file: &mut File, message: &[u8], begun: &mut usize) -> io::Result<usize> {
    *begun += file.write(&message[*begun..])?;
    if *begun < message.len() {
        return Ok(0);
    }
    *begun = 0;
    Ok(1)
}

impl Outlet for FileOutlet {
    fn open(&mut self) -> io::Result<()> {
        self.open = None;
        self.begun = 0;
        // A pipe that nobody reads is refused instead of waited for.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file =
            OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(&self.path)?;
        self.open = Some(Open::new(file)?);
        Ok(())
    }

    fn send(&mut self, messages: &[Vec<u8>]) -> Sent {
        if self.open.is_none() {
            return not_open();
        }
        let mut done = 0;
        while done < messages.len() {
            match self.write(&messages[done..]) {
                Ok(whole) => done += whole,
                Err(error) if is_pause(&error) => {
                    thread::sleep(PATIENCE / 5);
                    break;
                }
                Err(error) => return Sent { done, refused: 0, outcome: Err(error) },
            }
        }
        Sent { done, refused: 0, outcome: Ok(()) }
    }
}
