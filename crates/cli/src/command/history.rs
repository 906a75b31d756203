//! `wad history`

use jiff::Timestamp;
use wad_daemon::{Client, HistoryLine};

use crate::arguments::History;
use crate::failure::Failure;
use crate::output;

const HEADER: [&str; 8] = ["time", "id", "event", "setting", "namespace", "before", "set", "why"];

pub(crate) fn run(arguments: &History) -> Result<(), Failure> {
    let view = Client::new(&arguments.daemon.runtime_dir).history()?;
    if arguments.json {
        return output::print_json(&view);
    }
    if view.history.is_empty() {
        return output::print("the daemon has changed nothing on this host");
    }
    let mut table = output::table(&HEADER, false);
    table.add_rows(view.history.iter().map(row));
    output::print(table)
}

fn row(line: &HistoryLine) -> [String; 8] {
    let HistoryLine { time_s, event, change } = line;
    [
        time(*time_s),
        change.id.to_string(),
        event.to_string(),
        change.sysctl.clone(),
        change.namespace.map_or_else(|| "host".to_owned(), |inode| inode.to_string()),
        change.before.clone(),
        change.set.clone(),
        change.why.clone(),
    ]
}

/// In UTC, to the second.
fn time(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "whole seconds are what is shown")]
    let whole = seconds as i64;
    Timestamp::from_second(whole).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}
