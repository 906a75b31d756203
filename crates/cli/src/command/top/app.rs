//! What is on the screen, and what keys do.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize as _};
use ratatui::text::{Line, Span};

use super::snapshot::{Order, Row, Snapshot};
use super::{flow_page, table};
use crate::flow_filter::FlowFilter;

/// What follows a key.
#[derive(Debug)]
pub(crate) enum Turn {
    Next,
    /// Show this flow closely, or none.
    Focus(Option<u64>),
    /// Show other flows.
    Filter(FlowFilter),
    Last,
}

/// The screen: a table of flows, or a page of one.
///
/// The order of calls: [`show`](Self::show) what was collected, [`draw`](Self::draw), [`handle_key`](Self::handle_key).
#[derive(Debug)]
pub(crate) struct App {
    snapshot: Arc<Snapshot>,
    /// The rows in their order, as places in the snapshot.
    places: Vec<u32>,
    sorted: Option<(u64, Order, bool)>,
    order: Order,
    descending: bool,
    /// The flow that the cursor is on, and its place on the screen if the flow goes.
    selected: Option<u64>,
    cursor: usize,
    first: usize,
    visible: usize,
    page: bool,
    filter: String,
    /// The filter while it is typed, and what is wrong with it.
    typed: Option<(String, Option<String>)>,
}

impl App {
    pub(crate) fn new(filter: String) -> Self {
        Self {
            snapshot: Arc::default(),
            places: Vec::new(),
            sorted: None,
            order: Order::Out,
            descending: true,
            selected: None,
            cursor: 0,
            first: 0,
            visible: 1,
            page: false,
            filter,
            typed: None,
        }
    }

    /// Takes what was collected.
    pub(crate) fn show(&mut self, snapshot: Arc<Snapshot>) {
        self.snapshot = snapshot;
        self.sort();
    }

    /// Sorts anew if rows or order are others.
    fn sort(&mut self) {
        let wanted = (self.snapshot.number, self.order, self.descending);
        if self.sorted == Some(wanted) {
            return;
        }
        self.sorted = Some(wanted);
        let rows = &self.snapshot.rows;
        self.places = places(rows, self.order);
        if self.descending {
            self.places.reverse();
        }
        // The cursor stays on its flow.
        let at = |cookie| self.places.iter().position(|place| rows[*place as usize].cookie == cookie);
        if let Some(cursor) = self.selected.and_then(at) {
            self.cursor = cursor;
        }
        self.move_to(self.cursor);
    }

    fn row(&self, at: usize) -> Option<&Row> {
        self.places.get(at).map(|place| &self.snapshot.rows[*place as usize])
    }

    fn move_to(&mut self, cursor: usize) {
        self.cursor = cursor.min(self.places.len().saturating_sub(1));
        self.selected = self.row(self.cursor).map(|row| row.cookie);
        self.first = self.first.clamp((self.cursor + 1).saturating_sub(self.visible), self.cursor);
    }

    /// What a key does.
    pub(crate) fn handle_key(&mut self, key: KeyEvent) -> Turn {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Turn::Last;
        }
        if self.typed.is_some() {
            return self.handle_typing(key.code);
        }
        if self.page {
            return self.handle_page_key(key.code);
        }
        match key.code {
            KeyCode::Char('q') => return Turn::Last,
            KeyCode::Up | KeyCode::Char('k') => self.move_to(self.cursor.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.move_to(self.cursor + 1),
            KeyCode::PageUp => self.move_to(self.cursor.saturating_sub(self.visible)),
            KeyCode::PageDown => self.move_to(self.cursor + self.visible),
            KeyCode::Home | KeyCode::Char('g') => self.move_to(0),
            KeyCode::End | KeyCode::Char('G') => self.move_to(usize::MAX - 1),
            KeyCode::Char('<') | KeyCode::Left => self.sort_by(Order::ALL.len() - 1),
            KeyCode::Char('>') | KeyCode::Right => self.sort_by(1),
            KeyCode::Char('r') => {
                self.descending = !self.descending;
                self.sort();
            }
            KeyCode::Char('/') => self.typed = Some((self.filter.clone(), None)),
            KeyCode::Enter => {
                self.page = self.selected.is_some();
                return Turn::Focus(self.selected);
            }
            _ => {}
        }
        Turn::Next
    }

    fn sort_by(&mut self, step: usize) {
        let now = Order::ALL.iter().position(|order| *order == self.order).unwrap_or(0);
        self.order = Order::ALL[(now + step) % Order::ALL.len()];
        self.sort();
    }

    fn handle_page_key(&mut self, code: KeyCode) -> Turn {
        match code {
            KeyCode::Char('q') => Turn::Last,
            KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace | KeyCode::Left => {
                self.page = false;
                Turn::Focus(None)
            }
            _ => Turn::Next,
        }
    }

    fn handle_typing(&mut self, code: KeyCode) -> Turn {
        let Some((text, complaint)) = &mut self.typed else { return Turn::Next };
        *complaint = None;
        match code {
            KeyCode::Esc => self.typed = None,
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(character) => text.push(character),
            KeyCode::Enter => match FlowFilter::parse(std::slice::from_ref(text)) {
                Ok(filter) => {
                    self.filter = std::mem::take(text);
                    self.typed = None;
                    return Turn::Filter(filter);
                }
                Err(error) => *complaint = Some(format!("{error:#}")),
            },
            _ => {}
        }
        Turn::Next
    }

