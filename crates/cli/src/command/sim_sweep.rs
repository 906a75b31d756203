//! `wad sim sweep`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use wad_sim::{Scenario, Simulation};
use wad_study::estimate::{self, Load};
use wad_study::show;
use wad_study::sweep::{self, MEASURES, Plan, Row, summary};

use super::sim;
use super::sweep_store::{Finished, Store};
use crate::arguments::SimSweep;
use crate::failure::Failure;
use crate::output;
use crate::progress::Parts;

/// How many runs are timed for an estimate.
const PILOTS: usize = 5;
/// What a terminal has room for.
const MOST_ROWS: usize = 64;

pub(crate) fn run(arguments: &SimSweep) -> Result<(), Failure> {
    let document = sim::document(&arguments.scenario)?;
    let plan = Plan::new(document, arguments.over.clone(), arguments.seeds).map_err(Failure::misuse)?;
    let sweep = Sweep { plan: &plan, file: arguments.scenario.file.as_deref(), jobs: jobs(arguments) };
    if arguments.estimate {
        let todo = queue((0..plan.runs()).filter(|run| arguments.shard.has(*run)), &plan)?;
        let estimate = Estimate::of(&sweep, &todo)?;
        return if arguments.json { output::print_json(&estimate) } else { output::print(estimate.text()) };
    }
    let kept = plan.with_files(|name| sim::file_from(&arguments.out, sweep.file, name));
    let known = Store::reopen(&arguments.out, &kept)?;
    if let Some(damaged) = known.as_ref().map(|store| store.damaged).filter(|damaged| *damaged > 0) {
        sim::note(&format!("{damaged} lines of the journal were torn or damaged; their runs are done again"));
    }
    let is_done = |run| known.as_ref().is_some_and(|store| store.has(run));
    let missing = (0..plan.runs()).filter(|run| arguments.shard.has(*run) && !is_done(*run));
    let todo = queue(missing, &plan)?;
    if !todo.is_empty() {
        let estimate = Estimate::of(&sweep, &todo)?;
        sim::ask_for_yes(estimate.wall_s, estimate.memory_bytes, arguments.yes)?;
        sim::note_on_terminal(&estimate.text());
    }
    // What is refused up to here leaves nothing behind.
    let mut store = known.map_or_else(|| Store::open(&arguments.out, &kept), Ok)?;
    let plan = &kept;
    let worked = work(&sweep, &todo, &mut store);
    // Whatever ended the work, what is done is written out.
    let Worked { wall_s, busy, stopped } = match worked {
        Ok(worked) => worked,
        Err(failure) => {
            let _ = store.finish(plan, &measures(&arguments.measure, arguments.no_plots));
            return Err(failure);
        }
    };
    let (done, ran) = (store.done(), todo.len());
    let finished = store.finish(plan, &measures(&arguments.measure, arguments.no_plots))?;
    let report =
        Report { ran, wall_s, jobs: sweep.jobs, busy, ..Report::new(&arguments.out, plan, finished) };
    if arguments.json {
        output::print_json(&report)?
    } else {
        report.print(plan)?
    }
    if stopped {
        let out = arguments.out.display();
        let all = plan.runs();
        return Err(anyhow!(
            "stopped with {done} of {all} runs in {out}; the same command goes on with them"
        )
        .into());
    }
    Ok(())
}

/// What is run, and how.
#[derive(Clone, Copy, Debug)]
struct Sweep<'a> {
    plan: &'a Plan,
    /// The scenario's file, beside which are those that it names.
    file: Option<&'a Path>,
    jobs: usize,
}

impl Sweep<'_> {
    fn scenario(&self, run: usize) -> Result<Scenario, Failure> {
        let mut scenario = self.plan.scenario(run).map_err(Failure::misuse)?;
        sim::read_files(&mut scenario, self.file)?;
        Ok(scenario)
    }
}

fn jobs(arguments: &SimSweep) -> usize {
    let cores = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
    arguments.jobs.map_or_else(cores, std::num::NonZero::get)
}

/// What pictures show.
pub(super) fn measures(named: &[usize], none: bool) -> Vec<usize> {
    if named.is_empty() && !none { vec![0] } else { named.to_vec() }
}

/// A run that is to be done, and how much there is to compute.
#[derive(Debug)]
struct Queued {
    run: usize,
    load: Load,
}

