//! The arguments of `wad lab compare`.

use std::path::PathBuf;

use clap::Args;

/// Hold the simulator against real kernels: the same transfers over the same paths in both.
///
/// Twelve paths with Reno, CUBIC, BBR and the daemon's control, 15 s each. Needs root.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  wad lab compare --list\n  wad lab compare --controls cubic --out compared\n  \
    wad lab compare --markdown compared.md"
)]
pub(crate) struct LabCompare {
    /// Only transfers with these controls: reno, cubic, bbr, wad
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub(crate) controls: Vec<String>,
    /// Name the transfers, and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// Where pictures and the output of the runs go
    #[arg(long, value_name = "DIR", default_value = "compared")]
    pub(crate) out: PathBuf,
    /// Write the table as Markdown, too
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Print one JSON document: {"transfers":[...],"median_error","worst_error"}
    #[arg(long)]
    pub(crate) json: bool,
}
