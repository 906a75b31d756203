//! Whole figures: their form, and that no data can break them.

use std::fmt::Write;

use proptest::prelude::*;
use resvg::tiny_skia::Pixmap;
use wad_plot::{Axis, Figure, Panel, PlotError, Scale, Series, Span, Style, Unit};

fn example() -> Figure {
    let tuned = (0..=20u8).map(|i| (f64::from(i) * 3.0, 622e6 * (1.0 - 0.7f64.powi(i32::from(i)))));
    let untuned = (0..=20u8).map(|i| (f64::from(i) * 3.0, 15e6 * f64::from(i)));
    Figure::new("Tuned and untuned", Axis::new("Time", Unit::Seconds))
        .subtitle("622 Mbit/s and 70 ms")
        .span(Span::new(12.0, 24.0, "cross-traffic"))
        .panel(
            Panel::new(Axis::new("Throughput", Unit::BitsPerSecond))
                .series(Series::new("tuned", tuned))
                .series(Series::new("untuned", untuned).style(Style::Steps))
                .reference(622e6, "path rate 622 Mbit/s"),
        )
}

fn decoded(figure: &Figure) -> Pixmap {
    let png = figure.to_png().expect("a figure of this size has a picture");
    Pixmap::decode_png(&png).expect("a picture can be decoded")
}

#[test]
fn an_svg_is_the_same_every_time() {
    insta::assert_snapshot!(example().to_svg());
}

#[test]
fn a_png_has_its_size_and_shows_lines_and_text() {
    let picture = decoded(&example());
    assert_eq!((picture.width(), picture.height()), (1920, 1080));
    let has = |(r, g, b): (u8, u8, u8)| {
        picture.pixels().iter().filter(|p| (p.red(), p.green(), p.blue()) == (r, g, b)).count()
    };
    assert!(has((0x00, 0x72, 0xb2)) > 1000, "the tuned line");
    assert!(has((0xd5, 0x5e, 0x00)) > 1000, "the untuned line");
    assert!(has((0x16, 0x19, 0x1d)) > 1000, "the title");
    assert!(has((0xff, 0xff, 0xff)) > 1_000_000, "the ground");
}

#[test]
fn the_size_is_as_asked_and_a_picture_too_large_is_refused() {
    let picture = decoded(&example().size(600, 400));
    assert_eq!((picture.width(), picture.height()), (1200, 800));
    let error = example().size(u32::MAX, 400).to_png().unwrap_err();
    assert!(matches!(error, PlotError::TooLarge { .. }), "{error}");
}

#[test]
fn figures_without_panels_or_data_are_figures() {
    let empty = Figure::new("", Axis::new("", Unit::None));
    decoded(&empty);
    let nothing = Panel::new(Axis::new("", Unit::Share)).series(Series::new("nothing", []));
    assert!(empty.panel(nothing).to_svg().contains("no data"));
}

#[test]
fn a_million_points_make_a_small_document() {
    let points = (0..1_000_000u32).map(|i| (f64::from(i), f64::from(i % 997)));
    let panel = Panel::new(Axis::new("", Unit::None)).series(Series::new("many", points));
    let svg = Figure::new("", Axis::new("", Unit::None)).panel(panel).to_svg();
    assert!(svg.len() < 200_000, "{}", svg.len());
}

#[test]
fn many_series_have_a_legend_and_all_their_names() {
    let series = |i: u8| Series::new(format!("flow number {i}"), [(0.0, f64::from(i)), (1.0, 2.0)]);
    let panel = (0..40).map(series).fold(Panel::new(Axis::new("", Unit::Bytes)), Panel::series);
    let svg = Figure::new("", Axis::new("", Unit::None)).panel(panel).to_svg();
    for i in 0..40 {
        assert!(svg.contains(&format!(">flow number {i}<")), "{i}");
    }
}

fn unit() -> impl Strategy<Value = Unit> {
    prop::sample::select(vec![
        Unit::None,
        Unit::BitsPerSecond,
        Unit::Bytes,
        Unit::Seconds,
        Unit::Segments,
        Unit::Share,
        Unit::Timestamp,
        Unit::Other("<&>".to_owned()),
    ])
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), -1e3..1e3f64, prop::num::f64::ANY, Just(0.0), Just(f64::MAX), Just(1e9)]
}

prop_compose! {
    fn axis()(label in ".{0,12}", unit in unit(), log: bool, fit: bool, range in prop::option::of((number(), number()))) -> Axis {
        let axis = Axis::new(label, unit).scale(if log { Scale::Log } else { Scale::Linear });
        let axis = if fit { axis.fit() } else { axis };
        range.map_or(axis.clone(), |(from, to)| axis.range(from, to))
    }
}

prop_compose! {
    fn series()(name in ".{0,20}", style in 0..4usize, points in prop::collection::vec((number(), number()), 0..30)) -> Series {
        Series::new(name, points).style([Style::Line, Style::Dashed, Style::Steps, Style::Points][style])
    }
}

prop_compose! {
    fn panel()(y in axis(), series in prop::collection::vec(series(), 0..4), reference in (number(), ".{0,30}")) -> Panel {
        series.into_iter().fold(Panel::new(y), Panel::series).reference(reference.0, reference.1)
    }
}

prop_compose! {
    fn any_figure()(
        texts in (".{0,200}", ".*"),
        x in axis(),
        panels in prop::collection::vec(panel(), 0..3),
        span in (number(), number(), ".{0,30}"),
        size in prop::option::of((0..1500u32, 0..900u32)),
    ) -> Figure {
        let figure = Figure::new(texts.0, x).subtitle(texts.1).panels(panels).span(Span::new(span.0, span.1, span.2));
        size.map_or(figure.clone(), |(width, height)| figure.size(width, height))
    }
}

proptest! {
    #[test]
    fn any_data_are_a_document_without_impossible_numbers(figure in any_figure()) {
        let svg = figure.to_svg();
        let options = resvg::usvg::Options::default();
        prop_assert!(resvg::usvg::Tree::from_str(&svg, &options).is_ok(), "{svg}");
        for wrong in ["=\"NaN", "=\"inf", "=\"-inf", "MNaN", "LNaN", " NaN"] {
            let drawn = svg.lines().filter(|l| !l.contains("text") && !l.contains("desc") && !l.contains("title"));
            prop_assert!(!drawn.fold(String::new(), |mut all, line| {
                let _ = writeln!(all, "{line}");
                all
            }).contains(wrong), "{svg}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]
    #[test]
    fn any_data_are_a_picture(figure in any_figure()) {
        prop_assert!(figure.to_png().is_ok());
    }
}
