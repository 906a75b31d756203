//! What steers flows while they run: the place of a daemon, in virtual time.
//!
//! A [`Steer`] is told when a flow opens and closes and, at an interval of its own, how it stands; it answers with
//! [`Orders`]. So code that decides and has no clock (estimators, policies, a planner) runs against flows whose every
//! packet can be looked at. Where an [`Observer`](crate::Observer) changes no result, this is meant to.
//!
//! ```
//! use wad_sim::control::wad::WadConfig;
//! use wad_sim::{FlowId, Orders, Scenario, Simulation, Steer};
//! use wad_model::Time;
//!
//! /// Every flow but the first is told to grow as four flows do.
//! struct Eager;
//!
//! impl Steer for Eager {
//!     fn on_open(&mut self, _now: Time, flow: FlowId) -> Orders {
//!         let four = WadConfig { additive_increase: 4.0, ..WadConfig::default() };
//!         Orders { wad: (flow.0 > 0).then_some(four), ..Orders::default() }
//!     }
//! }
//!
//! let scenario = Scenario::parse(r#"
//!     duration = "20 s"
//!     [topology.dumbbell]
//!     bottleneck = { forward = { rate = "20 Mbit/s", delay = "20 ms", queue = { packets = 50 } } }
//!     [[flow]]
//!     count = 2
//!     control = "wad"
//! "#)?;
//! let outcome = Simulation::new(&scenario)?.run_steered(&mut (), &mut Eager);
//! assert!(outcome.flows[1].share > outcome.flows[0].share);
//! # Ok::<(), wad_sim::ScenarioError>(())
//! ```

use wad_model::Time;

use crate::control::wad::WadConfig;
use crate::nanos::Nanos;
use crate::observer::{FlowId, FlowState};

/// Steers the flows of a simulation. Every method has a default that leaves them alone.
pub trait Steer {
    /// How often it wants to see the flows that are open, if at all.
    fn interval(&self) -> Option<Nanos> {
        None
    }

    /// A flow opens: what it is to have before its first packet.
    fn on_open(&mut self, now: Time, flow: FlowId) -> Orders {
        let _ = (now, flow);
        Orders::default()
    }

    /// A flow that is open, at the end of an interval: what it is to have from now on.
    fn on_interval(&mut self, now: Time, flow: FlowId, state: &FlowState) -> Orders {
        let _ = (now, flow, state);
        Orders::default()
    }

    /// A flow has sent all that it had to send; told at the end of an interval.
    fn on_close(&mut self, now: Time, flow: FlowId) {
        let _ = (now, flow);
    }
}

/// Steers nothing.
impl Steer for () {}

/// What is set for a flow; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Orders {
    /// The parameters of the control `wad`; of no effect on a flow that has another, as in the kernel.
    pub wad: Option<WadConfig>,
    /// What may be in flight at most, in segments: the smaller one of the buffers of both ends. What is in flight stays so.
    pub window: Option<u32>,
    /// What the congestion window may not exceed, in segments.
    pub max_window: Option<u32>,
}
