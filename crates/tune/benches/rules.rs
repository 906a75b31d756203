//! How long it takes to read, compile and ask a policy of many prefixes.

use std::fmt::Write;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};

use criterion::{Criterion, criterion_group, criterion_main};
use wad_model::FlowKey;
use wad_tune::{Config, RuleTable};

const SIZES: [u32; 2] = [10_000, 50_000];

/// A hundred paths; every tenth prefix is a /16 that covers /24s, and every second path names ports.
fn policy(prefixes: u32) -> String {
    let mut text = String::new();
    for path in 0..100 {
        let destinations: Vec<_> =
            (path..prefixes).step_by(100).map(|n| format!("\"{}\"", destination(n))).collect();
        let ports = if path % 2 == 0 { "" } else { "destination_port = [2811, \"50000-51000\"]\n" };
        let list = destinations.join(", ");
        let written = write!(text, "[[path]]\nname = \"p{path}\"\ndestination = [{list}]\n{ports}");
        written.expect("a text grows");
    }
    text
}

fn destination(n: u32) -> String {
    let (wide, narrow) = (n / 10, n % 10);
    let address = (10 << 24) + (wide << 16) + (narrow << 8);
    format!("{}/{}", Ipv4Addr::from_bits(address), if narrow == 0 { 16 } else { 24 })
}

fn flows(prefixes: u32) -> Vec<FlowKey> {
    let source: SocketAddr = (Ipv4Addr::new(198, 51, 100, 7), 40_000).into();
    let flow = |n: u32| {
        let address = (10 << 24) + ((n * 7919 % prefixes / 10) << 16) + ((n % 16) << 8) + 1;
        FlowKey::new(source, (Ipv4Addr::from_bits(address), 2811).into())
    };
    (0..1024).map(flow).collect()
}

fn benches(criterion: &mut Criterion) {
    for size in SIZES {
        let text = policy(size);
        let config = Config::parse(&text).expect("the policy is right");
        let table = RuleTable::compile(&config).expect("the chains are short");
        let flows = flows(size);
        let id = |what| format!("{what} of {size}");
        criterion.bench_function(&id("parse"), |b| b.iter(|| Config::parse(black_box(&text))));
        criterion.bench_function(&id("compile"), |b| {
            b.iter(|| RuleTable::compile(black_box(&config)));
        });
        criterion.bench_function(&id("1024 lookups"), |b| {
            b.iter(|| flows.iter().filter_map(|flow| table.matching(black_box(flow))).count());
        });
    }
}

criterion_group! {
    name = all;
    config = Criterion::default().sample_size(20);
    targets = benches
}
criterion_main!(all);
