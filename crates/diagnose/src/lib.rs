//! What limits a flow, which known problem it has, and what to do.

pub mod decode;
mod evidence;

pub use evidence::{CachedMetrics, Evidence, HostFacts, PacketFacts, SYSCTLS, Source};
