//! Samples of flows over time: the columnar file, its exports, derived events, and the series that figures show.

mod clock;
mod derived;
mod error;
mod export;
pub mod figures;
mod flow;
mod format;
mod header;
mod reader;
mod recording;
mod rotation;
mod schema;
mod unit;
mod writer;

pub use clock::ClockReading;
pub use derived::{Definition, Derived, DerivedError, DerivedErrors, Followed, Value};
pub use error::{ReadError, WriteError};
pub use export::{ExportError, ExportFormat, Exported, UnknownFormat, export};
pub use flow::{Flow, FlowId};
pub use format::batch::{Closed, Lost};
pub use header::{Header, VERSION};
pub use reader::{Batch, Block, Reader};
pub use recording::{Points, Recording, Track};
pub use rotation::{Due, Rotation};
pub use schema::{Column, Schema, SchemaError};
pub use unit::{Dimension, ParseUnitError, Unit};
pub use wad_model::counter::Kind;
pub use writer::{BatchLimits, Writer};

/// Advice for a name that is not known: the nearest of those that are, if one is near.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let distance = |known: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    let nearest = known.into_iter().map(|known| (distance(known), known)).min();
    match nearest {
        Some((distance, known)) if distance <= (name.len() + 1) / 3 => {
            format!("; the nearest is \"{known}\"")
        }
        _ => String::new(),
    }
}
