//! Output: text, tables and JSON to standard output, and whole files.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use comfy_table::presets;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::failure::Failure;

/// Prints text and ends the line.
pub(crate) fn print(text: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

/// Prints one JSON document.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), Failure> {
    print(serde_json::to_string_pretty(document)?)
}

/// Writes a whole file.
pub(crate) fn write_file(path: &Path, contents: impl AsRef<[u8]>) -> Result<(), Failure> {
    fs::write(path, contents).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// A table without lines, whose columns from the second on are aligned to the right if `numbers`.
pub(crate) fn table(header: &[&str], numbers: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    if numbers {
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
