//! A sweep from its axes to its files, in one piece and in parts.

#![expect(clippy::unwrap_used, reason = "a test may fail in its helpers too")]

use wad_sim::Simulation;
use wad_study::sweep::{self, Axis, Plan, Row, Shard, journal};
use wad_study::{Document, Setting};

const FILE: &str = "duration = \"500 ms\"\nseed = 5\n\n[sweep]\nover = [\"streams=1,2,4\"]\nseeds = 2\nset = [\"rate=10Mbit/s\"]\n";

fn plan(over: &[&str]) -> Plan {
    let over: Vec<Axis> = over.iter().map(|axis| axis.parse().unwrap()).collect();
    Plan::new(Document::parse(FILE).unwrap(), over, None).unwrap()
}

fn fault(over: &[&str]) -> String {
    let over: Vec<Axis> = over.iter().map(|axis| axis.parse().unwrap()).collect();
    Plan::new(Document::new(), over, None).unwrap_err().to_string()
}

fn row(plan: &Plan, run: usize) -> Row {
    Row::new(run, &Simulation::new(&plan.scenario(run).unwrap()).unwrap().run(&mut ()))
}

fn rows(plan: &Plan) -> Vec<Row> {
    (0..plan.runs()).map(|run| row(plan, run)).collect()
}

#[test]
fn a_plan_has_every_combination_with_every_seed() {
    let plan = plan(&["window=16KiB,64KiB"]);
    assert_eq!((plan.points(), plan.runs()), (6, 12));
    assert_eq!(plan.describe(0), "streams=1 window=16KiB");
    assert_eq!(plan.describe(5), "streams=4 window=64KiB");
    let scenario = plan.scenario(3).unwrap();
    assert_eq!((scenario.flows[0].count, scenario.seed), (1, 6), "the second seed of the second point");
    assert_eq!(plan.scenario(11).unwrap().flows[0].count, 4);
}

#[test]
fn an_axis_on_the_command_line_goes_before_that_of_the_file() {
    let plan = plan(&["streams=8"]);
    assert_eq!((plan.points(), plan.scenario(0).unwrap().flows[0].count), (1, 8));
}

#[test]
fn a_queue_in_products_follows_the_rate() {
    let mut document = Document::new();
    document.set(Setting::new("queue", "2bdp")).unwrap();
    let plan = Plan::new(document, vec!["rate=10Mbit/s,1Gbit/s".parse().unwrap()], None).unwrap();
    let queue = |run| toml::to_string(&plan.scenario(run).unwrap()).unwrap();
    assert!(queue(0).contains("bytes = \"100000 B\"") || queue(0).contains("97.656 KiB"), "{}", queue(0));
    assert!(queue(1).contains("bytes = \"10000000 B\"") || queue(1).contains("9.537 MiB"), "{}", queue(1));
}

#[test]
fn what_cannot_be_is_said_before_anything_runs() {
    assert!(fault(&[]).starts_with("nothing is varied"));
    assert_eq!(fault(&["streams=1,2", "streams=4"]), "--over streams is there twice");
    assert!(fault(&["queue=1bdp,1000B"]).starts_with("queue=1000B: link r1-r2: queue.bytes"));
    assert!(fault(&["windoww=1,2"]).contains("unknown field"));
    assert!(fault(&["seed=1..10000", "streams=1..10000"]).contains("more than a sweep can have"));
}

#[test]
fn a_plan_that_is_written_is_the_same_plan() {
    let plan = plan(&["window=16KiB..1MiB:log4"]);
    let again = Plan::new(Document::parse(&plan.to_toml()).unwrap(), Vec::new(), None).unwrap();
    assert_eq!(again.to_toml(), plan.to_toml());
    assert_eq!(again.fingerprint(), plan.fingerprint());
    assert_eq!(again.scenario(3).unwrap(), plan.scenario(3).unwrap());
}

#[test]
fn a_journal_keeps_the_bits_whatever_the_order() {
    let plan = plan(&["loss=0,1e-3"]);
    let rows = rows(&plan);
    let mut text = journal::head(&plan);
    rows.iter().rev().for_each(|row| text += &journal::line(row));
    let read = journal::read(text.as_bytes(), &plan).unwrap();
    assert_eq!(read.rows.into_iter().flatten().collect::<Vec<_>>(), rows);
    assert_eq!((read.damaged, read.whole), (0, text.len()));
}

