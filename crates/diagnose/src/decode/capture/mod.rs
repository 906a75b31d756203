//! Captured packets: pcap and pcapng, of several link layers.
//!
//! ```text
//!   bytes --pcap or pcapng--> frames --link layer, IP, TCP--> segments --connections--> Evidence
//! ```

mod connection;
mod frame;
mod pcap;
mod pcapng;
mod sequence;
mod track;

use thiserror::Error;

use crate::evidence::Evidence;

/// Bytes that are no capture, or a damaged one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CaptureError {
    /// It begins with something else.
    #[error("offset 0: neither pcap nor pcapng (begins with {begin:02x?})")]
    Foreign {
        /// The first bytes.
        begin: Vec<u8>,
    },
    /// A block says of itself what cannot be.
    #[error("offset {offset}: {problem}")]
    Damaged {
        /// Where the block begins.
        offset: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// No TCP connection in it has data.
    #[error(
        "no TCP connection with data among {frames} frames ({unknown} of a link layer that is not known)"
    )]
    Empty {
        /// How many frames there are.
        frames: usize,
        /// How many could not be read.
        unknown: usize,
    },
}

/// A captured frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Frame<'a> {
    time_us: u64,
    /// The link layer, as libpcap numbers it.
    link: u32,
    bytes: &'a [u8],
    /// How long it was on the wire.
    length: usize,
}

/// Reads the connections that carried data, the largest first. A capture that ends within a frame is read up to there.
///
/// # Errors
/// Says at which offset it is wrong, and how.
pub fn read(bytes: &[u8]) -> Result<Vec<Evidence>, CaptureError> {
    let frames = match bytes.get(..4) {
        Some([0x0a, 0x0d, 0x0d, 0x0a]) => pcapng::frames(bytes)?,
        _ => pcap::frames(bytes)?,
    };
    let mut connections = connection::Connections::default();
    let mut unknown = 0;
    for frame in &frames {
        match frame::parse(frame) {
            Ok(packet) => connections.handle(frame.time_us, packet),
            Err(frame::Unknown) => unknown += 1,
        }
    }
    let flows = connections.finish();
    if flows.is_empty() { Err(CaptureError::Empty { frames: frames.len(), unknown }) } else { Ok(flows) }
}

#[cfg(test)]
mod tests;
