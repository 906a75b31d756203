//! Cross-traffic: what it offers, what it does to flows, and what it leaves alone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::cast_precision_loss, reason = "counts and rates far below 2^53")]

use wad_sim::{CrossOutcome, Outcome, Scenario, Simulation};

const LINK: &str = r#"
    duration = "20 s"
    [topology.dumbbell]
    bottleneck = { forward = { rate = "20 Mbit/s", delay = "10 ms", queue = { packets = 100 } } }
    access = { rate = "100 Mbit/s", delay = "1 ms" }
"#;

fn parse(text: &str) -> Scenario {
    Scenario::parse(&format!("{LINK}\n{text}")).unwrap()
}

fn run(text: &str) -> Outcome {
    Simulation::new(&parse(text)).unwrap().run(&mut ())
}

/// What flows get beside some cross-traffic, and what came of that.
fn beside(cross: &str) -> (f64, CrossOutcome) {
    let outcome = run(&format!("[[flow]]\n[[cross_traffic]]\n{cross}"));
    (outcome.total.goodput_bps, outcome.cross_traffic[0].clone())
}

#[track_caller]
fn assert_near(found: f64, expected: f64, tolerance: f64) {
    assert!((found / expected - 1.0).abs() < tolerance, "{found}, not {expected}");
}

#[test]
fn a_flow_gets_what_constant_traffic_leaves() {
    let (alone, _) = beside("count = 0\npattern = { constant = { rate = \"5 Mbit/s\" } }");
    let (goodput, cross) = beside("pattern = { constant = { rate = \"5 Mbit/s\" } }");
    assert_near(cross.offered_bps, 5e6, 0.001);
    assert_near(goodput, alone * 0.75, 0.03);
    let (_, cross) = beside("pattern = { poisson = { rate = \"5 Mbit/s\" } }");
    // Where the queue is full both lose packets; a full queue is what may be under way at the end.
    let missing = cross.offered_bytes - cross.delivered_bytes;
    assert!(cross.lost_bytes > 0 && missing - cross.lost_bytes < 200_000, "{cross:?}");
}

#[test]
fn each_pattern_offers_what_it_says() {
    let (_, poisson) = beside("pattern = { poisson = { rate = \"5 Mbit/s\", packet = \"500 B\" } }");
    assert_near(poisson.offered_bps, 5e6, 0.03);
    let on_off = "count = 50\npattern = { pareto_on_off = { rate = \"200 kbit/s\", on = \"100 ms\", off = \"100 ms\", shape = 1.9 } }";
    assert_near(beside(on_off).1.offered_bps, 5e6, 0.1);
    let limited = "start = \"5 s\"\nstop = \"10 s\"\npattern = { constant = { rate = \"4 Mbit/s\" } }";
    assert_near(beside(limited).1.offered_bps, 1e6, 0.001);
}

#[test]
fn backward_traffic_meets_the_acknowledgements() {
    let pattern = "pattern = { constant = { rate = \"19.99 Mbit/s\" } }";
    let (goodput, cross) = beside(&format!("direction = \"backward\"\n{pattern}"));
    assert_eq!(cross.lost_bytes, 0, "the way back has an unlimited queue");
    assert!(goodput > 0.0);
    let outcome = run(&format!("[[flow]]\n[[cross_traffic]]\ndirection = \"backward\"\n{pattern}"));
    let busy = |name: &str| outcome.links.iter().find(|link| link.name == name).unwrap().utilisation;
    assert!(busy("r2-r1") > 0.99 && busy("right1-r2") < 0.1, "it enters at the router");
}

#[test]
fn short_flows_come_and_go_and_leave_their_slots() {
    let web = "pattern = { web = { every = \"2 ms\", size = \"3 kB\", shape = 2.5 } }";
    let (_, cross) = beside(web);
    let transfers = cross.transfers.unwrap();
    assert_near(transfers.begun as f64, 10_000.0, 0.05);
    assert!(transfers.refused == 0 && transfers.completed + 1000 > transfers.begun, "{transfers:?}");
    // The SYN's round trip, and that of the data.
    assert!(transfers.mean_duration_s > 0.04, "{transfers:?}");
    assert!(cross.delivered_bytes + cross.lost_bytes <= cross.offered_bytes, "{cross:?}");

    let few = "pattern = { web = { every = \"2 ms\", size = \"3 kB\", shape = 2.5, most = 3 } }";
    let transfers = beside(few).1.transfers.unwrap();
    assert!(transfers.refused > 5000 && transfers.completed > 400, "{transfers:?}");
}

