//! Queue disciplines: who is dropped or marked before the queue is full, and who goes next.
//!
//! | discipline | decides when a packet | source |
//! |---|---|---|
//! | drop-tail | enters, by the limit alone | |
//! | [RED](red) | enters, by the mean length of the queue | Floyd and Jacobson 1993, RFC 3168 |
//! | [CoDel](codel) | leaves, by how long it has waited | RFC 8289 |
//! | [FQ-CoDel](fq_codel) | leaves, each flow in a queue of its own | RFC 8290 |
//!
//! The limit of the queue ([`Queue`](crate::Queue)) holds beside each of them. A congestion mark (CE, RFC 3168)
//! takes the place of a drop where the discipline has `ecn = true` and the packet is able to carry it.

pub(crate) mod codel;
pub(crate) mod fq_codel;
pub(crate) mod head;
pub(crate) mod red;
pub(crate) mod waiting;

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;
pub use codel::Codel;
pub use fq_codel::FqCodel;
pub use red::Red;

/// The discipline of a queue, beside its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Discipline {
    /// First in, first out, and no drop before the queue is full.
    #[default]
    DropTail,
    /// Random early detection: more drops the longer the queue is in the mean.
    Red(Red),
    /// Controlled delay: drops at the head until packets wait no longer than a target.
    Codel(Codel),
    /// CoDel for each flow, and flows in turns.
    FqCodel(FqCodel),
}

impl Discipline {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        match self {
            Self::DropTail => Ok(()),
            Self::Red(red) => red.validate(),
            Self::Codel(codel) => codel.validate("discipline.codel"),
            Self::FqCodel(fq_codel) => fq_codel.validate(),
        }
    }
}

/// What a discipline may know of a packet beside its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Label {
    /// Which flow it belongs to: packets of one flow have the same number, such as a hash of addresses and ports.
    pub flow: u64,
    /// Whether it is able to carry a congestion mark (ECT, RFC 3168 section 5).
    pub ecn_capable: bool,
}
