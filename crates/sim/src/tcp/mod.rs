//! The two ends of a flow, as state machines without a clock or a network.
//!
//! A [`sender::Sender`] is told of what is written, of ACKs, and that its deadline has come, and hands
//! segments to an output; a [`receiver::Receiver`] is told of segments and returns ACKs.

mod classic;
pub(crate) mod core;
mod persist;
mod pipe;
mod receive_buffer;
pub(crate) mod receiver;
mod rtt;
pub(crate) mod runs;
pub(crate) mod selective;
pub(crate) mod sender;
pub(crate) mod statistics;
