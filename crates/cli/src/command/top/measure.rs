//! How long a frame takes, with flows that are made up: `wad top --measure FLOWS`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wad_linux::ControlName;
use wad_model::FlowKey;

use super::app::App;
use super::snapshot::{Row, Snapshot};
use crate::failure::Failure;
use crate::output;

const FRAMES: u64 = 100;
const SCREENS: [(u16, u16); 2] = [(80, 24), (200, 60)];

/// Each frame shows other numbers, by another order, further down: as much work as a frame can be.
pub(crate) fn run(flows: usize) -> Result<(), Failure> {
    let snapshots: Vec<_> = (1..=FRAMES).map(|number| Arc::new(made_up(flows, number))).collect();
    for (width, height) in SCREENS {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).map_err(anyhow::Error::from)?;
        let mut app = App::new(String::new());
        let mut times = Vec::new();
        for snapshot in &snapshots {
            let begun = Instant::now();
            app.show(Arc::clone(snapshot));
            app.handle_key(KeyEvent::new(KeyCode::PageDown, KeyModifiers::NONE));
            app.handle_key(KeyEvent::new(KeyCode::Char('>'), KeyModifiers::NONE));
            terminal.draw(|frame| app.draw(frame)).map_err(anyhow::Error::from)?;
            times.push(begun.elapsed());
        }
        times.sort();
        output::print(format_args!(
            "{flows} flows, {width}x{height}: a frame takes {:.1} ms, the slowest of {FRAMES} {:.1} ms (bar: 100 ms)",
            milliseconds(times[times.len() / 2]),
            milliseconds(times[times.len() - 1]),
        ))?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Rows whose numbers are all over the place, and others in each snapshot.
pub(crate) fn made_up(flows: usize, number: u64) -> Snapshot {
    let rows = (0..flows as u64).map(|flow| {
        // Multiplicative hashing spreads neighbours (Knuth, TAOCP 6.4).
        let mixed = (flow + number * 7919).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [a, b, c, d, ..] = mixed.to_be_bytes();
        let end = |last, port| SocketAddr::from((Ipv4Addr::new(10, b, c, last), port));
        Row {
            cookie: flow,
            key: FlowKey::new(end(1, 5201), end(d, u16::from_be_bytes([c, d]))),
            namespace: 4_026_531_840,
            path: (a > 200).then(|| format!("path-{}", b % 16)),
            state: "established",
            control: ControlName::default(),
            out: Some(f64::from(u32::from_be_bytes([a, b, c, d]))),
            into: (b > 100).then(|| f64::from(c) * 1e4),
            rtt_us: Some(u64::from(a) * 500),
            window: Some(u64::from(b)),
            retransmits: Some(u64::from(d)),
        }
    });
    Snapshot { number, rows: rows.collect(), focus: None, took_s: 0.0 }
}
