//! Flows of no path, as far as the sums of metrics go.

use std::collections::HashMap;
use std::time::Duration;

use wad_linux::{LinuxError, SocketStates, Survey};
use wad_model::Time;

use super::flows::Flows;
use crate::metrics::{Group, Tally, Totals, tally};

/// The least time between two looks: asking for each socket of a host takes time.
const INTERVAL: Duration = Duration::from_secs(10);

/// Flows of no path. What one did after it was last seen is not known, nor one that came and went between two looks.
#[derive(Debug)]
pub(super) struct Others {
    survey: Survey,
    due: Time,
    /// `None` before the first look: what flows did before that is not counted.
    known: Option<HashMap<u64, Tally>>,
}

impl Others {
    pub(super) fn new() -> Self {
        Self { survey: Survey::new(SocketStates::CONNECTIONS), due: Time::ZERO, known: None }
    }

    /// Looks at them, if it is time to.
    pub(super) fn look(
        &mut self,
        now: Time,
        interval: Duration,
        designated: &Flows,
        totals: &mut Totals,
    ) -> Result<(), LinuxError> {
        if now < self.due {
            return Ok(());
        }
        self.due = now + interval.max(INTERVAL);
        let samples = self.survey.take(Vec::new())?;
        let others = samples.iter().filter(|sample| !designated.contains(sample.cookie));
        let before = self.known.take();
        let mut seen = HashMap::new();
        for sample in others {
            let has = tally(|counter| sample.counters.get(counter).unwrap_or_default());
            if let Some(before) = &before {
                let had = before.get(&sample.cookie).copied().unwrap_or_default();
                totals.add(&Group::Other, &std::array::from_fn(|at| has[at].saturating_sub(had[at])));
            }
            seen.insert(sample.cookie, has);
        }
        let open = seen.len() as u64;
        if let Some(before) = before {
            let came = seen.keys().filter(|cookie| !before.contains_key(*cookie)).count() as u64;
            totals.note_others(open, came, before.len() as u64 + came - open);
        } else {
            totals.note_others(open, 0, 0);
        }
        self.known = Some(seen);
        Ok(())
    }
}
