//! What a flow's application has written at a time.

use wad_model::{Bytes, Time};

use crate::nanos::Nanos;
use crate::scenario::{Application, FlowConfig};
use crate::tcp::core::NEVER;

/// Decides how far the data of a flow reaches.
#[derive(Clone, Debug)]
#[repr(C)]
pub(crate) struct Writer {
    /// When it has something to do next.
    pub(crate) wakes: Time,
    pub(crate) started: bool,
    plan: Plan,
    pub(crate) start: Time,
    stop: Time,
}

#[derive(Clone, Copy, Debug)]
enum Plan {
    Endless,
    Once { segments: u32 },
    Every { interval: Nanos, segments: u32 },
    OnOff { on: Nanos, off: Nanos, sending: bool },
    Request { segments: u32, think: Nanos },
}

/// More segments than any run sends.
const ENDLESS: u32 = u32::MAX;

impl Writer {
    /// A file is sent from `start` on.
    pub(crate) fn of_file(size: Bytes, start: Time, segment: Bytes) -> Self {
        Self::of(Plan::Once { segments: segments_of(size, segment) }, start, NEVER)
    }

    pub(crate) fn new(config: &FlowConfig, start: Time, segment: Bytes) -> Self {
        let segments = |size| segments_of(size, segment);
        let plan = match config.application {
            Application::Bulk | Application::Window { .. } => Plan::Endless,
            Application::File { size } => Plan::Once { segments: segments(size) },
            Application::Bursts { every, size } => {
                Plan::Every { interval: every.into(), segments: segments(size) }
            }
            Application::OnOff { on, off } => Plan::OnOff { on: on.into(), off: off.into(), sending: false },
            Application::Request { response, think } => {
                Plan::Request { segments: segments(response), think: think.into() }
            }
        };
        let stop = config.stop.map_or(NEVER, |stop| Nanos::from(stop).after(Time::ZERO));
        Self::of(plan, start, stop)
    }

    fn of(plan: Plan, start: Time, stop: Time) -> Self {
        Self { plan, start, stop, wakes: start, started: false }
    }

    /// Its time has come; `sent` is one past the last segment sent, `written` where the data ended so far. Returns
    /// where it ends now.
    pub(crate) fn handle_wake(&mut self, now: Time, sent: u32, written: u32) -> u32 {
        if now >= self.stop {
            self.wakes = NEVER;
            return sent.max(1);
        }
        // The SYN comes before the data.
        let written = if self.started { written } else { 1 };
        self.started = true;
        let (end, next) = match &mut self.plan {
            Plan::Endless => (ENDLESS, NEVER),
            Plan::Once { segments } => (written.saturating_add(*segments), NEVER),
            Plan::Every { interval, segments } => (written.saturating_add(*segments), interval.after(now)),
            Plan::Request { segments, .. } => (written.saturating_add(*segments), NEVER),
            Plan::OnOff { on, off, sending } => {
                *sending = !*sending;
                if *sending { (ENDLESS, on.after(now)) } else { (sent.max(1), off.after(now)) }
            }
        };
        self.wakes = next.min(self.stop);
        end
    }

    /// All that was written is acknowledged. Returns whether nothing more will come.
    pub(crate) fn handle_all_acknowledged(&mut self, now: Time) -> bool {
        match self.plan {
            Plan::Request { think, .. } => {
                if self.wakes == self.stop {
                    self.wakes = think.after(now).min(self.stop);
                }
                false
            }
            Plan::Once { .. } => true,
            _ => self.wakes == NEVER && now >= self.stop,
        }
    }
}

fn segments_of(size: Bytes, segment: Bytes) -> u32 {
    u32::try_from(size.get().div_ceil(segment.get())).unwrap_or(u32::MAX - 1).max(1)
}
