//! Writes a few figures into a folder: `cargo run -p wad-plot --example gallery -- DIR`.
//!
//! The data are made up; the shapes are those of TCP on a path of 622 Mbit/s and 70 ms.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

use wad_plot::{Axis, Figure, Panel, Scale, Series, Span, Style, Unit};

const RTT: f64 = 0.07;
const SEGMENT_BITS: f64 = 1448.0 * 8.0;
const PATH_RATE: f64 = 622e6;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = env::args().nth(1).ok_or("say which folder to write to")?;
    fs::create_dir_all(&dir)?;
    for (name, figure) in gallery() {
        let file = Path::new(&dir).join(name);
        fs::write(file.with_extension("svg"), figure.to_svg())?;
        fs::write(file.with_extension("png"), figure.to_png()?)?;
    }
    Ok(())
}

fn gallery() -> Vec<(&'static str, Figure)> {
    vec![
        ("throughput", throughput()),
        ("windows", windows()),
        ("stacked", stacked()),
        ("loss", loss()),
        ("week", week()),
        ("hostile", hostile()),
    ]
}

fn throughput() -> Figure {
    Figure::new("Tuning recovers from a loss in seconds instead of minutes", Axis::new("Time", Unit::Seconds))
        .subtitle("One TCP flow, 622 Mbit/s and 70 ms, one packet lost at 15 s")
        .span(Span::event(15.0, "one loss"))
        .panel(
            Panel::new(throughput_axis())
                .series(Series::new("tuned", rate(&window(&TUNED, 60.0))))
                .series(Series::new("untuned", rate(&window(&UNTUNED, 60.0))))
                .reference(PATH_RATE, "path rate 622 Mbit/s"),
        )
}

fn windows() -> Figure {
    let axis = Axis::new("Congestion window", Unit::Segments);
    let flow = |name, control| Series::new(name, window(control, 120.0)).style(Style::Steps);
    Figure::new("Congestion windows of three controls", Axis::new("Time", Unit::Seconds))
        .subtitle("The same path and the same losses; the bandwidth-delay product is 3 758 segments")
        .panel(
            Panel::new(axis)
                .series(flow("tuned", &TUNED))
                .series(flow("untuned", &UNTUNED))
                .series(flow("gentle", &GENTLE))
                .reference(PATH_RATE * RTT / SEGMENT_BITS, "bandwidth × delay"),
        )
}

fn stacked() -> Figure {
    let (tuned, untuned) = (window(&TUNED, 60.0), window(&UNTUNED, 60.0));
    Figure::new("Throughput follows the congestion window", Axis::new("Time since the start", Unit::Seconds))
        .subtitle("One TCP flow, 622 Mbit/s and 70 ms")
        .span(Span::new(22.0, 31.0, "cross-traffic"))
        .span(Span::event(15.0, "one loss"))
        .panel(
            Panel::new(throughput_axis())
                .series(Series::new("tuned", rate(&tuned)))
                .series(Series::new("untuned", rate(&untuned)))
                .reference(PATH_RATE, "path rate 622 Mbit/s"),
        )
        .panel(
            Panel::new(Axis::new("Congestion window", Unit::Segments))
                .series(Series::new("tuned", tuned).style(Style::Steps))
                .series(Series::new("untuned", untuned).style(Style::Steps)),
        )
}

/// The law of Mathis, Semke, Mahdavi and Ott, with measurements around it: both axes logarithmic.
fn loss() -> Figure {
    let law = |p: f64| SEGMENT_BITS / RTT * 1.22 / p.sqrt();
    let losses = || (0..=120).map(|i| 10f64.powf(-7.0 + f64::from(i) / 24.0));
    let mut noise = Noise(7);
    let measured: Vec<_> =
        losses().map(|p| (p, law(p).min(PATH_RATE) * (0.7 + 0.5 * noise.next()))).collect();
    Figure::new("What loss costs", Axis::new("Loss", Unit::None).scale(Scale::Log))
        .subtitle("Steady throughput of standard TCP at 70 ms")
        .panel(
            Panel::new(throughput_axis().scale(Scale::Log))
                .series(Series::new("measured", measured).style(Style::Points))
                .series(
                    Series::new("1.22 MSS / (RTT √p)", losses().map(|p| (p, law(p)))).style(Style::Dashed),
                )
                .reference(PATH_RATE, "path rate"),
        )
}

