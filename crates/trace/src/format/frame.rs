//! What lets a reader find out how far a file is whole.
//!
//! ```text
//! file    := magic frame ...
//! magic   : 8 bytes, 89 'W' 'A' 'D' 'T' 0D 0A 1A
//! frame   := sync kind length checksum payload
//! sync    : 3 bytes, F5 'W' 'F'
//! kind    : 1 byte, 'H' header, 'B' batch, 'E' end
//! length  : of the payload, 4 bytes, the lowest first
//! checksum: CRC-32 (of Ethernet and PNG) over kind, length and payload, 4 bytes, the lowest first
//! ```
//!
//! The magic is made as that of PNG: a byte above 127 shows a channel of seven bits, the line ends show one that
//! changes them.

/// How a file begins.
pub(crate) const MAGIC: [u8; 8] = *b"\x89WADT\r\n\x1a";
/// The bytes of a frame before its payload.
pub(crate) const HEAD: usize = 12;
/// The longest payload.
pub(crate) const MAX_PAYLOAD: usize = 64 << 20;

const SYNC: [u8; 3] = *b"\xf5WF";

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Header,
    Batch,
    End,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Header => b'H',
            Self::Batch => b'B',
            Self::End => b'E',
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'H' => Some(Self::Header),
            b'B' => Some(Self::Batch),
            b'E' => Some(Self::End),
            _ => None,
        }
    }
}

/// Room for the head of a frame; its payload is to be appended, and then [`seal`]ed.
pub(crate) fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.resize(HEAD, 0);
}

/// Writes the head of a frame whose payload is there. `None` if it is too long.
pub(crate) fn seal(frame: &mut [u8], kind: Kind) -> Option<()> {
    let length = u32::try_from(frame.len() - HEAD).ok().filter(|length| *length as usize <= MAX_PAYLOAD)?;
    let (head, payload) = frame.split_at_mut(HEAD);
    head[..3].copy_from_slice(&SYNC);
    head[3] = kind.byte();
    head[4..8].copy_from_slice(&length.to_le_bytes());
    let checksum = checksum(&head[3..8], payload);
    head[8..].copy_from_slice(&checksum.to_le_bytes());
    Some(())
}

/// The head of a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) length: usize,
    checked: [u8; 5],
    checksum: u32,
}

impl Head {
    pub(crate) fn read(bytes: [u8; HEAD]) -> Result<Self, &'static str> {
        let [a, b, c, kind, l0, l1, l2, l3, c0, c1, c2, c3] = bytes;
        if [a, b, c] != SYNC {
            return Err("no frame begins here");
        }
        let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let checked = [kind, l0, l1, l2, l3];
        let kind = Kind::from_byte(kind).ok_or("the frame is of no known kind")?;
        if length > MAX_PAYLOAD {
            return Err("the frame is longer than any writer makes one");
        }
        Ok(Self { kind, length, checked, checksum: u32::from_le_bytes([c0, c1, c2, c3]) })
    }

    pub(crate) fn matches(&self, payload: &[u8]) -> bool {
        checksum(&self.checked, payload) == self.checksum
    }
}

fn checksum(head: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(payload);
    hasher.finalize()
}
