//! Recordings as files.

use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use wad_trace::{ReadError, Reader};

use crate::failure::Failure;

/// Opens a recording; `-` is standard input.
pub(super) fn open(path: &Path) -> Result<Reader<Box<dyn Read>>, Failure> {
    let name = path.display();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file =
            File::open(path).with_context(|| format!("cannot read {name}")).map_err(Failure::Misuse)?;
        Box::new(BufReader::new(file))
    };
    Reader::new(input).map_err(|error| Failure::Misuse(anyhow!("{name}: {error}")))
}

/// Tells of what was wrong with a recording. That it is not finished is worth a note, damage is a failure.
pub(super) fn report(path: &Path, faults: &[ReadError]) -> Result<(), Failure> {
    let name = path.display();
    match faults {
        [] => Ok(()),
        [torn @ ReadError::Torn { .. }] => {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr(), "wad: {name}: note: {torn}");
            Ok(())
        }
        [first, others @ ..] => {
            let more =
                if others.is_empty() { String::new() } else { format!(" (and {} more)", others.len()) };
            Err(Failure::Failed(anyhow!("{name}: {first}{more}; what is whole was used")))
        }
    }
}
