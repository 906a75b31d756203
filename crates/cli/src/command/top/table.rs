//! The table of flows: as many columns as the screen has room for.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row as TableRow, Table, TableState};

use super::snapshot::{Order, Row};

/// From this width on the path is shown, and from the next on state and namespace.
const WITH_PATH: u16 = 100;
const WITH_STATE: u16 = 130;

/// A column: its head, its width, what it is sorted by, and its text.
struct Column {
    head: &'static str,
    width: Constraint,
    order: Option<Order>,
    text: fn(&Row) -> String,
    right: bool,
}

/// Draws these rows and no others.
pub(crate) fn draw(frame: &mut Frame<'_>, area: Rect, rows: &[&Row], cursor: usize, order: (Order, bool)) {
    let columns = columns(area.width);
    let head = TableRow::new(columns.iter().map(|column| {
        let mark = match column.order == Some(order.0) {
            true if order.1 => "v",
            true => "^",
            false => "",
        };
        cell(format!("{}{mark}", column.head), column.right)
    }))
    .style(Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
    let body = rows
        .iter()
        .map(|row| TableRow::new(columns.iter().map(|column| cell((column.text)(row), column.right))));
    let table = Table::new(body, columns.iter().map(|column| column.width))
        .header(head)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected((!rows.is_empty()).then_some(cursor));
    frame.render_stateful_widget(table, area, &mut state);
}

fn cell(text: String, right: bool) -> Cell<'static> {
    let text = Text::from(text);
    Cell::from(if right { text.right_aligned() } else { text })
}

fn columns(width: u16) -> Vec<Column> {
    let number = |head, width, order, text| Column {
        head,
        width: Constraint::Length(width),
        order: Some(order),
        text,
        right: true,
    };
    let word = |head, width, order, text| Column { head, width, order, text, right: false };
    let mut columns = vec![
        word("flow", Constraint::Min(30), Some(Order::Flow), |row: &Row| row.key.to_string()),
        number("out", 8, Order::Out, |row| rate(row.out)),
        number("in", 8, Order::In, |row| rate(row.into)),
        number("rtt", 7, Order::Rtt, |row| row.rtt_us.map_or_else(absent, time)),
        number("cwnd", 6, Order::Window, |row| {
            row.window.map_or_else(absent, |segments| segments.to_string())
        }),
        number("again", 6, Order::Retransmits, |row| {
            row.retransmits.map_or_else(absent, |segments| segments.to_string())
        }),
        word("control", Constraint::Length(8), Some(Order::Control), |row| row.control.to_string()),
    ];
    if width >= WITH_PATH {
        let path = |row: &Row| row.path.clone().unwrap_or_else(absent);
        columns.insert(1, word("path", Constraint::Length(12), Some(Order::Path), path));
    }
    if width >= WITH_STATE {
        columns.push(word("state", Constraint::Length(11), None, |row| row.state.to_owned()));
        columns.push(word("namespace", Constraint::Length(10), None, |row| row.namespace.to_string()));
    }
    columns
}

fn absent() -> String {
    "-".to_owned()
}

/// Bytes a second as bits a second, in eight characters.
pub(crate) fn rate(bytes: Option<f64>) -> String {
    let Some(bytes) = bytes else { return absent() };
    let bits = bytes * 8.0;
    for (limit, unit) in [(1e3, " b/s"), (1e6, "kb/s"), (1e9, "Mb/s"), (1e12, "Gb/s")] {
        if bits < limit {
            let scaled = bits * 1e3 / limit;
            let digits = usize::from(scaled < 99.95 && limit > 1e3);
            return format!("{scaled:.digits$}{unit}");
        }
    }
    format!("{:.0}Tb/s", bits / 1e12)
}

/// Microseconds, in seven characters.
pub(crate) fn time(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a time that people read")]
    let micros = micros as f64;
    match micros {
        ..1e3 => format!("{micros:.0}us"),
        ..1e5 => format!("{:.1}ms", micros / 1e3),
        ..1e6 => format!("{:.0}ms", micros / 1e3),
        _ => format!("{:.1}s", micros / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_fit_their_columns() {
        let rates =
            [None, Some(0.0), Some(1.0), Some(12_500.0), Some(70_123_456.0), Some(12.4e9), Some(1e15)];
        assert_eq!(rates.map(rate), ["-", "0 b/s", "8 b/s", "100kb/s", "561Mb/s", "99.2Gb/s", "8000Tb/s"]);
        assert_eq!(
            [7, 1_400, 70_000, 999_000, 1_200_000].map(time),
            ["7us", "1.4ms", "70.0ms", "999ms", "1.2s"]
        );
    }
}
