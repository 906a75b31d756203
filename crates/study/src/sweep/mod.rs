//! Sweeps: many scenarios that differ in some parameters, and what came of each.
//!
//! ```text
//!   Document + Axes + seeds --> Plan --> Scenario number 0, 1, 2, ...      run in any order, on any machine
//!                                             |
//!                                            Row --> journal               one line each, with a check
//!                                             |
//!                  Rows in the order of their numbers --> CSV, JSON lines, Parquet, summary, figures
//! ```
//!
//! What comes out depends on the plan and its rows alone: a sweep that was interrupted, or done in shards, ends with the same
//! bytes as one that was not.

mod axis;
mod export;
mod figures;
pub mod journal;
mod measure;
mod parquet;
mod plan;
mod quantity;
mod summary;

pub use axis::Axis;
pub use export::{csv, json_lines};
pub use figures::{FigureError, Picture, figures};
pub use measure::{Cell, MEASURES, Measure, Row, measure};
pub use parquet::{ParquetFailure, parquet};
pub use plan::{Plan, PlanError, Shard};
pub use summary::{SummaryRow, summary};
