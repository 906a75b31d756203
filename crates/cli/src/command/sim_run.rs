//! `wad sim run`

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use wad_model::Time;
use wad_sim::{Outcome, Scenario, Simulation};
use wad_study::run::{self, Picture, Recorder, Report, TextTable, Watcher};
use wad_study::{Survey, estimate, show};

use super::sim;
use crate::arguments::SimRun;
use crate::failure::Failure;
use crate::output;

/// So many segments are computed in minutes, whatever the machine.
const SURELY_SHORT: f64 = 1e7;

pub(crate) fn run(arguments: &SimRun) -> Result<(), Failure> {
    let document = sim::document(&arguments.scenario)?;
    let file = arguments.scenario.file.as_deref();
    let mut scenario = document.scenario().map_err(|error| sim::misuse(&error, file))?;
    if arguments.print_scenario {
        return output::print(toml::to_string(&scenario)?.trim_end());
    }
    sim::read_files(&mut scenario, file)?;
    let load = estimate::load(&scenario).map_err(Failure::misuse)?;
    if load.segments > SURELY_SHORT && !arguments.yes {
        sim::ask_for_yes(sim::time(&scenario, &load)?, load.memory_bytes, false)?;
    }
    let survey = Survey::new(&scenario).map_err(Failure::misuse)?;
    let (outcome, recorded) = simulate(arguments, &scenario, &survey)?;
    if arguments.json {
        output::print_json(&Report { scenario: &scenario, outcome: &outcome })?;
    } else {
        print(&scenario, &survey, &outcome)?;
    }
    recorded
}

/// The outcome, and whether the recording of it is whole.
fn simulate(
    arguments: &SimRun,
    scenario: &Scenario,
    survey: &Survey,
) -> Result<(Outcome, Result<(), Failure>), Failure> {
    let simulation = Simulation::new(scenario).map_err(Failure::misuse)?;
    if arguments.plot.is_none() && arguments.trace.is_none() {
        return Ok((simulation.run(&mut ()), Ok(())));
    }
    let recorder = match &arguments.trace {
        None => None,
        Some(path) => {
            let out = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            let recorder = Recorder::new(BufWriter::new(out), scenario, survey, arguments.interval);
            Some(recorder.map_err(|error| anyhow!("{}: {error}", path.display()))?)
        }
    };
    let picture = arguments.plot.as_ref().map(|_| Picture::new(scenario, survey));
    let mut watcher = Watcher { recorder, picture };
    let outcome = simulation.run(&mut watcher);
    if let (Some(picture), Some(path)) = (&watcher.picture, &arguments.plot) {
        draw(picture, path)?;
    }
    let recorded = match (watcher.recorder, &arguments.trace) {
        (Some(recorder), Some(path)) => {
            let end = recorder.finish(Time::ZERO + scenario.duration);
            let fault = |error| Failure::Failed(anyhow!("{}: {error}", path.display()));
            end.map(drop).map_err(fault)
        }
        _ => Ok(()),
    };
    Ok((outcome, recorded))
}

fn draw(picture: &Picture, path: &Path) -> Result<(), Failure> {
    let figure = picture.figure();
    let is_png = path.extension().is_some_and(|ending| ending == "png");
    let contents = if is_png { figure.to_png()? } else { figure.to_svg().into_bytes() };
    output::write_file(path, &contents)
}

fn print(scenario: &Scenario, survey: &Survey, outcome: &Outcome) -> Result<(), Failure> {
    output::print(format_args!("{}\n", run::summary(scenario, survey)))?;
    let tables =
        [run::flows(outcome), run::round_trips(outcome), run::cross_traffic(outcome), run::links(outcome)];
    tables.iter().filter(|table| !table.rows.is_empty()).try_for_each(print_table)?;
    let total = &outcome.total;
    let fairness = if outcome.flows.len() > 1 {
        format!(", fairness (Jain) {}", show::number(total.fairness))
    } else {
        String::new()
    };
    output::print(format_args!("goodput {}{fairness}", show::rate(total.goodput_bps)))
}

fn print_table(table: &TextTable) -> Result<(), Failure> {
    let mut text = output::table(&table.header, true);
    text.add_rows(&table.rows);
    let more = match table.left_out {
        0 => String::new(),
        count => format!("... and {count} more, which --json prints\n"),
    };
    output::print(format_args!("{text}\n{more}"))
}
