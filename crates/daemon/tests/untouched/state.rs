//! Everything that a TCP socket shows of itself and that does not depend on the moment.

use std::collections::BTreeSet;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::os::fd::{AsFd, AsRawFd as _};

use libc::{IPPROTO_TCP, SOL_SOCKET};
use rustix::net::sockopt::{socket_recv_buffer_size, socket_send_buffer_size, tcp_congestion};

/// What sockets show: names and values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State(Vec<(String, String)>);

/// Options whose value is one number. Two have no name in the C library.
const NUMBERS: [(&str, c_int, c_int); 24] = [
    ("SO_SNDBUF", SOL_SOCKET, libc::SO_SNDBUF),
    ("SO_RCVBUF", SOL_SOCKET, libc::SO_RCVBUF),
    ("SO_RCVLOWAT", SOL_SOCKET, libc::SO_RCVLOWAT),
    ("SO_SNDLOWAT", SOL_SOCKET, libc::SO_SNDLOWAT),
    ("SO_MAX_PACING_RATE", SOL_SOCKET, libc::SO_MAX_PACING_RATE),
    ("SO_PRIORITY", SOL_SOCKET, libc::SO_PRIORITY),
    ("SO_MARK", SOL_SOCKET, libc::SO_MARK),
    ("SO_KEEPALIVE", SOL_SOCKET, libc::SO_KEEPALIVE),
    ("SO_BUF_LOCK", SOL_SOCKET, 72),
    ("SO_TXREHASH", SOL_SOCKET, 74),
    ("TCP_NODELAY", IPPROTO_TCP, libc::TCP_NODELAY),
    ("TCP_MAXSEG", IPPROTO_TCP, libc::TCP_MAXSEG),
    ("TCP_CORK", IPPROTO_TCP, libc::TCP_CORK),
    ("TCP_KEEPIDLE", IPPROTO_TCP, libc::TCP_KEEPIDLE),
    ("TCP_KEEPINTVL", IPPROTO_TCP, libc::TCP_KEEPINTVL),
    ("TCP_KEEPCNT", IPPROTO_TCP, libc::TCP_KEEPCNT),
    ("TCP_SYNCNT", IPPROTO_TCP, libc::TCP_SYNCNT),
    ("TCP_LINGER2", IPPROTO_TCP, libc::TCP_LINGER2),
    ("TCP_DEFER_ACCEPT", IPPROTO_TCP, libc::TCP_DEFER_ACCEPT),
    ("TCP_WINDOW_CLAMP", IPPROTO_TCP, libc::TCP_WINDOW_CLAMP),
    ("TCP_THIN_LINEAR_TIMEOUTS", IPPROTO_TCP, libc::TCP_THIN_LINEAR_TIMEOUTS),
    ("TCP_USER_TIMEOUT", IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
    ("TCP_FASTOPEN", IPPROTO_TCP, libc::TCP_FASTOPEN),
    ("TCP_NOTSENT_LOWAT", IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT),
];

/// Members of `struct tcp_info`: where they are and how long. Later kernels append to it.
const TCP_INFO: [(&str, usize, usize); 19] = [
    ("state", 0, 1),
    ("congestion state", 1, 1),
    ("retransmits", 2, 1),
    ("options", 5, 1),
    ("snd_mss", 16, 4),
    ("rcv_mss", 20, 4),
    ("unacked", 24, 4),
    ("lost", 32, 4),
    ("pmtu", 60, 4),
    ("rcv_ssthresh", 64, 4),
    ("snd_ssthresh", 76, 4),
    ("snd_cwnd", 80, 4),
    ("advmss", 84, 4),
    ("reordering", 88, 4),
    ("rcv_space", 96, 4),
    ("total_retrans", 100, 4),
    ("max_pacing_rate", 112, 8),
    ("snd_wnd", 228, 4),
    ("rcv_wnd", 232, 4),
];

const ABSENT: &str = "absent";

/// The numbers of `SO_MEMINFO` that are sizes: the buffers that the kernel really uses.
const MEMINFO: [(&str, usize); 2] = [("sk_rcvbuf", 4), ("sk_sndbuf", 12)];
const SO_MEMINFO: c_int = 55;

impl State {
    /// Everything of a connected TCP socket.
    pub(crate) fn of(whose: &str, socket: &impl AsFd) -> Self {
        let mut state = Vec::new();
        let mut add = |name: &str, value: String| state.push((format!("{whose}: {name}"), value));
        let info = option(socket, IPPROTO_TCP, libc::TCP_INFO);
        add("peer's window scale", (info[6] & 0xf).to_string());
        add("own window scale", (info[6] >> 4).to_string());
        for (name, offset, size) in TCP_INFO {
            add(name, info.get(offset..offset + size).map_or_else(|| ABSENT.to_owned(), number));
        }
        for (name, level, option_name) in NUMBERS {
            add(name, number(&option(socket, level, option_name)));
        }
        add("TCP_CONGESTION", tcp_congestion(socket).unwrap());
        Self(state).and(Self::memory(whose, socket))
    }

    /// Both sizes of any socket: what it answers, and what the kernel uses.
    pub(crate) fn of_buffers(socket: &impl AsFd) -> Self {
        Self::told("socket", socket).and(Self::memory("socket", socket))
    }

    /// What an application is told of its buffers.
    pub(crate) fn told(whose: &str, socket: &impl AsFd) -> Self {
        let line = |name: &str, value: usize| (format!("{whose}: {name}"), value.to_string());
        Self(vec![
            line("SO_SNDBUF", socket_send_buffer_size(socket).unwrap()),
            line("SO_RCVBUF", socket_recv_buffer_size(socket).unwrap()),
        ])
    }

    /// The sizes that the kernel uses.
    pub(crate) fn memory(whose: &str, socket: &impl AsFd) -> Self {
        let info = option(socket, SOL_SOCKET, SO_MEMINFO);
        Self(MEMINFO.map(|(name, at)| (format!("{whose}: {name}"), number(&info[at..at + 4]))).to_vec())
    }

    /// Whether this kernel has a member.
    pub(crate) fn shows(&self, name: &str) -> bool {
        self.0.iter().any(|(of, value)| of == name && value != ABSENT)
    }

    /// Both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

/// Members that differ: their names, and both values.
pub(crate) struct Differences(Vec<(String, [String; 2])>);

/// Where two states differ.
pub(crate) fn differences(one: &State, other: &State) -> Differences {
    let pairs = one.0.iter().zip(&other.0).filter(|(one, other)| one != other);
    let found = pairs.map(|((name, one), (_, other))| (name.clone(), [one.clone(), other.clone()]));
    Differences(found.collect())
}

impl Differences {
    /// The names.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, [one, other])| write!(f, "\n  {name}: {one} -> {other}"))
    }
}

/// An unsigned number of the host's byte order.
fn number(bytes: &[u8]) -> String {
    let mut whole = [0; 8];
    whole[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(whole).to_string()
}

fn option(socket: &impl AsFd, level: c_int, name: c_int) -> Vec<u8> {
    let mut value = vec![0_u8; 512];
    let mut length: libc::socklen_t = 512;
    let into: *mut c_void = value.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` bytes of `value`, and how many they were to `length`.
    let result = unsafe { libc::getsockopt(socket.as_fd().as_raw_fd(), level, name, into, &raw mut length) };
    assert_eq!(result, 0, "option {name} of level {level}: {}", std::io::Error::last_os_error());
    value.truncate(length as usize);
    value
}
