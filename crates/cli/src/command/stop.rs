//! `wad stop`

use wad_daemon::{Client, StopView};

use crate::arguments::Stop;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(arguments: &Stop) -> Result<(), Failure> {
    let view = Client::new(&arguments.daemon.runtime_dir).stop(arguments.restore)?;
    if arguments.json {
        return output::print_json(&view);
    }
    let StopView { restored_flows, kept_flows } = view;
    output::print(format_args!(
        "stopping; running flows: {restored_flows} put back, {kept_flows} keep what they have"
    ))
}
