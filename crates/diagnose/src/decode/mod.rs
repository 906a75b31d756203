//! Recordings from elsewhere, and what they mean: bytes in, [`Evidence`](crate::Evidence) out. One file for each form.

pub mod capture;
pub mod iperf3;
pub mod netstat;
pub mod recording;
pub mod ss;
pub mod tcp_metrics;
pub mod trace;