/// The longest first, so that no core works alone at the end.
fn queue(runs: impl Iterator<Item = usize>, plan: &Plan) -> Result<Vec<Queued>, Failure> {
    let mut loads: BTreeMap<usize, Load> = BTreeMap::new();
    let mut queue = Vec::new();
    for run in runs {
        let point = plan.point_of(run);
        let load = match loads.get(&point) {
            Some(load) => *load,
            None => {
                let load = estimate::load(&plan.scenario(run).map_err(Failure::misuse)?)?;
                loads.insert(point, load);
                load
            }
        };
        queue.push(Queued { run, load });
    }
    queue.sort_by(|a, b| b.load.segments.total_cmp(&a.load.segments));
    Ok(queue)
}

/// What a sweep will take.
#[derive(Debug, Serialize)]
struct Estimate {
    runs: usize,
    jobs: usize,
    segments: f64,
    wall_s: f64,
    memory_bytes: f64,
}

impl Estimate {
    /// Times a few runs, from the longest to the shortest, each cut short.
    fn of(sweep: &Sweep<'_>, todo: &[Queued]) -> Result<Self, Failure> {
        let jobs = sweep.jobs;
        let segments: f64 = todo.iter().map(|queued| queued.load.segments).sum();
        let (mut timed, mut timed_segments) = (0.0, 0.0);
        let chosen: Vec<&Queued> = todo.iter().step_by(todo.len().div_ceil(PILOTS).max(1)).collect();
        for queued in &chosen {
            let scenario = sweep.scenario(queued.run)?;
            timed += sim::time(&scenario, &queued.load)?;
            timed_segments += queued.load.segments;
        }
        let total = if timed_segments > 0.0 { timed / timed_segments * segments } else { 0.0 };
        let mut memory: Vec<f64> = todo.iter().map(|queued| queued.load.memory_bytes).collect();
        memory.sort_by(|a, b| b.total_cmp(a));
        let longest =
            chosen.first().map_or(0.0, |queued| timed / timed_segments.max(1.0) * queued.load.segments);
        Ok(Self {
            runs: todo.len(),
            jobs,
            segments,
            wall_s: (total / count(jobs.min(todo.len()).max(1))).max(longest),
            memory_bytes: memory.iter().take(jobs).sum(),
        })
    }

    fn text(&self) -> String {
        format!(
            "{} runs on {} cores: {}, {} of memory",
            self.runs,
            self.jobs,
            show::roughly(self.wall_s),
            show::size(self.memory_bytes)
        )
    }
}

/// How the work went.
struct Worked {
    wall_s: f64,
    /// The part of the cores' time in which they simulated.
    busy: f64,
    stopped: bool,
}

/// Runs what is to be done on so many threads; rows are kept as they come.
fn work(sweep: &Sweep<'_>, todo: &[Queued], store: &mut Store) -> Result<Worked, Failure> {
    let jobs = sweep.jobs.min(todo.len());
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, stop.clone())
            .and_then(|_| signal_hook::flag::register(signal, stop.clone()))
            .context("cannot handle signals")?;
    }
    let (next, begin) = (AtomicUsize::new(0), Instant::now());
    let progress = Parts::new("sweep", todo.iter().map(weight).sum());
    let mut result = Ok(());
    let busy = thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        let worker = |send: Sender<(usize, Result<Row, Failure>)>| {
            let mut busy = Duration::ZERO;
            while !stop.load(Ordering::Relaxed) {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(queued) = todo.get(place) else { break };
                let start = Instant::now();
                let row = simulate(sweep, queued.run);
                busy += start.elapsed();
                if send.send((place, row)).is_err() {
                    break;
                }
            }
            busy
        };
        let workers: Vec<_> = (0..jobs)
            .map(|_| {
                let send = send.clone();
                scope.spawn(move || worker(send))
            })
            .collect();
        drop(send);
        for (done, (place, row)) in receive.into_iter().enumerate() {
            if result.is_ok() {
                result = row.and_then(|row| store.add(row));
            }
            if result.is_err() {
                stop.store(true, Ordering::Relaxed);
            }
            progress.done(weight(&todo[place]), format!("{} of {} runs", done + 1, todo.len()));
        }
        // A worker that panicked has told so; what the others did counts.
        workers.into_iter().filter_map(|worker| worker.join().ok()).sum::<Duration>()
    });
    result?;
    let wall_s = begin.elapsed().as_secs_f64();
    let cores = count(jobs.max(1));
    let busy = if todo.is_empty() { 0.0 } else { busy.as_secs_f64() / (wall_s * cores) };
    let stopped = stop.load(Ordering::Relaxed) && next.load(Ordering::Relaxed) < todo.len();
    Ok(Worked { wall_s, busy, stopped })
}

