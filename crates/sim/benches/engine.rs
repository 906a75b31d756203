//! Segments a second through the whole simulator: CESNET's example of five flows over 50 Mbit/s and 280 ms.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wad_sim::{Scenario, Simulation};

const CASES: [(&str, &str, &str); 6] = [
    ("Tahoe as ns-2", "ns2", "tahoe"),
    ("NewReno as ns-2", "ns2", "new_reno"),
    ("SACK as ns-2", "ns2", "sack"),
    ("NewReno as Linux", "linux", "new_reno"),
    ("RFC 6675 as Linux", "linux", "sack"),
    ("RACK as Linux", "linux", "rack"),
];

fn engine(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    group.sample_size(10);
    for (name, conventions, recovery) in CASES {
        let text = format!(
            r#"
            duration = "20 s"
            conventions = "{conventions}"
            [topology.dumbbell]
            bottleneck = {{ forward = {{ rate = "50 Mbit/s", delay = "100 ms", queue = {{ packets = 1000 }} }} }}
            access = {{ rate = "90 Mbit/s", delay = "20 ms" }}
            [[flow]]
            count = 5
            window = "500 segments"
            recovery = "{recovery}"
            "#
        );
        let scenario = Scenario::parse(&text).expect("a valid scenario");
        let simulation = Simulation::new(&scenario).expect("a valid scenario");
        group.throughput(Throughput::Elements(simulation.clone().run(&mut ()).work.segments));
        group.bench_function(name, |b| b.iter(|| simulation.clone().run(&mut ())));
    }
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
