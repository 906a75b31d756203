//! Examples and documents keep up with what there is.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use std::path::Path;

use wad_tune::{Config, RuleTable, TUNABLES};

fn docs(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_examples_are_valid() {
    for name in ["examples/wad.toml", "examples/every-key.toml"] {
        let text = docs(name);
        let config = Config::parse(&text).unwrap_or_else(|errors| panic!("{}", errors.in_file(name)));
        RuleTable::compile(&config).unwrap();
    }
}

#[test]
fn an_example_uses_every_key() {
    let text = docs("examples/every-key.toml");
    for tunable in &TUNABLES {
        let used = text.contains(&format!("{} = ", tunable.short_key()));
        assert!(used, "{} is not in docs/examples/every-key.toml", tunable.key);
    }
}

#[test]
fn every_key_is_explained() {
    let text = docs("CONFIGURATION.md");
    for tunable in &TUNABLES {
        let key = tunable.short_key();
        let named = text.contains(&format!("`{key}`")) || text.contains(&format!("`{key} ="));
        assert!(named, "{} is not in docs/CONFIGURATION.md", tunable.key);
    }
}
