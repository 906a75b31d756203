//! One flow closely: its course as bars, and all its counters.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize as _;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};
use wad_model::{Counter, Counters, counter::Unit};

use super::snapshot::Focus;
use super::table::{rate, time};

/// Two lines of bars for each course, below a line that says what it is.
const COURSE: u16 = 2;

/// Counters that do not change are of no interest here, or are in the head.
const LEFT_OUT: [Counter; 4] = [Counter::CurrTime, Counter::StartTime, Counter::State, Counter::LastAckRcvd];

pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, focus: &Focus) {
    let courses = courses(focus);
    let height = u16::try_from(courses.len()).unwrap_or(0) * (COURSE + 1);
    // At least six lines stay for the counters; what has no room of the courses is left out from the end.
    let [head, upper, lower] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(height.min(area.height.saturating_sub(8))),
        Constraint::Min(6),
    ])
    .areas(area);
    frame.render_widget(title(focus), head);
    let mut y = upper.y;
    for (name, series) in &courses {
        if y + COURSE + 1 > upper.bottom() {
            break;
        }
        draw_course(frame, Rect { y, height: COURSE + 1, ..upper }, name, series);
        y += COURSE + 1;
    }
    draw_counters(frame, lower, &focus.sample.counters);
}

fn title(focus: &Focus) -> Line<'static> {
    let mut parts = vec![Span::from(focus.sample.key.to_string()).bold()];
    parts.extend(focus.path.iter().map(|path| Span::from(format!("  path {path}"))));
    parts.push(Span::from(format!("  {}  namespace {}", focus.sample.control, focus.sample.namespace)));
    if focus.gone {
        parts.push(Span::from("  closed").red());
    }
    Line::from(parts)
}

fn courses(focus: &Focus) -> Vec<(String, &VecDeque<u64>)> {
    let history = &focus.history;
    let last = |series: &VecDeque<u64>| series.back().copied().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a rate that people read")]
    let speed = |series: &VecDeque<u64>| rate(Some(last(series) as f64));
    vec![
        (format!("out {}", speed(&history.out)), &history.out),
        (format!("in {}", speed(&history.into)), &history.into),
        (format!("round-trip time {}", time(last(&history.rtt_us))), &history.rtt_us),
        (format!("congestion window {} segments", last(&history.window)), &history.window),
        (format!("sent again {} segments", last(&history.retransmits)), &history.retransmits),
    ]
}

fn draw_course(frame: &mut Frame<'_>, area: Rect, name: &str, series: &VecDeque<u64>) {
    let [head, bars] = Layout::vertical([Constraint::Length(1), Constraint::Min(1)]).areas(area);
    frame.render_widget(Line::from(name.to_owned()), head);
    // The newest are the ones that have room.
    let room = usize::from(bars.width);
    let shown: Vec<u64> = series.iter().skip(series.len().saturating_sub(room)).copied().collect();
    frame.render_widget(Sparkline::default().data(shown).cyan(), bars);
}

/// All that are present, in columns.
fn draw_counters(frame: &mut Frame<'_>, area: Rect, counters: &Counters) {
    const WIDTH: u16 = 38;
    let texts: Vec<String> = counters
        .iter()
        .filter(|(counter, _)| !LEFT_OUT.contains(counter))
        .map(|(counter, value)| format!("{counter:<18} {:>17}", with_unit(counter, value)))
        .collect();
    let columns = usize::from((area.width / WIDTH).max(1));
    let lines = texts.len().div_ceil(columns);
    let shown = (0..lines.min(usize::from(area.height))).map(|line| {
        let cells: Vec<&str> =
            (0..columns).filter_map(|column| texts.get(column * lines + line)).map(String::as_str).collect();
        Line::from(cells.join("  "))
    });
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), area);
}

fn with_unit(counter: Counter, value: u64) -> String {
    match counter.unit() {
        Unit::Microseconds => time(value),
        #[expect(clippy::cast_precision_loss, reason = "a rate that people read")]
        Unit::BytesPerSecond => rate(Some(value as f64)),
        Unit::Bytes => format!("{value} B"),
        _ => value.to_string(),
    }
}