fn simulate(sweep: &Sweep<'_>, run: usize) -> Result<Row, Failure> {
    let scenario = sweep.scenario(run)?;
    let outcome = Simulation::new(&scenario).map_err(Failure::misuse)?.run(&mut ());
    Ok(Row::new(run, &outcome))
}

/// For the progress: in thousands of segments, and one at least.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn weight(queued: &Queued) -> u64 {
    (queued.load.segments / 1000.0).clamp(1.0, 1e12) as u64
}

fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    out: PathBuf,
    runs: usize,
    done: usize,
    /// How many of them this command ran.
    ran: usize,
    wall_s: f64,
    jobs: usize,
    busy: f64,
    points: Vec<Point>,
    files: Vec<PathBuf>,
}

/// A combination of values: means over its seeds.
#[derive(Debug, Serialize)]
struct Point {
    values: BTreeMap<String, String>,
    runs: usize,
    #[serde(flatten)]
    means: BTreeMap<&'static str, f64>,
    /// Standard deviations over the seeds, by the same names.
    deviations: BTreeMap<&'static str, f64>,
}

impl Report {
    pub(super) fn new(out: &Path, plan: &Plan, finished: Finished) -> Self {
        let Finished { rows, files } = finished;
        let names = || plan.axes().iter().map(|axis| axis.name.clone());
        let figures = |values: &[Option<f64>]| {
            MEASURES
                .iter()
                .zip(values)
                .filter_map(|(measure, value)| Some((measure.name, (*value)?)))
                .collect()
        };
        let point = |row: sweep::SummaryRow| Point {
            means: figures(&row.means),
            deviations: figures(&row.deviations),
            runs: row.runs,
            values: names().zip(row.values).collect(),
        };
        Self {
            out: out.to_owned(),
            runs: plan.runs(),
            done: rows.len(),
            ran: 0,
            wall_s: 0.0,
            jobs: 0,
            busy: 0.0,
            points: summary(plan, &rows).into_iter().map(point).collect(),
            files,
        }
    }

    /// A table of the points, where the results are, and how long it took.
    pub(super) fn print(&self, plan: &Plan) -> Result<(), Failure> {
        let mut header: Vec<&str> = plan.axes().iter().map(|axis| axis.name.as_str()).collect();
        header.extend(["runs", "goodput", "+/-", "fairness", "loss", "RTT mean", "utilisation", "time-outs"]);
        let mut table = output::table(&header, true);
        let names: Vec<&String> = plan.axes().iter().map(|axis| &axis.name).collect();
        table.add_rows(self.points.iter().take(MOST_ROWS).map(|point| point.row(&names)));
        output::print(table)?;
        if self.points.len() > MOST_ROWS {
            output::print(format_args!("... and {} more", self.points.len() - MOST_ROWS))?;
        }
        let Self { out, runs, done, ran, wall_s, jobs, busy, .. } = self;
        let took = if *ran == 0 {
            String::new()
        } else {
            format!(
                "; {ran} of them now, in {} on {jobs} cores, {} busy",
                show::time(*wall_s),
                show::share(*busy)
            )
        };
        output::print(format_args!(
            "\n{done} of {runs} runs are done{took}; results and pictures in {}",
            out.display()
        ))
    }
}

impl Point {
    fn row(&self, names: &[&String]) -> Vec<String> {
        let mean =
            |name, show: fn(f64) -> String| self.means.get(name).map_or("-".to_owned(), |value| show(*value));
        let deviation = self.deviations.get("goodput_bps").map_or(String::new(), |value| show::rate(*value));
        let values = names.iter().map(|name| self.values.get(*name).cloned().unwrap_or_default());
        let figures = [
            self.runs.to_string(),
            mean("goodput_bps", show::rate),
            deviation,
            mean("fairness", show::number),
            mean("loss", show::share),
            mean("rtt_mean_s", show::time),
            mean("utilisation", show::share),
            mean("timeouts", show::number),
        ];
        values.chain(figures).collect()
    }
}
