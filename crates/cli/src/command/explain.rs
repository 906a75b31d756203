//! `wad explain`

use std::path::Path;

use wad_daemon::Client;
use wad_linux::Sysctls;
use wad_model::Bytes;
use wad_tune::{Config, Ends, Explanation, HostLimits, RequiredLimits, explain, required_limits};

use crate::arguments::Explain;
use crate::config_file;
use crate::failure::Failure;
use crate::output;

pub(crate) fn run(arguments: &Explain) -> Result<(), Failure> {
    let ends = Ends { source: arguments.source, destination: arguments.destination };
    match &arguments.config {
        Some(file) => {
            let explanation = from_file(file, ends)?;
            if arguments.json { output::print_json(&explanation) } else { output::print(explanation) }
        }
        None => {
            let text = Client::new(&arguments.daemon.runtime_dir).explain(&ends, arguments.json)?;
            output::print(text.trim_end())
        }
    }
}

fn from_file(file: &Path, ends: Ends) -> Result<Explanation, Failure> {
    let loaded = config_file::load(file)?;
    let limits = limits_with_daemon(&loaded.config);
    Ok(explain(&loaded.config, &loaded.table, &limits, ends))
}

/// The host's limits as a daemon with this configuration would have them: raised where needed.
fn limits_with_daemon(config: &Config) -> HostLimits {
    let RequiredLimits { wmem_max, rmem_max } = required_limits(config);
    let raised = |name, required: Bytes| {
        Sysctls::default().read_number(name).ok().map(|now| Bytes::new(now).max(required))
    };
    HostLimits {
        wmem_max: raised("net.core.wmem_max", wmem_max),
        rmem_max: raised("net.core.rmem_max", rmem_max),
    }
}
