//! What theory says of a bulk transfer: closed forms, each with its source.
//!
//! | question | where |
//! |---|---|
//! | how much the path holds, and what a window allows | [`pipe`] |
//! | what window a loss rate allows, and what loss rate a window needs | [`response`] |
//! | the same with time-outs and the receiver's window (PFTK) | [`pftk`] |
//! | how long slow start lasts, limited or not, and what it sends | [`slow_start`] |
//! | how long a loss takes to make up for | [`recovery`] |
//!
//! Windows are segments, mean over time where nothing else is said; loss rates are per segment, from 0 to 1. Formulas
//! hold for one flow that always has data, and for losses that do not depend on its window.
//!
//! ```
//! use std::time::Duration;
//! use wad_model::{Bytes, Rate};
//! use wad_sim::theory::{pipe, response::Response};
//!
//! // 10 Gbit/s over 100 ms: standard TCP would need a loss rate that no path has (RFC 3649, section 1).
//! let (rtt, segment) = (Duration::from_millis(100), Bytes::new(1500));
//! let window = pipe::window_of(Rate::from_bps(10_000_000_000), segment, rtt);
//! assert_eq!(window.round(), 83_333.0);
//! assert!(Response::STANDARD.loss_rate(window, rtt) < 3e-10);
//! assert!(Response::HighSpeed.loss_rate(window, rtt) > 0.9e-7);
//! ```

pub mod pftk;
pub mod pipe;
pub mod recovery;
pub mod response;
pub mod slow_start;
