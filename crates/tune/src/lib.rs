//! What WAD decides: from a policy and a flow to the settings of that flow, each with its reason.
//!
//! An operator writes down *paths*: which destinations (and, where needed, which sources and ports)
//! belong together, and how TCP should behave towards them. This crate reads that file, answers
//! which path a flow takes, and says what is to be set for it. It is pure: it opens no file or
//! socket and has no clock, so that each decision can be tested, replayed and asked "why?".
//!
//! # From text to settings
//!
//! ```text
//!  text --Config::parse--> Config --RuleTable::compile--> RuleTable --matching(flow)--> PathIndex
//!                            |                                                             |
//!                            +---------------- PathPolicy --decide--> Decision <-----------+
//! ```
//!
//! - [`Config`] holds only what passed every check; [`ConfigErrors`] holds all that did not, each with its
//!   place in the text and, where there is one, the remedy.
//! - [`RuleTable`] is the form that the kernel consumes: one longest-prefix match on the destination,
//!   then a short chain of rules. User space walks the same chains, so that what [`explain()`] prints is
//!   what the kernel does.
//! - [`Decision`] lists each [`Setting`] with its value and its reason, for people, and the same as
//!   plain numbers ([`Parameters`]) for the kernel. What the kernel cannot set for one flow is a [`HostSetting`].
//! - [`Planner`] follows flows that are open, and says what is to be set anew when others come and go, when more
//!   becomes known of a path, and as windows grow.
//! - [`tunables`] is the one table of all that can be set: keys, mechanisms, scopes, limits, danger marks.
//!
//! # Which path a flow takes
//!
//! The most specific rule that matches wins: longest destination prefix, then longest source prefix,
//! then ports (both given, then the destination's, then the source's, then none; of two that give the
//! same ports the narrower destination range, then the narrower source range), then order in the file.
//! A less specific destination prefix is considered when no rule of the more specific one matches.
//! Address families never mix: `::/0` does not match IPv4, and an IPv4-mapped address is IPv4.
//!
//! # Example
//!
//! ```
//! use wad_tune::{Config, HostLimits, RuleTable, decide};
//!
//! let config = Config::parse(
//!     r#"
//!     [[path]]
//!     name = "cern"
//!     destination = ["192.0.2.0/24", "2001:db8::/32"]
//!     buffers = { size = "32 MiB", override_application = true }
//!     congestion = { additive_increase = 6, multiplicative_decrease = 0.3 }
//!
//!     [[host.grant]]
//!     path = "cern"
//!     settings = ["additive_increase", "multiplicative_decrease"]
//!     "#,
//! )?;
//! let table = RuleTable::compile(&config)?;
//!
//! let flow = wad_model::FlowKey::new("198.51.100.7:40000".parse()?, "192.0.2.1:2811".parse()?);
//! let found = table.matching(&flow).ok_or("no path")?;
//! let policy = config.path(found.path).ok_or("no policy")?;
//! assert_eq!(policy.name, "cern");
//!
//! let decision = decide(found.path, policy, &HostLimits::default());
//! assert_eq!(decision.parameters.send_bytes, 32 << 20);
//! for setting in &decision.settings {
//!     println!("{setting}"); // send buffer: 32 MiB (line 5)
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod circumstances;
mod compile;
mod config;
mod config_change;
mod decision;
mod division;
mod endpoint;
mod error;
mod explain;
pub mod import;
mod limits;
mod nearest;
mod planner;
mod ports;
mod position;
mod prefix;
mod rules;
pub mod tunables;

pub use wad_model::high_speed;

pub use circumstances::{Circumstances, EstimateSource, KnownEstimate};
pub use compile::CompileError;
pub use config::{
    Acknowledgements, AdditiveIncrease, Api, BufferMode, Buffers, Config, Congestion, Control, ControlName,
    DelayedAck, DerivedCheck, DerivedProblem, Estimates, EventKind, EventSink, Given, Grant, HighSpeedMode,
    Host, Law, MAX_ADDITIVE_INCREASE, MAX_BUFFER, MAX_INITIAL_WINDOW, MAX_PACING_SHARE, MIN_BUFFER, Metrics,
    MetricsCache, MultiplicativeDecrease, NamedEstimate, Observe, Pacing, ParseEstimateError, PathEstimate,
    PathPolicy, Profile, Receive, Selector, SlowStart, Transport, WadControl, defaults,
};
pub use config_change::{ConfigChange, PathChange};
pub use decision::{
    Change, Decision, Flags, HostAction, HostSetting, PACING_OFF, Parameters, Setting, Value, decide,
    decide_in,
};
pub use division::Division;
pub use endpoint::{Endpoint, Ends, ParseEndpointError};
pub use error::{ConfigError, ConfigErrors, Related};
pub use explain::{Candidate, Explanation, Outcome, explain};
pub use limits::{HostLimits, KERNEL_MAX_BUFFER, RequiredLimits, required_limits, required_limits_with};
pub use planner::{FlowId, PERIOD, Planner, Retuning, Target};
pub use ports::{ParsePortsError, PortRange};
pub use prefix::{Family, ParsePrefixError, Prefix};
pub use rules::{MAX_CHAIN, Match, PathIndex, PrefixEntry, PrefixIndex, Rule, RuleIndex, RuleTable};
pub use tunables::{Danger, Knob, Mechanism, Scope, TUNABLES, Tunable};
