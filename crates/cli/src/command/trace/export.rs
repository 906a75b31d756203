//! `wad trace export`

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};

use anyhow::{Context as _, anyhow};
use wad_trace::{ExportError, Reader, export};

use crate::arguments::TraceExport;
use crate::failure::Failure;

pub(crate) fn run(arguments: &TraceExport) -> Result<(), Failure> {
    let name = arguments.file.display();
    let file = File::open(&arguments.file)
        .with_context(|| format!("cannot read {name}"))
        .map_err(Failure::Misuse)?;
    let mut reader =
        Reader::new(BufReader::new(file)).with_context(|| name.to_string()).map_err(Failure::Misuse)?;
    let exported = match &arguments.out {
        Some(out) => {
            let made = File::create(out).with_context(|| format!("cannot write {}", out.display()))?;
            let mut writer = BufWriter::new(made);
            let exported =
                export(&mut reader, &arguments.table, arguments.format, &mut writer).map_err(failure)?;
            writer.flush().with_context(|| format!("cannot write {}", out.display()))?;
            exported
        }
        None => export(&mut reader, &arguments.table, arguments.format, BufWriter::new(io::stdout()))
            .map_err(failure)?,
    };
    match exported.faults.first() {
        None => Ok(()),
        Some(fault) => Err(anyhow!("{name}: {fault}; {} samples were exported", exported.samples).into()),
    }
}

fn failure(error: ExportError) -> Failure {
    match error {
        // A broken pipe is no error, and only the bare error tells.
        ExportError::Write(error) => error.into(),
        error @ ExportError::NoTable(_) => Failure::misuse(error),
        error @ ExportError::Parquet(_) => error.into(),
    }
}