/// Short flows whose packets are still under way when the next one has come: nobody takes them for its own.
#[test]
fn late_packets_of_an_earlier_flow_disturb_nobody() {
    let text = r#"
        duration = "10 s"
        flow = []
        [topology.dumbbell.bottleneck]
        forward = { rate = "10 Mbit/s", delay = "10 ms", duplication = 0.3, loss = { random = { probability = 0.1 } }, jitter = { mean = "300 ms", spread = "300 ms", reorder = true } }
        [[cross_traffic]]
        pattern = { web = { every = "10 ms", size = "6 kB", shape = 1.5, most = 20 } }
    "#;
    let outcome = Simulation::new(&Scenario::parse(text).unwrap()).unwrap().run(&mut ());
    let transfers = outcome.cross_traffic[0].transfers.unwrap();
    assert!(transfers.completed > 50, "{transfers:?}");
}

/// What one source draws does not depend on the others.
#[test]
fn sources_do_not_disturb_each_other() {
    let one = "[[cross_traffic]]\npattern = { poisson = { rate = \"1 Mbit/s\" } }\n";
    let two = "[[cross_traffic]]\ncount = 3\npattern = { pareto_on_off = { rate = \"1 Mbit/s\" } }\n";
    let offered = |text: String| run(&text).cross_traffic[0].offered_bytes;
    assert_eq!(offered(one.to_owned()), offered(format!("{one}{two}")));

    // A flow beside which nothing changes has the same losses, whatever is elsewhere.
    let apart = r#"
        duration = "5 s"
        [topology.custom]
        link = [
            { from = "a", to = "b", forward = { rate = "10 Mbit/s", delay = "5 ms", loss = { random = { probability = 0.01 } } } },
            { from = "c", to = "d", forward = { rate = "10 Mbit/s", delay = "5 ms" } },
        ]
        [[flow]]
        from = "a"
        to = "b"
    "#;
    let flows = |text: &str| Simulation::new(&Scenario::parse(text).unwrap()).unwrap().run(&mut ()).flows;
    let web = "[[cross_traffic]]\nfrom = \"c\"\nto = \"d\"\npattern = { web = { every = \"5 ms\" } }\n";
    assert_eq!(flows(apart), flows(&format!("{apart}\n{web}")));
}

#[test]
fn a_recorded_trace_is_read_by_whoever_runs_the_scenario() {
    let text = "[[cross_traffic]]\npattern = { trace = { file = \"packets.csv\", repeat = \"1 s\" } }";
    let mut scenario = parse(text);
    let unread = Simulation::new(&scenario).unwrap_err().to_string();
    assert!(unread.contains("the file has not been read"), "{unread}");
    let missing = scenario.read_files(|_| Err("no such file")).unwrap_err().to_string();
    assert_eq!(missing, "packets.csv: no such file");
    let broken = scenario.read_files(|_| Ok::<_, String>("0 x".to_owned())).unwrap_err().to_string();
    assert!(broken.starts_with("packets.csv: line 1"), "{broken}");
    scenario.read_files(|_| Ok::<_, String>("0 1000\n0.5 250\n".to_owned())).unwrap();
    let outcome = Simulation::new(&scenario).unwrap().run(&mut ());
    assert_eq!(outcome.cross_traffic[0].offered_bytes, 20 * 1250);
}

#[test]
fn what_cannot_be_is_refused_with_its_key() {
    let fault = |text: &str| {
        let text = format!("{LINK}\n[[cross_traffic]]\n{text}");
        Scenario::parse(&text).unwrap_err().to_string()
    };
    assert_eq!(
        fault("pattern = { constant = { rate = \"0 bit/s\" } }"),
        "cross 1: pattern.constant.rate is 0: give a rate, or leave this traffic out"
    );
    assert!(
        fault("pattern = { web = { every = \"1 s\", flow = { count = 2 } } }")
            .contains("pattern.web.flow.count")
    );
    assert!(fault("pattern = { poison = {} }").contains("unknown variant `poison`"));
    assert_eq!(
        fault("from = \"r7\"\npattern = { poisson = { rate = \"1 Mbit/s\" } }"),
        "cross 1: from = \"r7\" is no node: there are r1, r2, left1, right1"
    );
    assert!(fault("start = \"1 s\"").contains("pattern"));
}