#[test]
fn what_a_kill_tore_is_done_again() {
    let plan = plan(&[]);
    let rows = rows(&plan);
    let whole = journal::of(&plan, &rows);
    for cut in 0..whole.len() {
        let read = journal::read(&whole.as_bytes()[..cut], &plan).unwrap();
        assert!(whole[..read.whole].is_empty() || whole[..read.whole].ends_with('\n'));
        let known: Vec<&Row> = read.rows.iter().flatten().collect();
        assert!(known.iter().all(|row| **row == rows[row.run]));
        // Going on from there ends with the same.
        let mut all: Vec<Row> = known.into_iter().cloned().collect();
        all.extend((0..plan.runs()).filter(|run| read.rows[*run].is_none()).map(|run| rows[run].clone()));
        all.sort_by_key(|row| row.run);
        assert_eq!(all, rows);
    }
    let damaged = whole.replacen(",1,", ",2,", 1);
    assert_eq!(journal::read(damaged.as_bytes(), &plan).unwrap().damaged, 1);
}

#[test]
fn the_journal_of_another_plan_is_refused() {
    let (ours, other) = (plan(&[]), plan(&["rtt=1ms,2ms"]));
    let text = journal::head(&other);
    assert!(journal::read(text.as_bytes(), &ours).unwrap_err().to_string().contains("another sweep"));
    assert!(journal::read(b"something else\n", &ours).unwrap_err().to_string().contains("no journal"));
}

#[test]
fn shards_have_each_run_once() {
    let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().unwrap()).collect();
    for run in 0..20 {
        assert_eq!(shards.iter().filter(|shard| shard.has(run)).count(), 1);
    }
    assert!(
        "0/3".parse::<Shard>().is_err() && "4/3".parse::<Shard>().is_err() && "x".parse::<Shard>().is_err()
    );
}

#[test]
fn files_have_a_line_a_run() {
    let plan = plan(&["control=reno,cubic"]);
    let rows = rows(&plan);
    let csv = sweep::csv(&plan, &rows);
    assert_eq!(csv.lines().count(), 1 + plan.runs());
    assert!(csv.starts_with("run,streams,control,seed,goodput_bps,"));
    let json = sweep::json_lines(&plan, &rows);
    let first: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["streams"], &first["control"], &first["seed"]),
        (&1.into(), &"reno".into(), &5.into())
    );
    let goodput = first["goodput_bps"].as_f64().unwrap();
    assert!((1e6..1e7).contains(&goodput) && csv.contains(&format!(",5,{goodput},")));
    let parquet = sweep::parquet(&plan, &rows).unwrap();
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    assert_eq!(parquet, sweep::parquet(&plan, &rows).unwrap(), "the same rows are the same bytes");
}

#[test]
fn a_summary_has_a_row_a_point() {
    let plan = plan(&["loss=1e-2"]);
    let rows = rows(&plan);
    let summary = sweep::summary(&plan, &rows);
    assert_eq!(summary.len(), plan.points());
    assert_eq!((summary[0].runs, summary[0].values.join(" ")), (2, "1 1e-2".to_owned()));
    let goodputs = [&rows[0], &rows[1]].map(|row| row.cells[0].number().unwrap());
    assert_eq!(summary[0].means[0], Some((goodputs[0] + goodputs[1]) / 2.0));
    let spread = (goodputs[0] - goodputs[1]).abs() / 2f64.sqrt();
    assert!((summary[0].deviations[0].unwrap() - spread).abs() < 1e-6 * spread);
}

#[test]
fn a_parameter_of_numbers_has_lines_and_a_pair_has_a_map() {
    let plan = plan(&["control=reno,cubic"]);
    let pictures = sweep::figures(&plan, &rows(&plan), &[0]).unwrap();
    let names: Vec<&str> = pictures.iter().map(|picture| picture.name.as_str()).collect();
    assert_eq!(names, ["goodput-over-streams-by-control", "goodput-map-streams-control"]);
    assert!(pictures[0].svg.contains("control cubic") && !pictures[0].svg.contains("no data"));
}
