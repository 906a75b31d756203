//! The same transfer by real kernels in the laboratory, and in the simulator.
//!
//! Both have the same model of the path (`wad-path`), so a difference is one of the TCP in them: the kernel's segmentation
//! offload and its buffers, which the simulator does not have, and whatever the simulator has wrong.

use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_lab::Report;
use wad_model::Time;
use wad_path::PathConfig;
use wad_plot::{Axis, Figure, Panel, Series, Style, Unit};
use wad_sim::control::ControlConfig;
use wad_sim::scenario::{Dumbbell, FlowConfig, Topology, TwoWay};
use wad_sim::{FlowId, FlowState, Nanos, Observer, Scenario, Simulation};

use crate::compose::PORT;
use crate::error::ReproduceError;
use crate::experiment::{Experiment, HostSets, Variant};
use crate::measure::measure;
use crate::picture::Picture;
use crate::quantity::Quantity;
use crate::run::{Options, carry_out};
use crate::windows::{self, Windows};

/// The paths and the controls.
const DATA: &str = include_str!("../compare.toml");
/// How often both are sampled for the picture.
const INTERVAL: Duration = Duration::from_millis(100);

/// One transfer to be compared.
#[derive(Clone, Debug)]
pub struct Case {
    /// The path's name.
    pub path: String,
    /// The control's name.
    pub control: String,
    experiment: Experiment,
    simulated: ControlConfig,
}

