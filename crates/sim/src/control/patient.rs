//! Grows in proportion to the window as long as the queue adds less than `patience` to the round trip.

use serde::{Deserialize, Serialize};

use super::{Ack, Congestion, CongestionControl, Needs, Setup, Window};

/// The parameters of [`Patient`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PatientConfig {
    /// Segments gained for each segment acknowledged.
    pub gain: f64,
    /// The part of the smallest round trip that a queue may add.
    pub patience: f64,
}

impl Default for PatientConfig {
    fn default() -> Self {
        Self { gain: 0.01, patience: 0.1 }
    }
}

impl PatientConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the parameter, its value and what would be possible.
    pub fn validate(&self) -> Result<(), String> {
        if self.gain > 0.0 { Ok(()) } else { Err(format!("gain = {}: give a number above 0", self.gain)) }
    }
}

/// The control.
#[derive(Clone, Copy, Debug)]
pub struct Patient {
    config: PatientConfig,
    queue_is_long: bool,
}

impl Patient {
    /// A control at the start of its flow.
    #[must_use]
    pub fn new(config: &PatientConfig, _setup: &Setup) -> Self {
        Self { config: *config, queue_is_long: false }
    }
}

impl CongestionControl for Patient {
    fn needs(&self) -> Needs {
        Needs { rtt_each_ack: true, ..Needs::default() }
    }

    fn on_sample(&mut self, _window: &mut Window, ack: &Ack) {
        if let Some(rtt) = ack.rtt {
            let most = ack.min_rtt.as_secs_f64() * (1.0 + self.config.patience);
            self.queue_is_long = rtt.as_secs_f64() > most;
        }
    }

    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let gain = if window.in_slow_start() { 1.0 } else { self.config.gain };
        if !self.queue_is_long {
            window.grow(gain * f64::from(ack.credit));
        }
    }

    fn on_congestion(&mut self, _window: &Window, congestion: &Congestion) -> f64 {
        congestion.usable * 0.875
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Flow, SETUP};
    use super::*;

    fn round(flow: &mut Flow<Patient>, control: &mut Patient, rtt: u64) -> u32 {
        flow.round(rtt, |window, ack| {
            control.on_sample(window, ack);
            control.on_ack(window, ack);
        })
    }

    #[test]
    fn it_grows_while_the_queue_is_short() {
        let config = PatientConfig::default();
        config.validate().unwrap();
        let (mut flow, mut control) = (Flow::new(), Patient::new(&config, &SETUP));
        assert_eq!([100, 100, 109].map(|rtt| round(&mut flow, &mut control, rtt)), [20, 40, 80]);
        assert_eq!(round(&mut flow, &mut control, 111), 80, "a tenth of 100 ms is all its patience");
        flow.window.ssthresh = 40.0;
        assert_eq!(
            round(&mut flow, &mut control, 100),
            80,
            "a hundredth of the window, by then less than one"
        );
        assert!((flow.window.cwnd - 80.8).abs() < 1e-9);
    }

    /// The document shows this file, up to the tests.
    #[test]
    fn the_document_shows_it() {
        let (shown, _) = include_str!("patient.rs").split_once("\n#[cfg(test)]").unwrap();
        assert!(include_str!("../../../../docs/SIMULATION.md").contains(shown));
    }
}
