//! The table of metrics as text, for docs/METRICS.md.

use std::fmt::Write as _;

use super::table::{Kind, METRICS};

/// The table of metrics in Markdown.
#[must_use]
pub fn metrics_reference() -> String {
    let mut text = "| metric | kind | labels | meaning |\n|---|---|---|---|\n".to_owned();
    for row in &METRICS {
        let suffix = if row.kind == Kind::Counter { "_total" } else { "" };
        let labels: Vec<_> = row.labels.iter().map(|label| format!("`{label}`")).collect();
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "| `{}{suffix}` | {} | {} | {} |",
            row.name,
            row.kind.name(),
            labels.join(", "),
            row.help
        );
    }
    text
}
