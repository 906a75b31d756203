//! The `wad` binary: arguments, configuration files, output.
//!
//! Rules that hold for every command: `--json` prints one JSON document with quantities in SI base
//! units; the exit status is 0 when the work is done, 1 when it found a failure, 2 for wrong use
//! or configuration; an error is one clear line on standard error; a broken pipe is no error.

mod arguments;
mod collector;
mod command;
mod config_file;
mod failure;
mod flow_filter;
mod log;
mod output;
mod progress;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Arguments;

fn main() -> ExitCode {
    let result = command::run(Arguments::parse().command);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
