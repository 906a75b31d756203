//! Losses, gathered into events: retransmissions in samples that follow each other are one.

use crate::view::View;

/// An event of loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LossEvent {
    /// The index of the moment before it.
    pub(crate) at: usize,
    /// Segments sent again.
    pub(crate) retransmits: f64,
    /// The congestion window before it.
    pub(crate) cwnd: Option<f64>,
    /// The round-trip time before it, over the least one.
    pub(crate) inflation: Option<f64>,
}

/// All events of a flow, in order.
pub(crate) fn loss_events(view: &View<'_>) -> Vec<LossEvent> {
    let moments = &view.moments;
    let lost = |at: usize| {
        let (from, to) = (moments.get(at)?, moments.get(at + 1)?);
        Some(to.retransmits? - from.retransmits?).filter(|lost| *lost > 0.0)
    };
    let mut events = Vec::new();
    let mut at = 0;
    while at + 1 < moments.len() {
        let begin = at;
        let mut retransmits = 0.0;
        while let Some(more) = lost(at) {
            retransmits += more;
            at += 1;
        }
        if retransmits > 0.0 {
            // The sample after the loss may already have the window reduced.
            let around = &moments[begin.saturating_sub(1)..=begin + 1];
            let largest = |values: &mut dyn Iterator<Item = f64>| values.max_by(f64::total_cmp);
            events.push(LossEvent {
                at: begin,
                retransmits,
                // A capture does not show the window; what is under way is all of it while the window limits.
                cwnd: largest(&mut around.iter().filter_map(|moment| moment.cwnd.or(moment.unacked))),
                inflation: largest(&mut around.iter().filter_map(|moment| view.inflation(moment))),
            });
        }
        at += 1;
    }
    events
}
