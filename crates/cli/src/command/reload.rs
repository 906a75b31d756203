//! `wad reload`

use wad_daemon::{Client, ReloadView};

use crate::arguments::Reload;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(arguments: &Reload) -> Result<(), Failure> {
    let view = Client::new(&arguments.daemon.runtime_dir).reload()?;
    if arguments.json {
        return output::print_json(&view);
    }
    let ReloadView { paths, retuned_flows, adopted_flows, restored_flows } = view;
    output::print(format_args!(
        "{paths} paths; running flows: {retuned_flows} retuned, {adopted_flows} adopted, {restored_flows} put back"
    ))
}
