//! What every part of WAD speaks of: quantities with units, points in time, and flows.
//!
//! The crate is pure: it has no clock, socket, thread, file or random source.

pub mod counter;
mod event;
mod flow;
pub mod high_speed;
pub mod math;
mod quantity;
mod time;

pub use counter::{Counter, Counters};
pub use event::{
    Event, EventForm, EventTarget, EventValue, HostPort, ParseTargetError, ParseTimestampError,
    ReadEventError, SyslogForm, Timestamp, UnknownEventForm,
};
pub use flow::{Direction, FlowKey, canonical_ip, canonical_socket};
pub use quantity::{Bytes, ParseQuantityError, Rate, Segments};
pub use time::{Time, format_duration, parse_duration, serde_duration};
