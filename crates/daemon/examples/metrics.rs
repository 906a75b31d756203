//! Prints docs/METRICS.md.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

fn main() {
    print!("{}", wad_daemon::metrics_reference());
}
