//! `wad import`

use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, ToSocketAddrs as _};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use wad_tune::import::{Imported, convert};

use crate::arguments::Import;
use crate::failure::Failure;
use crate::output;

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    toml: String,
    notes: Vec<Note>,
}

#[derive(Debug, Serialize)]
struct Note {
    /// Of the old file, counted from one.
    line: u32,
    text: String,
}

pub(crate) fn run(arguments: &Import) -> Result<(), Failure> {
    let name = arguments.file.display();
    let text = fs::read_to_string(&arguments.file)
        .with_context(|| format!("cannot read {name}"))
        .map_err(Failure::Misuse)?;
    let Imported { toml, notes } = convert(&text, addresses)
        .map_err(|errors| Failure::Misuse(anyhow!("{}", errors.in_file(&name.to_string()))))?;
    if arguments.json {
        let notes = notes.into_iter().map(|note| Note { line: note.line, text: note.text }).collect();
        return output::print_json(&Document { toml, notes });
    }
    for note in notes {
        // Where standard error is closed there is nobody to tell.
        let _ = writeln!(io::stderr(), "wad: {name}:{}: note: {}", note.line, note.text);
    }
    output::print(toml.trim_end())
}

/// The addresses of a host by its name; none if it has none, or nobody can be asked.
fn addresses(host: &str) -> Vec<IpAddr> {
    (host, 0).to_socket_addrs().map(|found| found.map(|socket| socket.ip()).collect()).unwrap_or_default()
}
