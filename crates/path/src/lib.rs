//! One model of a network path under any clock: the simulator runs it in virtual time, the
//! emulator in real time.
//!
//! A [`Link`] is one direction, a [`Path`] is two of them. Every packet goes through these stages:
//!
//! ```text
//!            lost          dropped
//!             ^               ^
//!             |               |
//! entered -> loss model -> drop-tail -> serialiser -> reordering -> delay, -> duplication -> delivered
//!                          queue        (rate)        (holds back)  jitter
//!                          |<---- backlog ---->|
//!                                              departed
//! ```
//!
//! 1. **Loss** stands before the queue, as in ns-2 and netem: a lost packet takes no place and no
//!    time. It counts every entering packet, from 0. Random loss judges each packet for itself;
//!    bursts come from the two-state chain of E. N. Gilbert, "Capacity of a burst-noise channel",
//!    Bell System Technical Journal 39 (1960), with the loss in both states that E. O. Elliott added
//!    in "Estimates of error rates for codes on burst-noise channels", ibid. 42 (1963).
//! 2. **The queue** drops what does not fit (drop-tail). Its limit counts the packets that wait *and*
//!    the one in service; see [`Queue`] for where ns-2 differs.
//!    A [`Discipline`] may drop or mark packets before it is full, and let flows take turns.
//! 3. **The serialiser** puts one packet after the other on the wire:
//!    `departure = max(entry, previous departure) + 8 * size / rate`. The fraction of a nanosecond is
//!    carried to the next packet, so that a million packets take as long as their sum.
//! 4. **Reordering** holds a chosen packet back until `depth` later ones have departed. It stands
//!    before the delay, where "later packets have departed" has a meaning of its own.
//! 5. **Delay and jitter** are the propagation. Jitter keeps the order unless told otherwise.
//!    A [`Schedule`] changes rate and delay over time.
//! 6. **Duplication** delivers a second copy at the same instant.
//!
//! Times are nanoseconds ([`Time`](wad_model::Time)), sizes are bytes on the wire, rates are bits a
//! second.
//!
//! # One computation a packet
//! A departure is known when the packet is queued, and so, without reordering, is its delivery. There
//! is one ring of deliveries in time order, no event a packet and no timer. Only jitter that reorders
//! needs a heap, and only a discipline that decides at the head has to be followed departure by departure. A link of a
//! rate, a drop-tail queue and a delay alone, which is what most are, does without the other stages. Its owner may
//! take packets over as they enter ([`Conduit`]): then it keeps none. In the steady
//! state nothing is allocated.
//!
//! # Repeatable
//! No clock, no input or output, no random source of its own: the same configuration, seed and calls
//! give the same deliveries, bit for bit and on every platform, as random delays are computed with
//! integers alone. Each stage draws from a generator of its own: switching jitter on leaves the
//! pattern of losses as it was. When and how often deliveries are polled changes nothing.
//!
//! ```
//! use wad_model::{Bytes, Time};
//! use wad_path::{Fate, Link, LinkConfig};
//!
//! let config: LinkConfig = toml::from_str(r#"
//!     rate = "12 Mbit/s"
//!     delay = "10 ms"
//!     queue = { packets = 100 }
//!     loss = { random = { probability = 0.0001 } }
//! "#)?;
//! config.validate()?;
//!
//! let mut link = Link::new(&config, 42);
//! assert_eq!(link.handle_packet(Time::ZERO, Bytes::new(1500), "hello"), Fate::Queued);
//!
//! let at = link.poll_timeout().unwrap();
//! assert_eq!(at, Time::from_nanos(11_000_000)); // 1 ms to serialise, 10 ms to propagate
//! assert_eq!(link.poll_transmit(at).unwrap().payload, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arrivals;
mod bucket;
mod conduit;
mod config;
mod counters;
mod discipline;
mod error;
mod fifo;
mod gate;
mod jitter;
mod lane;
mod link;
mod loss;
mod path;
mod queue;
mod random;
mod reorder;
mod schedule;
mod serialiser;
mod stages;
pub mod traffic;
mod wire;

pub use conduit::{Conduit, Unhindered};
pub use config::{
    Distribution, Jitter, LinkConfig, Loss, Outage, PathConfig, Queue, Reordering, TokenBucket,
};
pub use counters::{Backlog, Counters, Usage};
pub use discipline::{Codel, Discipline, FqCodel, Label, Red};
pub use error::ConfigError;
pub use fifo::Fifo;
pub use link::{Delivery, Fate, Link};
pub use path::Path;
pub use schedule::{Schedule, Step};
