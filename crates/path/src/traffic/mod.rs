//! Cross-traffic: what else is on a path, beside the flows that one looks at.
//!
//! A [`Traffic`] says what is sent when; who sends it is the owner's matter, in virtual time or in real time. Of most
//! patterns it emits packets, which nobody acknowledges and which do not slow down; of [`Transfers`] it emits how much
//! a new connection has to carry.
//!
//! ```text
//!  constant       | | | | | | | | | | | | | | | |     a packet each size / rate
//!  poisson        ||  |   | |  |      || |   |  |     gaps drawn from an exponential distribution
//!  pareto_on_off  ||||||||||        |||     ||||||    bursts at a rate, pauses; the lengths of both have heavy tails
//!  trace          | ||    |   ||||    |               what was recorded
//!  transfers      T    T  T        T       T          connections begin as Poisson has it; their sizes have a heavy tail
//! ```
//!
//! Many sources with heavy tails together are self-similar, as traffic of real networks is (W. Willinger, M. Taqqu, R.
//! Sherman, D. Wilson 1997): with `shape` a the Hurst parameter of the sum is (3 - a) / 2.
//!
//! Times are exact: they are kept in picoseconds, so that a rate is met over any time. The same pattern and seed give
//! the same packets on every machine. Each source draws from a generator of its own.
//!
//! ```
//! use wad_model::{Bytes, Rate, Time};
//! use wad_path::traffic::{Constant, Pattern, Traffic};
//!
//! let pattern = Pattern::Constant(Constant { rate: Rate::from_bps(12_000_000), packet: Bytes::new(1500) });
//! pattern.validate()?;
//! let mut traffic = Traffic::new(&pattern, Time::ZERO, None, 1);
//! assert_eq!(traffic.poll_timeout(), Some(Time::ZERO));
//! assert_eq!(traffic.poll_emission(Time::ZERO).unwrap().size, Bytes::new(1500));
//! assert_eq!(traffic.poll_timeout(), Some(Time::from_nanos(1_000_000)));
//! # Ok::<(), wad_path::ConfigError>(())
//! ```

mod pattern;
mod recorded;
mod source;

pub use pattern::{Constant, ParetoOnOff, Pattern, Poisson, Recorded, Transfers};
pub use recorded::{PacketTrace, PacketTraceError};
pub use source::{Emission, Traffic};
