//! What of a client's socket a test looks at.

use std::process::Command;

use rustix::net::sockopt::{socket_recv_buffer_size, socket_send_buffer_size, tcp_congestion, tcp_nodelay};

use crate::traffic::Flow;

/// The settings of a socket that tuning changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    pub(crate) control: String,
    pub(crate) send_buffer: usize,
    pub(crate) receive_buffer: usize,
    pub(crate) no_delay: bool,
    /// The highest rate, in bits a second; `None` without a bound.
    pub(crate) pacing: Option<u64>,
}

impl Socket {
    pub(crate) fn of(flow: &Flow) -> Self {
        let socket = &flow.client;
        Self {
            control: tcp_congestion(socket).unwrap(),
            send_buffer: socket_send_buffer_size(socket).unwrap(),
            receive_buffer: socket_recv_buffer_size(socket).unwrap(),
            no_delay: tcp_nodelay(socket).unwrap(),
            pacing: pacing(flow),
        }
    }
}

/// `ss` writes `pacing_rate NOW/MOST`.
fn pacing(flow: &Flow) -> Option<u64> {
    let output = Command::new("ss").args(["-tinH", "src", &flow.source()]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = text.split_once("pacing_rate ").expect("it has sent something");
    rest.split_whitespace().next()?.split_once('/').map(|(_, most)| rate(most))
}

/// Versions of `ss` differ: `100000000bps` or `100Mbps`.
fn rate(text: &str) -> u64 {
    let number = text.strip_suffix("bps").unwrap();
    match number.strip_suffix('M') {
        Some(millions) => millions.parse::<u64>().unwrap() * 1_000_000,
        None => number.parse().unwrap(),
    }
}
