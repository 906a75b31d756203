//! `wad undo`

use wad_daemon::Client;

use crate::arguments::Undo;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(arguments: &Undo) -> Result<(), Failure> {
    let change = Client::new(&arguments.daemon.runtime_dir).undo(arguments.id)?;
    if arguments.json {
        return output::print_json(&change);
    }
    output::print(format_args!("{}: {} -> {}", change.sysctl, change.set, change.before))
}
