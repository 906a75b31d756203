//! `wad sim explain`

use serde::Serialize;
use wad_sim::{Scenario, Simulation};
use wad_study::estimate;
use wad_study::explain::{Explained, Explanation, Life, Lives};
use wad_study::run::summary;
use wad_study::{Survey, show};

use super::sim;
use crate::arguments::SimExplain;
use crate::failure::Failure;
use crate::output;

/// A run that takes longer is not part of an explanation, unless that is wanted.
const PATIENCE_S: f64 = 30.0;

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
struct Document<'a> {
    scenario: &'a Scenario,
    #[serde(flatten)]
    explanation: &'a Explanation,
    estimate: Estimate,
    simulated: Option<Vec<Simulated>>,
}

/// What a run will take.
#[derive(Clone, Copy, Debug, Serialize)]
struct Estimate {
    segments: f64,
    wall_s: f64,
    memory_bytes: f64,
}

/// What the run did, of each kind of flow the first.
#[derive(Debug, Serialize)]
struct Simulated {
    flow: String,
    goodput_bps: f64,
    /// Over what theory expects.
    ratio: f64,
    life: Life,
}

pub(crate) fn run(arguments: &SimExplain) -> Result<(), Failure> {
    let document = sim::document(&arguments.scenario)?;
    let file = arguments.scenario.file.as_deref();
    let mut scenario = document.scenario().map_err(|error| sim::misuse(&error, file))?;
    sim::read_files(&mut scenario, file)?;
    let explanation = Explanation::of(&scenario).map_err(Failure::misuse)?;
    let load = estimate::load(&scenario).map_err(Failure::misuse)?;
    let wall_s = sim::time(&scenario, &load)?;
    let estimate = Estimate { segments: load.segments, wall_s, memory_bytes: load.memory_bytes };
    let wanted = !arguments.no_run && (arguments.yes || wall_s <= PATIENCE_S);
    let simulated = if wanted { Some(simulate(&scenario, &explanation)?) } else { None };
    if arguments.json {
        return output::print_json(&Document {
            scenario: &scenario,
            explanation: &explanation,
            estimate,
            simulated,
        });
    }
    let survey = Survey::new(&scenario).map_err(Failure::misuse)?;
    output::print(summary(&scenario, &survey))?;
    for (index, flow) in explanation.flows.iter().enumerate() {
        print(flow, simulated.as_ref().and_then(|all| all.get(index)))?;
    }
    let Estimate { segments, wall_s, memory_bytes } = estimate;
    output::print(format_args!(
        "\na run of it sends {} segments, takes {} on one core and {} of memory",
        show::number(segments),
        show::roughly(wall_s),
        show::size(memory_bytes)
    ))
}

fn simulate(scenario: &Scenario, explanation: &Explanation) -> Result<Vec<Simulated>, Failure> {
    let survey = Survey::new(scenario).map_err(Failure::misuse)?;
    let mut lives = Lives::new(scenario, &survey);
    let outcome = Simulation::new(scenario).map_err(Failure::misuse)?.run(&mut lives);
    let lives = lives.lives();
    let of = |explained: &Explained| {
        let place = outcome.flows.iter().position(|flow| flow.name == explained.flow)?;
        let goodput_bps = outcome.flows[place].goodput_bps;
        let ratio = goodput_bps / explained.expected_bps;
        Some(Simulated { flow: explained.flow.clone(), goodput_bps, ratio, life: lives[place] })
    };
    Ok(explanation.flows.iter().filter_map(of).collect())
}

fn print(flow: &Explained, simulated: Option<&Simulated>) -> Result<(), Failure> {
    let alike = if flow.count > 1 { format!(" (and {} alike)", flow.count - 1) } else { String::new() };
    let size = |bytes: Option<f64>| bytes.map_or_else(|| "without limit".to_owned(), show::size);
    output::print(format_args!(
        "\n{}{alike}, {}: limited by {}\n\nround trip {}, the path holds {}, its queue {}\n",
        flow.flow,
        flow.control,
        flow.limit,
        show::time(flow.rtt_s),
        size(flow.bdp_bytes),
        size(flow.queue_bytes)
    ))?;
    let mut table = output::table(&["bound", "goodput", "because"], false);
    table.add_rows(
        flow.bounds
            .iter()
            .map(|bound| [bound.kind.to_string(), show::rate(bound.goodput_bps), bound.how.clone()]),
    );
    output::print(table)?;
    if !flow.theory.is_empty() {
        let heading = format!("at a loss of {}", show::share(flow.loss));
        let mut table = output::table(&[&heading, "mean window", "goodput"], true);
        table.add_rows(flow.theory.iter().map(|theory| {
            [
                theory.name.to_owned(),
                format!("{} segments", show::number(theory.window_segments)),
                show::rate(theory.goodput_bps),
            ]
        }));
        output::print(format_args!("\n{table}"))?;
    }
    if let Some(simulated) = simulated {
        print_simulated(simulated)?;
    }
    output::print("\nwhat would help:")?;
    flow.remedies.iter().try_for_each(|remedy| output::print(format_args!("  {remedy}")))
}

fn print_simulated(simulated: &Simulated) -> Result<(), Failure> {
    let Simulated { goodput_bps, ratio, life, .. } = simulated;
    output::print(format_args!(
        "\nsimulated: {}, {} of what theory expects; of its life {} congestion window, {} window, {} slow start, \
         {} recovery, {} idle",
        show::rate(*goodput_bps),
        show::share(*ratio),
        show::share(life.congestion_window),
        show::share(life.window),
        show::share(life.slow_start),
        show::share(life.recovery),
        show::share(life.idle)
    ))
}