/// A week of round-trip times at one a second, with an outage.
fn week() -> Figure {
    let mut noise = Noise(3);
    let start = 1_037_577_600.0;
    let rtt = |(second, noise): (u32, f64)| {
        let day = (f64::from(second) / 86_400.0 * std::f64::consts::TAU).sin();
        let busy = 0.07 + 0.004 * day.max(0.0) + 0.001 * noise + if noise > 0.9999 { 0.02 } else { 0.0 };
        let out = (250_000..275_000).contains(&second);
        (start + f64::from(second), if out { f64::NAN } else { busy })
    };
    Figure::new("A week on the path to CERN", Axis::new("Time", Unit::Timestamp))
        .subtitle("Round-trip time, one probe a second")
        .span(Span::new(start + 250_000.0, start + 275_000.0, "path down"))
        .panel(
            Panel::new(Axis::new("Round-trip time", Unit::Seconds).fit())
                .series(Series::new("", (0..604_800).map(|s| rtt((s, noise.next()))))),
        )
}

/// What should not happen, and must still be a figure.
fn hostile() -> Figure {
    let y = || Axis::new("Value", Unit::None);
    Figure::new(
        "Values <that> & nobody expects: \"huge\", missing, alone",
        Axis::new("", Unit::Other("rounds".into())),
    )
    .panel(Panel::new(y()).series(Series::new("empty", [])))
    .panel(
        Panel::new(y())
            .series(Series::new("huge", [(0.0, 1e300), (4.0, f64::MAX), (9.0, -1e299)]))
            .series(Series::new("missing", [(0.0, f64::NAN), (f64::INFINITY, 2.0)])),
    )
    .panel(Panel::new(y()).series(Series::new("alone", [(3.0, 0.0)])))
    .panel(Panel::new(y().range(0.0, 1.0)).series(Series::new(
        "cut off by the range that the axis was given",
        (0..100).map(|i| (f64::from(i) / 10.0, f64::from(i) / 60.0)),
    )))
}

fn throughput_axis() -> Axis {
    Axis::new("Throughput", Unit::BitsPerSecond)
}

struct Control {
    increase: f64,
    decrease: f64,
    losses: &'static [f64],
}

const TUNED: Control = Control { increase: 24.0, decrease: 0.125, losses: &[15.0, 70.0, 95.0] };
const UNTUNED: Control = Control { increase: 0.5, decrease: 0.5, losses: &[15.0, 70.0, 95.0] };
const GENTLE: Control = Control { increase: 6.0, decrease: 0.3, losses: &[15.0, 70.0, 95.0] };

/// The window of a flow after each round trip.
fn window(control: &Control, seconds: f64) -> Vec<(f64, f64)> {
    let full = PATH_RATE * RTT / SEGMENT_BITS;
    let (mut window, mut threshold, mut time) = (2.0, f64::INFINITY, 0.0);
    let mut out = Vec::new();
    while time <= seconds {
        out.push((time, window));
        let lost = control.losses.iter().any(|l| (time..time + RTT).contains(l));
        if lost {
            threshold = window * (1.0 - control.decrease);
            window = threshold;
        } else if window < threshold {
            window = f64::min(window * 2.0, full);
        } else {
            window = f64::min(window + control.increase, full);
        }
        time += RTT;
    }
    out
}

/// What a window carries, as a receiver that counts would see it.
fn rate(window: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut noise = Noise(1);
    let rate = |w: f64| w * SEGMENT_BITS / RTT * 0.97;
    window.iter().map(|(t, w)| (*t, rate(*w) * (0.98 + 0.04 * noise.next()))).collect()
}

/// Numbers between zero and one without a pattern that the eye could see.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0 >> 8) / f64::from(1u32 << 24)
    }
}