    /// Draws the whole screen; only rows that are visible cost anything.
    pub(crate) fn draw(&mut self, frame: &mut Frame<'_>) {
        let [head, body, foot] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)])
                .areas(frame.area());
        frame.render_widget(self.head(), head);
        frame.render_widget(self.foot(), foot);
        match (&self.snapshot.focus, self.page) {
            (Some(focus), true) => flow_page::draw(frame, body, focus),
            (None, true) => frame.render_widget(Line::from("waiting for a sample"), body),
            (_, false) => self.draw_table(frame, body),
        }
    }

    fn draw_table(&mut self, frame: &mut Frame<'_>, area: Rect) {
        self.visible = usize::from(area.height.saturating_sub(1)).max(1);
        self.move_to(self.cursor);
        let rows: Vec<&Row> = (self.first..self.first + self.visible).map_while(|at| self.row(at)).collect();
        table::draw(frame, area, &rows, self.cursor - self.first, (self.order, self.descending));
    }

    fn head(&self) -> Line<'static> {
        let Snapshot { number, rows, took_s, .. } = &*self.snapshot;
        let flows =
            if *number == 0 { "asking the kernel".to_owned() } else { format!("{} flows", rows.len()) };
        let filter =
            if self.filter.is_empty() { String::new() } else { format!("  filter: {}", self.filter) };
        let took = if *took_s > 0.5 { format!("  a sample takes {took_s:.1} s") } else { String::new() };
        Line::from(vec![Span::from("wad top  ").bold(), Span::from(format!("{flows}{filter}{took}"))])
    }

    fn foot(&self) -> Line<'static> {
        match &self.typed {
            Some((text, None)) => Line::from(format!("filter: {text}_   (Enter, Esc)")),
            Some((text, Some(complaint))) => Line::from(vec![
                Span::from(format!("filter: {text}_  ")),
                Span::from(complaint.clone()).red(),
            ]),
            None if self.page => Line::from("Esc back  q quit").style(Style::new().dim()),
            None => Line::from("arrows move  < > sort  r reverse  / filter  Enter one flow  q quit")
                .style(Style::new().dim()),
        }
    }
}

/// The places of rows in their order.
fn places(rows: &[Row], order: Order) -> Vec<u32> {
    let numbers: Option<Vec<_>> =
        rows.iter().zip(0..).map(|(row, place)| Some((order.number(row)?, row.cookie, place))).collect();
    match numbers {
        Some(mut numbers) => {
            numbers.sort_unstable();
            numbers.into_iter().map(|(_, _, place)| place).collect()
        }
        None => {
            let mut places: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
            places
                .sort_unstable_by(|left, right| order.compare(&rows[*left as usize], &rows[*right as usize]));
            places
        }
    }
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::measure::made_up;
    use super::*;

    /// The screen as text, line by line.
    fn screen(app: &mut App, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| app.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(|y| line(y).trim_end().to_owned()).collect()
    }

    fn press(app: &mut App, code: KeyCode) -> Turn {
        app.handle_key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn app(flows: usize) -> App {
        let mut app = App::new(String::new());
        app.show(Arc::new(made_up(flows, 1)));
        app
    }

    #[test]
    fn the_smallest_screen_has_the_columns_that_matter() {
        let lines = screen(&mut app(1000), 80, 24);
        assert_eq!(lines[0], "wad top  1000 flows");
        for head in ["flow", "outv", "in", "rtt", "cwnd", "again", "control"] {
            assert!(lines[1].contains(head), "{head} in {}", lines[1]);
        }
        assert!(lines[2..23].iter().all(|line| line.starts_with("10.") && line.contains("/s")), "{lines:#?}");
        assert!(lines[23].starts_with("arrows move"));
    }

    #[test]
    fn the_cursor_stays_on_its_flow_when_the_order_changes() {
        let mut app = app(1000);
        screen(&mut app, 80, 24);
        press(&mut app, KeyCode::PageDown);
        let selected = app.selected;
        press(&mut app, KeyCode::Char('>'));
        press(&mut app, KeyCode::Char('r'));
        assert_eq!(app.selected, selected);
        app.show(Arc::new(made_up(1000, 2)));
        assert_eq!(app.selected, selected);
        assert!((app.first..app.first + app.visible).contains(&app.cursor), "and is visible");
    }

    #[test]
    fn rows_are_sorted_as_asked() {
        let mut app = app(500);
        let is_sorted = |app: &App, descending| {
            let values: Vec<_> = (0..500).map(|at| app.row(at).unwrap().out.unwrap()).collect();
            values.is_sorted_by(|left, right| if descending { left >= right } else { left <= right })
        };
        assert!(is_sorted(&app, true));
        press(&mut app, KeyCode::Char('r'));
        assert!(is_sorted(&app, false));
    }

    #[test]
    fn a_filter_is_typed_and_a_wrong_one_is_told() {
        let mut app = app(3);
        press(&mut app, KeyCode::Char('/'));
        "fast".chars().for_each(|character| drop(press(&mut app, KeyCode::Char(character))));
        assert!(matches!(press(&mut app, KeyCode::Enter), Turn::Next));
        assert!(screen(&mut app, 120, 24)[23].contains("expected KEY=VALUE"));
        for _ in 0..4 {
            press(&mut app, KeyCode::Backspace);
        }
        "port=443".chars().for_each(|character| drop(press(&mut app, KeyCode::Char(character))));
        assert!(matches!(press(&mut app, KeyCode::Enter), Turn::Filter(_)));
        assert!(screen(&mut app, 80, 24)[0].contains("filter: port=443"));
    }

    #[test]
    fn any_size_of_screen_and_any_number_of_flows_can_be_drawn() {
        for flows in [0, 1, 5000] {
            let mut app = app(flows);
            for (width, height) in [(1, 1), (20, 3), (80, 24), (300, 100)] {
                screen(&mut app, width, height);
                press(&mut app, KeyCode::End);
            }
        }
        assert!(matches!(press(&mut app(1), KeyCode::Char('q')), Turn::Last));
    }
}
