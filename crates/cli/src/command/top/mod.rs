//! `wad top`
//!
//! ```text
//!   thread `collect`: samples, rates --> Snapshot --> this thread: keys, order, the rows that are visible
//! ```
//!
//! Collecting takes as long as the host has flows; drawing never waits for it.

mod app;
mod collect;
mod flow_page;
mod measure;
mod snapshot;
mod table;

use std::time::Duration;

use anyhow::Context as _;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use crate::arguments::Top;
use crate::collector::Collector;
use crate::failure::Failure;
use crate::flow_filter::FlowFilter;
use app::{App, Turn};
use collect::Collecting;

/// How long a key waits for its effect at most, and a new sample for its display.
const TICK: Duration = Duration::from_millis(50);

pub(crate) fn run(arguments: &Top) -> Result<(), Failure> {
    if let Some(flows) = arguments.measure {
        return measure::run(flows);
    }
    let filter = FlowFilter::parse(&arguments.filter).map_err(Failure::Misuse)?;
    let collector = Collector::new(filter, &arguments.daemon.runtime_dir)?;
    let collecting = Collecting::start(collector, arguments.interval)?;
    let mut app = App::new(arguments.filter.join(" "));
    let mut terminal = ratatui::try_init().context("wad top needs a terminal")?;
    let result = watch(&mut terminal, &mut app, &collecting);
    ratatui::restore();
    result
}

fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    app: &mut App,
    collecting: &Collecting,
) -> Result<(), Failure> {
    loop {
        if let Some(failure) = collecting.failure() {
            return Err(failure);
        }
        app.show(collecting.latest());
        terminal.draw(|frame| app.draw(frame))?;
        if !event::poll(TICK)? {
            continue;
        }
        let Event::Key(key) = event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match app.handle_key(key) {
            Turn::Next => {}
            Turn::Focus(cookie) => collecting.focus(cookie),
            Turn::Filter(filter) => collecting.filter(filter),
            Turn::Last => return Ok(()),
        }
    }
}
