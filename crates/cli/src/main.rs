//! The `wad` binary.

fn main() {}
