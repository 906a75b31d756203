//! TCP over a path in virtual time: what a transfer will do, without a network.
//!
//! A [`Scenario`] is data: a network, flows, and how long to look. A [`Simulation`] runs it, an [`Observer`] may watch, a
//! [`Steer`] may set flows anew, and an [`Outcome`] comes out.
//!
//! ```text
//!   scenario --> Simulation::new --> run(&mut observer) --> outcome
//!                      |
//!        +-------------+--------------------------------------+
//!        | engine    virtual time: links, deadlines, marks    |
//!        |   tcp     both ends of a flow, as state machines   |
//!        |     control   how large the window is              |
//!        |   wad_path    links: the emulator has the same     |
//!        +----------------------------------------------------+
//! ```
//!
//! Three cuts carry it:
//!
//! 1. **The link is not the simulator's.** `wad_path::Link` is the model of a link under any clock; the laboratory
//!    runs it in real time between real hosts. A prediction and an experiment differ by the TCP in them alone.
//! 2. **A sender repairs losses, a control sizes the window.** As in Linux, and so a control is a small file
//!    (`control`), whichever of six ways of loss recovery stands beside it (`tcp`).
//! 3. **Conventions are a parameter.** Where implementations differ (growth by ACKs or by bytes, clocks in ticks,
//!    what is packet 0), [`scenario::Conventions`] says whose habits hold: Linux's, or ns-2's, packet for packet.
//!
//! Units: segments are counted by 32 bits from the SYN, which is segment 0; times are nanoseconds since the begin;
//! windows are segments with their fraction; sizes on the wire are bytes with all headers.
//!
//! The same scenario and seed give the same numbers bit for bit, on every machine, watched or not: no clock, thread,
//! hash order or platform's mathematics is in it.
//!
//! ```
//! use wad_sim::{Scenario, Simulation};
//!
//! let scenario = Scenario::parse(r#"
//!     duration = "5 s"
//!     [topology.dumbbell]
//!     bottleneck = { forward = { rate = "50 Mbit/s", delay = "20 ms", queue = { packets = 100 } } }
//!     [[flow]]
//!     window = "64 KiB"
//! "#)?;
//! let outcome = Simulation::new(&scenario)?.run(&mut ());
//! // 45 segments of 1448 bytes each 40.4 ms.
//! assert!((12.0e6..13.2e6).contains(&outcome.flows[0].goodput_bps));
//! # Ok::<(), wad_sim::ScenarioError>(())
//! ```

pub mod control;
mod engine;
mod nanos;
mod observer;
mod outcome;
pub mod scenario;
mod steer;
mod tcp;
pub mod theory;

pub use engine::Simulation;
pub use nanos::Nanos;
pub use observer::{Content, FlowId, FlowState, LinkId, LinkState, Observer, PacketEvent, PacketKind};
pub use outcome::{
    CrossOutcome, FlowOutcome, LinkOutcome, Outcome, ReceiveBufferOutcome, RttOutcome, Total,
    TransfersOutcome, Work,
};
pub use scenario::{Scenario, ScenarioError};
pub use steer::{Orders, Steer};
