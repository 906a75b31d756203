//! Prints `docs/TUNABLES.md`.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", wad_tune::tunables::reference());
}
