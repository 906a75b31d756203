//! Events on their way out: to files, sockets, syslog and the journal.
//!
//! ```text
//!   Sink::push --> text --> queue, bounded --> thread --> outlet: file, stream, datagrams
//!                              |
//!                              '- full: what is missed is counted, and said in the stream: `wad.missed`
//! ```
//!
//! Whoever has events never waits for whoever takes them. Each sink has a queue and a thread of its own. While its
//! consumer is slow, away, or its disk full, events wait in the queue; when that is full, new ones are counted
//! instead. Where they are missing, the stream says so with an event of its own as soon as it goes on.
//!
//! An event counts as delivered when the kernel has taken it: what a consumer had not read when it died is lost, and
//! so is a datagram on its way.

mod backoff;
mod encode;
mod outlet;
mod queue;
mod rotation;
mod sink;

pub use rotation::Rotation;
pub use sink::{MISSED, Sink, SinkOptions, SinkStatus};
