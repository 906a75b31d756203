//! The model against its golden traces (their format: `trace/mod.rs`).
//!
//! `drop_tail`, `held` and `overtaken` can be checked by hand; `everything` pins the random stages. After
//! a change that is meant, `WAD_BLESS=1 cargo test -p wad-path --test conformance` writes what the model
//! does now; read the difference before committing it.

mod trace;

use std::path::PathBuf;

use trace::{Entry, Trace};
use wad_path::Link;

#[test]
fn drop_tail() {
    check("drop_tail");
}

#[test]
fn held() {
    check("held");
}

#[test]
fn overtaken() {
    check("overtaken");
}

#[test]
fn everything() {
    check("everything");
}

fn check(name: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/{name}.trace"));
    let text = std::fs::read_to_string(&file).expect("the trace is in tests/data");
    let expected: Trace = text.parse().expect("the trace can be read");
    let found = replay(&expected);
    if std::env::var_os("WAD_BLESS").is_some() {
        std::fs::write(&file, comments(&text) + &found.to_string()).expect("the trace can be written");
    } else {
        assert_eq!(found.to_string(), expected.to_string());
    }
}

/// The same packets through the link as it is.
fn replay(expected: &Trace) -> Trace {
    let mut link = Link::new(&expected.config(), expected.seed);
    let mut found = Trace { packets: Vec::new(), deliveries: Vec::new(), ..expected.clone() };
    for (i, &Entry { at, size, .. }) in expected.packets.iter().enumerate() {
        found.packets.push(Entry { at, size, fate: link.handle_packet(at, size, i) });
    }
    while let Some(delivery) = link.poll_timeout().and_then(|at| link.poll_transmit(at)) {
        found.deliveries.push((delivery.at, delivery.payload));
    }
    found
}

fn comments(text: &str) -> String {
    text.lines().take_while(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect()
}
