//! `wad trace export`

use std::fs::File;
use std::io::{self, IsTerminal as _};

use anyhow::{Context as _, anyhow};
use wad_trace::{ExportError, ExportFormat, Exported, export};

use super::trace_file;
use crate::arguments::TraceExport;
use crate::failure::Failure;

pub(crate) fn run(arguments: &TraceExport) -> Result<(), Failure> {
    let TraceExport { file, format, out, table } = arguments;
    let mut reader = trace_file::open(file)?;
    let tables = &reader.header().tables;
    let table = table.clone().or_else(|| Some(tables.first()?.name.clone())).unwrap_or_default();
    let result = match out {
        Some(path) => {
            let output = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            export(&mut reader, &table, *format, output)
        }
        None if *format == ExportFormat::Parquet && io::stdout().is_terminal() => {
            return Err(Failure::Misuse(anyhow!("Parquet is not for a terminal: name a file with --out")));
        }
        None => export(&mut reader, &table, *format, io::stdout()),
    };
    let Exported { faults, .. } = result.map_err(|error| match error {
        ExportError::Write(error) => Failure::from(error),
        ExportError::NoTable(_) => {
            let names: Vec<_> = reader.header().tables.iter().map(|table| table.name.as_str()).collect();
            Failure::Misuse(anyhow!("{}: {error}; it has {}", file.display(), names.join(", ")))
        }
        error @ ExportError::Parquet(_) => Failure::from(error),
    })?;
    trace_file::report(file, &faults)
}
