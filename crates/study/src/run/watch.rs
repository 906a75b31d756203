//! Who looks at a run, and how often.

use std::io::Write;
use std::time::Duration;

use wad_model::Time;
use wad_sim::{FlowId, FlowState, LinkId, LinkState, Nanos, Observer};

use super::picture::Picture;
use super::record::Recorder;

/// Records a run, or gathers what its picture needs, or both.
#[derive(Debug)]
pub struct Watcher<W: Write> {
    /// What records.
    pub recorder: Option<Recorder<W>>,
    /// What gathers for the picture.
    pub picture: Option<Picture>,
}

impl<W: Write> Observer for Watcher<W> {
    const CHANGES: bool = true;

    fn interval(&self) -> Option<Nanos> {
        let recorded = self.recorder.as_ref().and_then(Recorder::interval);
        let drawn = self.picture.as_ref().map(Picture::interval);
        common(recorded, drawn).map(Nanos::from)
    }

    fn queue_wanted(&self, flow: FlowId) -> Option<LinkId> {
        self.recorder.as_ref().and_then(|recorder| recorder.queue_wanted(flow))
    }

    fn on_queue(&mut self, _: Time, link: LinkId, bytes: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.queue(link, bytes);
        }
    }

    fn on_change(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        if let Some(recorder) = &mut self.recorder {
            recorder.change(now, flow, state);
        }
    }

    fn on_flow_sample(&mut self, now: Time, flow: FlowId, state: &FlowState) {
        if let Some(recorder) = &mut self.recorder {
            recorder.flow_sample(now, flow, state);
        }
        if let Some(picture) = &mut self.picture {
            picture.flow_sample(now, flow, state);
        }
    }

    fn on_link_sample(&mut self, now: Time, link: LinkId, state: &LinkState) {
        if let Some(recorder) = &mut self.recorder {
            recorder.link_sample(now, link, state);
        }
        if let Some(picture) = &mut self.picture {
            picture.link_sample(now, link, state);
        }
    }
}

/// An interval that divides that of the recording, whose times are asked for, and is about that of the picture if that is
/// shorter.
fn common(recorded: Option<Duration>, drawn: Option<Duration>) -> Option<Duration> {
    let (Some(recorded), Some(drawn)) = (recorded, drawn) else { return recorded.or(drawn) };
    let parts = recorded.as_nanos().div_ceil(drawn.as_nanos().max(1));
    let even = (parts..=2 * parts).find(|parts| recorded.as_nanos() % parts == 0).unwrap_or(1);
    Some(recorded / u32::try_from(even).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_gets_its_own_times() {
        let ms = Duration::from_millis;
        assert_eq!(common(Some(ms(100)), Some(ms(40))), Some(Duration::from_nanos(25_000_000)));
        assert_eq!(common(Some(ms(100)), Some(ms(500))), Some(ms(100)));
        assert_eq!(common(None, Some(ms(40))), Some(ms(40)));
        assert_eq!(common(None, None), None);
    }
}
