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

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::error::ConfigError;
pub use codel::Codel;
pub use fq_codel::FqCodel;
pub use red::Red;

/// The discipline of a queue, beside its limit. In a configuration `"codel"`, or with parameters
/// `{ codel = { target = "1 ms" } }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
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

impl<'de> Deserialize<'de> for Discipline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

struct NameOrTable;

/// The parameters of one discipline, by its name.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Table {
    Red(Red),
    Codel(Codel),
    FqCodel(FqCodel),
}

impl<'de> Visitor<'de> for NameOrTable {
    type Value = Discipline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a discipline, or a table { name = { parameters } }")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Discipline, E> {
        match name {
            "drop_tail" => Ok(Discipline::DropTail),
            "red" => Ok(Discipline::Red(Red::default())),
            "codel" => Ok(Discipline::Codel(Codel::default())),
            "fq_codel" => Ok(Discipline::FqCodel(FqCodel::default())),
            other => Err(E::unknown_variant(other, &["drop_tail", "red", "codel", "fq_codel"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Discipline, A::Error> {
        Ok(match Table::deserialize(MapAccessDeserializer::new(map))? {
            Table::Red(red) => Discipline::Red(red),
            Table::Codel(codel) => Discipline::Codel(codel),
            Table::FqCodel(fq_codel) => Discipline::FqCodel(fq_codel),
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    struct Queue {
        discipline: Discipline,
    }

    fn read(text: &str) -> Result<Discipline, String> {
        toml::from_str::<Queue>(text).map(|queue| queue.discipline).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_the_discipline_with_its_defaults() {
        assert_eq!(read("discipline = \"drop_tail\""), Ok(Discipline::DropTail));
        assert_eq!(read("discipline = \"codel\""), read("discipline = { codel = {} }"));
        assert_eq!(read("discipline = \"red\""), Ok(Discipline::Red(Red::default())));
        let error = read("discipline = \"choke\"").unwrap_err();
        assert!(error.contains("unknown variant `choke`") && error.contains("`fq_codel`"), "{error}");
        let error = read("discipline = { codel = { goal = \"1 ms\" } }").unwrap_err();
        assert!(error.contains("unknown field `goal`") && error.contains("`target`"), "{error}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for discipline in
            ["\"drop_tail\"", "{ fq_codel = { flows = 7 } }", "{ codel = { target = \"1 ms\" } }"]
        {
            let queue = Queue { discipline: read(&format!("discipline = {discipline}")).unwrap() };
            assert_eq!(toml::from_str::<Queue>(&toml::to_string(&queue).unwrap()), Ok(queue));
        }
    }
}
