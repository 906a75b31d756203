//! TCP over a path in virtual time: what a transfer will do, without a network.

pub mod control;
mod engine;
mod nanos;
mod observer;
mod outcome;
pub mod scenario;
mod tcp;
pub mod theory;

pub use engine::Simulation;
pub use nanos::Nanos;
pub use observer::{Content, FlowId, FlowState, LinkId, LinkState, Observer, PacketEvent, PacketKind};
pub use outcome::{FlowOutcome, LinkOutcome, Outcome, RttOutcome, Total, Work};
pub use scenario::{Scenario, ScenarioError};
