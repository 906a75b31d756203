//! Figures of measurements: data in, pictures out, as bytes.
//!
//! ```
//! use wad_plot::{Axis, Figure, Panel, Series, Unit};
//!
//! let goodput = vec![(0.0, 0.0), (1.0, 480e6), (2.0, 610e6)];
//! let figure = Figure::new("A transfer starts", Axis::new("Time", Unit::Seconds)).panel(
//!     Panel::new(Axis::new("Throughput", Unit::BitsPerSecond))
//!         .series(Series::new("tuned", goodput))
//!         .reference(622e6, "path rate 622 Mbit/s"),
//! );
//! assert!(figure.to_svg().starts_with("<svg"));
//! assert!(figure.to_png().unwrap().starts_with(b"\x89PNG"));
//! ```
//!
//! A figure is laid out once, as SVG with real text; the PNG is that very SVG, rendered with the
//! font in `fonts/`, so that it looks the same on a host without display or fonts. Values are in
//! base units (bit/s, bytes, seconds); the axis chooses the prefix.
//!
//! Any `f64` is accepted: a value that is not finite is a gap in its line, and on a logarithmic
//! axis so is one that is not positive. A long series is reduced to what its pixels can show, its
//! extremes kept.
//!
//! The crate is pure: it has no clock, file, thread or random source, and equal figures give equal
//! bytes.

mod axis;
mod calendar;
mod decimate;
mod draw;
mod figure;
mod heat;
mod labels;
mod layout;
mod legend;
mod margin;
mod number;
mod palette;
mod png;
mod ruler;
mod spans;
mod svg;
mod text;
mod ticks;
mod unit;

pub use axis::{Axis, Scale};
pub use figure::{Figure, Panel, Reference, Series, Span, Style};
pub use heat::{HeatMap, Steps};
pub use png::PlotError;
pub use unit::Unit;
