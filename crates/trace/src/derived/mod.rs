//! Derived events: what is computed of counters, sample by sample.
//!
//! ```text
//! definition := NAME = expression [for DURATION]
//! expression := or; or: and {or and}; and: not {and not}; not: [not] comparison
//! comparison := sum [(< | <= | > | >= | == | !=) sum]
//! sum        := product {(+ | -) product};  product: sign {(* | /) sign};  sign: [-] atom
//! atom       := NUMBER [UNIT] | NAME | FUNCTION ( ... ) | ( or )
//! ```
//!
//! | name | meaning |
//! |---|---|
//! | a column of the schema | its value, in base units: bytes, seconds, segments |
//! | an earlier definition | its value |
//! | `CurrTime`, `StartTime` | when the sample was taken and when the flow was established; of the columns of these names if they have a value |
//! | `delta(x)`, `rate(x)` | how much x grew since the sample before, and that for each second |
//! | `min(x, 10 s)`, `max`, `avg` | over the samples of the last ten seconds, this one included; without a time, since the flow began |
//!
//! **Units.** Numbers have those of their columns; what is written down has its own: `80 ms`, `100 Mbit/s`, `5 %`.
//! Only like can be added or compared; a plain 0 is like anything. Bytes times the plain number 8 are bits, and bits
//! divided by it are bytes, so that the formula of the paper has the unit that it means:
//!
//! ```
//! use wad_model::Time;
//! use wad_trace::{Column, Derived, Kind, Schema};
//!
//! let schema = Schema::new("samples", [Column::new("DataBytesOut", "B", Kind::Counter)]);
//! let derived = Derived::compile(["AveBW = DataBytesOut * 8 / (CurrTime - StartTime)"], &schema)?;
//! assert_eq!(derived.definitions()[0].unit(), "bit/s");
//!
//! let mut flow = derived.follow(Some(Time::ZERO));
//! let values = flow.sample(Time::from_nanos(2_000_000_000), |_| Some(1_000_000));
//! assert_eq!(values[0].and_then(|value| value.number()), Some(4e6));
//! # Ok::<(), wad_trace::DerivedErrors>(())
//! ```
//!
//! **Absent values.** What is computed of an absent value is absent, and so is a quotient by zero. But `false and x`
//! is false and `true or x` is true whatever x is. A counter that falls was set anew, by a wrap of the kernel's 32 bits
//! or otherwise: its difference is absent.
//!
//! **Alerts.** An expression that is true or false is an alert. With `for 5 s` it becomes true when it has been so for
//! five seconds; a sample in which it is false or absent begins the wait anew.

mod check;
mod evaluate;
mod parse;
mod token;
mod window;

use std::fmt;
use std::sync::Arc;

use thiserror::Error;
use wad_model::Time;

use crate::schema::Schema;
use check::{Compiled, Type};
pub use evaluate::{Followed, Value};

/// Definitions of derived events, checked against a schema.
///
/// A copy is cheap: definitions are shared with the flows that are followed.
#[derive(Clone, Debug)]
pub struct Derived {
    definitions: Arc<[Definition]>,
    /// How many places for what they remember a flow needs.
    slots: usize,
}

/// A derived event.
#[derive(Clone, Debug)]
pub struct Definition {
    name: String,
    compiled: Compiled,
}

impl Definition {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The unit of its numbers: "bit/s", "s"; empty for plain numbers and alerts.
    #[must_use]
    pub fn unit(&self) -> String {
        match &self.compiled.kind {
            Type::Quantity(dimension) => dimension.to_string(),
            Type::Truth => String::new(),
        }
    }

    /// Whether it is true or false, and no number.
    #[must_use]
    pub const fn is_alert(&self) -> bool {
        matches!(self.compiled.kind, Type::Truth)
    }
}

impl Derived {
    /// Checks definitions, each as `NAME = EXPRESSION`, against the columns of a schema. Later ones may use earlier
    /// ones.
    ///
    /// # Errors
    /// All definitions that are wrong, each with the column of its first error.
    pub fn compile<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        schema: &Schema,
    ) -> Result<Self, DerivedErrors> {
        let (mut definitions, mut slots) = (Vec::new(), 0);
        let mut errors = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            match define(text, schema, &definitions, &mut slots) {
                Ok(definition) => definitions.push(definition),
                Err(Fault { at, message }) => {
                    let column = text[..at].chars().count() + 1;
                    errors.push(DerivedError { index, text: text.to_owned(), column, message });
                }
            }
        }
        if errors.is_empty() {
            Ok(Self { definitions: definitions.into(), slots })
        } else {
            Err(DerivedErrors(errors))
        }
    }

    /// The definitions in their order.
    #[must_use]
    pub fn definitions(&self) -> &[Definition] {
        &self.definitions
    }

    /// Begins to follow a flow, established at `opened` if that is known.
    #[must_use]
    pub fn follow(&self, opened: Option<Time>) -> Followed {
        Followed::new(self, opened)
    }
}

/// Checks one definition; `earlier` ones may be used in it.
fn define(
    text: &str,
    schema: &Schema,
    earlier: &[Definition],
    slots: &mut usize,
) -> Result<Definition, Fault> {
    let parsed = parse::definition(text)?;
    let name = parsed.name;
    if earlier.iter().any(|known| known.name == name) || schema.position(name).is_some() {
        return Err(Fault::new(parsed.name_at, format!("the name \"{name}\" is taken")));
    }
    let compiled = check::compile(&parsed, &check::Names { schema, definitions: earlier }, slots)?;
    Ok(Definition { name: name.to_owned(), compiled })
}

/// What is wrong at a byte of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    at: usize,
    message: String,
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// A definition that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\", column {column}: {message}")]
pub struct DerivedError {
    /// Which definition, from 0.
    pub index: usize,
    /// The definition.
    pub text: String,
    /// The character at fault, from 1.
    pub column: usize,
    /// What is wrong there, and what was probably meant.
    pub message: String,
}

/// All definitions that are wrong.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct DerivedErrors(pub Vec<DerivedError>);

impl fmt::Display for DerivedErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