/// What a transfer came to in both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// The path's name.
    pub path: String,
    /// The control's name.
    pub control: String,
    /// What the receiving application got by real kernels.
    pub kernel_goodput_bps: f64,
    /// The same in the simulator.
    pub simulated_goodput_bps: f64,
    /// The difference, in parts of the kernels'.
    pub error: f64,
    /// Congestion window of the kernel's flow: seconds and segments.
    #[serde(skip)]
    pub kernel_window: Vec<(f64, f64)>,
    /// The same in the simulator.
    #[serde(skip)]
    pub simulated_window: Vec<(f64, f64)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    seconds: u32,
    path: Vec<PathData>,
    control: Vec<ControlData>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PathData {
    name: String,
    link: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ControlData {
    name: String,
    kernel: String,
    simulated: ControlConfig,
    wad: Option<String>,
}

/// All transfers: each control on each path.
///
/// # Errors
/// The data do not fit each other.
pub fn cases() -> Result<Vec<Case>, ReproduceError> {
    let fail = |error: toml::de::Error| failure(error.to_string());
    let data: Data = toml::from_str(DATA).map_err(fail)?;
    let mut cases = Vec::new();
    for path in &data.path {
        for control in &data.control {
            cases.push(Case {
                path: path.name.clone(),
                control: control.name.clone(),
                experiment: experiment(path, control, data.seconds).map_err(fail)?,
                simulated: control.simulated.clone(),
            });
        }
    }
    Ok(cases)
}

fn failure(message: String) -> ReproduceError {
    ReproduceError::Experiment { id: "compare".to_owned(), message }
}

/// The transfer as an experiment with one variant, which nothing judges.
fn experiment(path: &PathData, control: &ControlData, seconds: u32) -> Result<Experiment, toml::de::Error> {
    let mut variant = toml::toml! { hosts = "today-cubic" };
    variant.insert("name".to_owned(), control.name.clone().into());
    let sysctl = [("net.ipv4.tcp_congestion_control".to_owned(), control.kernel.clone().into())];
    variant.insert("sysctl".to_owned(), toml::Table::from_iter(sysctl).into());
    variant.extend(control.wad.iter().map(|wad| ("wad".to_owned(), wad.clone().into())));
    let mut table = toml::toml! {
        title = "Kernel and simulator"
        source = "this project"
        reported_path = ""
        picture = "window"
        check = []
    };
    table.insert("id".to_owned(), format!("compare {}", path.name.replace('/', " per ")).into());
    table.insert("seconds".to_owned(), i64::from(seconds).into());
    table.insert("path".to_owned(), path.link.clone().into());
    table.insert("variant".to_owned(), vec![toml::Value::from(variant)].into());
    table.try_into()
}

/// Carries both out.
///
/// # Errors
/// The run in the laboratory could not be set up, or gave no result; or the work was cancelled.
pub fn compare(case: &Case, options: &mut Options<'_>) -> Result<Compared, ReproduceError> {
    let Some(variant) = case.experiment.variants.first() else {
        return Err(failure("there is no variant".to_owned()));
    };
    let sets = HostSets::load()?;
    let report = carry_out(&case.experiment, variant, &sets, 1, options)?;
    let kernel = measure(&report, variant).get(&Quantity::GoodputBps).copied();
    let kernel = kernel.ok_or_else(|| failure(format!("{}: iperf3 said no goodput", case.path)))?;
    let (simulated, simulated_window) = simulate(case, variant, &sets)?;
    Ok(Compared {
        path: case.path.clone(),
        control: case.control.clone(),
        kernel_goodput_bps: kernel,
        simulated_goodput_bps: simulated,
        error: simulated / kernel - 1.0,
        kernel_window: window(&report),
        simulated_window,
    })
}

/// Goodput and window in the simulator.
fn simulate(
    case: &Case,
    variant: &Variant,
    sets: &HostSets,
) -> Result<(f64, Vec<(f64, f64)>), ReproduceError> {
    let path = path_of(case, variant, sets)?;
    let bottleneck = TwoWay { forward: path.forward, backward: Some(path.backward) };
    let scenario = Scenario {
        duration: Duration::from_secs(variant.seconds(&case.experiment).into()),
        topology: Topology::Dumbbell(Dumbbell { bottleneck, ..Dumbbell::default() }),
        flows: vec![FlowConfig { control: case.simulated.clone(), ..FlowConfig::default() }],
        ..Scenario::default()
    };
    let simulation = Simulation::new(&scenario).map_err(|error| failure(error.to_string()))?;
    let mut recorder = Recorder::default();
    let outcome = simulation.run(&mut recorder);
    Ok((outcome.total.goodput_bps, recorder.window))
}

/// The path as the laboratory reads it.
fn path_of(case: &Case, variant: &Variant, sets: &HostSets) -> Result<PathConfig, ReproduceError> {
    let text = crate::compose::scenario_text(&case.experiment, variant, sets, 1)?;
    let scenario = wad_lab::Scenario::parse(&text).map_err(|error| failure(error.to_string()))?;
    Ok(scenario.testbed.path)
}

/// Keeps the window of the one flow.
#[derive(Debug, Default)]
struct Recorder {
    window: Vec<(f64, f64)>,
}

impl Observer for Recorder {
    fn interval(&self) -> Option<Nanos> {
        Some(INTERVAL.into())
    }

    fn on_flow_sample(&mut self, now: Time, _: FlowId, state: &FlowState) {
        self.window.push((now.saturating_since(Time::ZERO).as_secs_f64(), state.cwnd));
    }
}

/// The window of the kernel's flow, from its first sample on.
fn window(report: &Report) -> Vec<(f64, f64)> {
    let windows = Windows::of(report, PORT);
    let time = |instant: &windows::Instant<'_>| instant.first().map(|one| one.time_s);
    let begin = windows.instants().first().and_then(time).unwrap_or(0.0);
    let points = windows.instants().iter();
    points.filter_map(|instant| Some((time(instant)? - begin, windows::window(instant)))).collect()
}

/// The median of the differences' sizes and the largest of them, in parts; none without a transfer.
#[must_use]
pub fn errors(all: &[Compared]) -> Option<(f64, f64)> {
    let sizes: Vec<f64> = all.iter().map(|one| one.error.abs()).collect();
    let largest = sizes.iter().copied().max_by(f64::total_cmp)?;
    Some((crate::statistics::median(&sizes)?, largest))
}

/// The results as a table in Markdown.
#[must_use]
pub fn markdown(all: &[Compared]) -> String {
    let mut text =
        "| path | control | kernel, Mbit/s | simulator, Mbit/s | difference |\n|---|---|---|---|---|\n"
            .to_owned();
    for one in all {
        let Compared { path, control, kernel_goodput_bps, simulated_goodput_bps, error, .. } = one;
        let (kernel, simulated, error) =
            (kernel_goodput_bps / 1e6, simulated_goodput_bps / 1e6, error * 100.0);
        let _ = writeln!(text, "| {path} | {control} | {kernel:.2} | {simulated:.2} | {error:+.1} % |");
    }
    text
}

/// The windows of each control, laid over each other, path by path.
///
/// # Errors
/// A picture cannot be drawn.
pub fn pictures(all: &[Compared]) -> Result<Vec<Picture>, ReproduceError> {
    let mut controls: Vec<&str> = all.iter().map(|one| one.control.as_str()).collect();
    controls.dedup();
    controls.sort_unstable();
    controls.dedup();
    controls.into_iter().map(|control| picture(control, all)).collect()
}

fn picture(control: &str, all: &[Compared]) -> Result<Picture, ReproduceError> {
    let mut figure = Figure::new(format!("{control}: congestion windows"), Axis::new("Time", Unit::Seconds))
        .subtitle("Real kernels over an emulated path, and the simulator");
    for one in all.iter().filter(|one| one.control == control) {
        let series =
            |name: &str, points: &[(f64, f64)]| Series::new(name, points.iter().copied()).style(Style::Steps);
        let panel = Panel::new(Axis::new(one.path.as_str(), Unit::Segments));
        figure = figure.panel(
            panel
                .series(series("kernel", &one.kernel_window))
                .series(series("simulator", &one.simulated_window)),
        );
    }
    let id = format!("compare-{control}");
    let png = figure.to_png().map_err(|source| ReproduceError::Picture { id: id.clone(), source })?;
    Ok(Picture { name: id, svg: figure.to_svg(), png })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_control_meets_each_of_twelve_paths_and_the_simulator_takes_all() {
        let cases = cases().unwrap();
        assert_eq!(cases.len(), 48);
        let sets = HostSets::load().unwrap();
        for case in &cases {
            let path = path_of(case, &case.experiment.variants[0], &sets).unwrap();
            assert!(path.forward.rate.is_some() && !path.forward.delay.is_zero(), "{}", case.path);
        }
        let (goodput, window) = simulate(&cases[1], &cases[1].experiment.variants[0], &sets).unwrap();
        assert!((9e6..10e6).contains(&goodput), "{goodput}");
        assert!(window.len() > 100);
    }

    #[test]
    fn errors_are_those_of_the_sizes() {
        let one = |error| Compared {
            path: String::new(),
            control: "reno".to_owned(),
            kernel_goodput_bps: 1e6,
            simulated_goodput_bps: 1e6 * (1.0 + error),
            error,
            kernel_window: vec![(0.0, 1.0)],
            simulated_window: vec![(0.0, 1.0)],
        };
        assert_eq!(errors(&[one(-0.3), one(0.1), one(0.2)]), Some((0.2, 0.3)));
        assert_eq!(errors(&[]), None);
        assert!(markdown(&[one(-0.25)]).ends_with("|  | reno | 1.00 | 0.75 | -25.0 % |\n"));
    }
}
