//! Prints `docs/COUNTERS.md`.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", wad_model::counter::reference());
}
