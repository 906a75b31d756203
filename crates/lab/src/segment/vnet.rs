//! The note before each packet of a TUN device with offload (`struct virtio_net_hdr`).

/// What kind of super-packet follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuperKind {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP over either: datagrams of equal size.
    Udp,
}

// linux/virtio_net.h
const NEEDS_CHECKSUM: u8 = 1;
const GSO_TCP4: u8 = 1;
const GSO_TCP6: u8 = 4;
const GSO_UDP: u8 = 5;
const GSO_ECN: u8 = 0x80;

/// What the kernel says about a packet that it hands over, and what it wants to be told about one
/// that it receives. The fields are those of the kernel's structure, in native byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnetHeader {
    /// 1: the checksum is still to be completed from `checksum_start` on.
    pub flags: u8,
    /// The kind of super-packet; zero for an ordinary packet.
    pub gso_type: u8,
    /// The length of all headers.
    pub header_length: u16,
    /// The payload of each segment but the last.
    pub gso_size: u16,
    /// Where the sum begins.
    pub checksum_start: u16,
    /// Where, after that, the checksum goes.
    pub checksum_offset: u16,
}

impl VnetHeader {
    /// Its length in bytes.
    pub const SIZE: usize = 10;

    /// Reads the header; `None` if `bytes` are too few.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..Self::SIZE)?;
        let word = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        Some(Self {
            flags: bytes[0],
            gso_type: bytes[1],
            header_length: word(2),
            gso_size: word(4),
            checksum_start: word(6),
            checksum_offset: word(8),
        })
    }

    /// The header of a super-packet of `kind` whose checksum the receiver may take as given.
    pub(super) fn super_packet(kind: SuperKind, ecn: bool) -> Self {
        let gso_type = match kind {
            SuperKind::Tcp4 => GSO_TCP4,
            SuperKind::Tcp6 => GSO_TCP6,
            SuperKind::Udp => GSO_UDP,
        };
        let ecn = if ecn { GSO_ECN } else { 0 };
        Self { flags: NEEDS_CHECKSUM, gso_type: gso_type | ecn, ..Self::default() }
    }

    /// The header's bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[0] = self.flags;
        bytes[1] = self.gso_type;
        bytes[2..4].copy_from_slice(&self.header_length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&self.gso_size.to_ne_bytes());
        bytes[6..8].copy_from_slice(&self.checksum_start.to_ne_bytes());
        bytes[8..10].copy_from_slice(&self.checksum_offset.to_ne_bytes());
        bytes
    }

    /// Whether a super-packet follows, be it of a kind known here or not.
    #[must_use]
    pub fn is_super(&self) -> bool {
        self.gso_type & !GSO_ECN != 0
    }

    /// The kind of super-packet, if it is one that is known here.
    #[must_use]
    pub fn kind(&self) -> Option<SuperKind> {
        match self.gso_type & !GSO_ECN {
            GSO_TCP4 => Some(SuperKind::Tcp4),
            GSO_TCP6 => Some(SuperKind::Tcp6),
            GSO_UDP => Some(SuperKind::Udp),
            _ => None,
        }
    }
}
