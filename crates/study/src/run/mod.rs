//! One run: its report, its tables, its recording, its picture.

mod picture;
mod record;
mod report;
mod table;
mod watch;

pub use picture::Picture;
pub use record::Recorder;
pub use report::Report;
pub use table::{MOST_ROWS, TextTable, cross_traffic, flows, links, round_trips, summary};
pub use watch::Watcher;
