//! What a link is made of, as written in a scenario file.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wad_model::{Bytes, Rate, serde_duration};

use crate::discipline::Discipline;
use crate::error::ConfigError;
use crate::schedule::Schedule;

/// Both directions of a path.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PathConfig {
    /// From the first end to the second.
    pub forward: LinkConfig,
    /// From the second end to the first.
    pub backward: LinkConfig,
}

impl PathConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the first key at fault, its value, and what to do.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.forward.validate().map_err(|e| e.inside("forward"))?;
        self.backward.validate().map_err(|e| e.inside("backward"))
    }
}

/// One direction of a path. By default a perfect one: no limit, no delay, no loss.
///
/// ```toml
/// rate = "622 Mbit/s"
/// delay = "35 ms"
/// queue = { bytes = "5442500 B" }
/// discipline = { codel = { target = "5 ms", interval = "100 ms", ecn = true } }
/// loss = { random = { probability = 1e-5 } }
/// reordering = { probability = 0.001, depth = 5 }
/// jitter = { mean = "2 ms", spread = "500 us", distribution = "normal" }
/// duplication = 1e-6
/// policer = { rate = "100 Mbit/s", burst = "200 kB" }
/// shaper = { rate = "100 Mbit/s", burst = "200 kB" }
/// black_hole = "1400 B"
/// outage = { after = "2 s", length = "500 ms" }
/// schedule = { steps = [{ at = "10 s", rate = "155 Mbit/s" }, { at = "20 s", delay = "50 ms" }], repeat = "30 s" }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinkConfig {
    /// What the wire carries; none is an infinite rate, under which nothing ever waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// The one-way propagation delay.
    #[serde(with = "serde_duration")]
    pub delay: Duration,
    /// The room before the wire.
    pub queue: Queue,
    /// Who is dropped or marked before it is full, and who goes next.
    pub discipline: Discipline,
    /// Which packets are lost, congestion apart.
    pub loss: Loss,
    /// Which packets are overtaken by later ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reordering: Option<Reordering>,
    /// One-way delay on top of `delay` that changes from packet to packet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<Jitter>,
    /// The probability that a packet arrives twice.
    pub duplication: f64,
    /// Drops what exceeds a contract, before the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policer: Option<TokenBucket>,
    /// Delays what exceeds a contract: what waits for it takes room in the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shaper: Option<TokenBucket>,
    /// A time in which every packet is lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outage: Option<Outage>,
    /// Packets larger than this vanish without a word, as behind a router whose ICMP is filtered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub black_hole: Option<Bytes>,
    /// How rate and delay change over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
}

impl LinkConfig {
    /// Checks what the types cannot express.
    ///
    /// # Errors
    /// Names the first key at fault, its value, and what to do.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if let Some(rate) = self.rate {
            not_zero("rate", rate.as_bps(), "leave the key out for an infinite rate")?;
        }
        self.queue.validate()?;
        self.discipline.validate()?;
        self.loss.validate()?;
        self.reordering.as_ref().map_or(Ok(()), Reordering::validate)?;
        self.jitter.as_ref().map_or(Ok(()), Jitter::validate)?;
        self.policer.map_or(Ok(()), |bucket| bucket.validate("policer"))?;
        self.shaper.map_or(Ok(()), |bucket| bucket.validate("shaper"))?;
        self.schedule.as_ref().map_or(Ok(()), |schedule| schedule.validate(self.rate))?;
        probability("duplication", self.duplication)
    }
}

/// The room before the wire: a packet that finds none is dropped.
///
/// The limit counts the packets that wait and the one that is being sent. A packet makes room at the
/// instant its last bit has left, and one that enters at that same instant finds the room.
///
/// ns-2 drops when `waiting + 1 >= limit`, where the one in service does not wait: on a busy wire that
/// is the same rule. It differs twice: with a limit of 1, where ns-2 drops every packet and this queue
/// sends those that find the wire idle; and with a limit in bytes, where ns-2 counts neither the packet
/// in service nor a packet that would fill the queue exactly as fitting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Queue {
    /// Room for everything.
    #[default]
    Unlimited,
    /// Room for so many packets, the one in service included.
    Packets(u64),
    /// Room for packets of so many bytes in total, the whole packet in service included.
    Bytes(Bytes),
}

impl Queue {
    fn validate(self) -> Result<(), ConfigError> {
        const REMEDY: &str = "the packet in service counts, so give at least one packet, or \"unlimited\"";
        match self {
            Self::Unlimited => Ok(()),
            Self::Packets(limit) => not_zero("queue.packets", limit, REMEDY),
            Self::Bytes(limit) => not_zero("queue.bytes", limit.get(), REMEDY),
        }
    }
}

/// Which of the entering packets are lost before the queue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Loss {
    /// None of them.
    #[default]
    None,
    /// Each for itself (Bernoulli).
    Random {
        /// The probability that a packet is lost.
        probability: f64,
    },
    /// Exactly these.
    List {
        /// Positions in order of entry, counted from 0; the order of the list does not matter.
        packets: Vec<u64>,
    },
    /// The n-th, the 2n-th, and so on: positions n-1, 2n-1, ... when counted from 0.
    Every {
        /// One packet in so many.
        nth: u64,
    },
    /// Bursts: a chain of two states, each with its own probability of loss (Gilbert 1960, Elliott 1963).
    ///
    /// The chain starts in the good state. A packet is judged in the state it finds, then the chain
    /// moves. The fraction of time in the bad state is `good_to_bad / (good_to_bad + bad_to_good)`;
    /// with `loss_good = 0` and `loss_bad = 1` a burst has `1 / bad_to_good` packets in the mean.
    GilbertElliott {
        /// The probability, at each packet, of leaving the good state.
        good_to_bad: f64,
        /// The probability, at each packet, of leaving the bad state.
        bad_to_good: f64,
        /// The probability of loss in the good state.
        loss_good: f64,
        /// The probability of loss in the bad state.
        loss_bad: f64,
    },
}

impl Loss {
    fn validate(&self) -> Result<(), ConfigError> {
        match *self {
            Self::None | Self::List { .. } => Ok(()),
            Self::Random { probability: p } => probability("loss.random.probability", p),
            Self::Every { nth } => {
                not_zero("loss.every.nth", nth, "give 1 or more, or loss = \"none\" to lose nothing")
            }
            Self::GilbertElliott { good_to_bad, bad_to_good, loss_good, loss_bad } => {
                probability("loss.gilbert_elliott.good_to_bad", good_to_bad)?;
                probability("loss.gilbert_elliott.bad_to_good", bad_to_good)?;
                probability("loss.gilbert_elliott.loss_good", loss_good)?;
                probability("loss.gilbert_elliott.loss_bad", loss_bad)
            }
        }
    }
}

/// Packets that later ones overtake.
///
/// A chosen packet leaves the serialiser in its turn and is then held until `depth` later packets have
/// left it and gone ahead. Where they do not come within `timeout`, it goes on without them. Packets
/// that are held together stay in order among themselves, and none counts for another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reordering {
    /// The probability that a packet is held.
    pub probability: f64,
    /// How many packets overtake it.
    pub depth: u32,
    /// How long it waits for them at most, from its departure.
    #[serde(with = "serde_duration", default = "Reordering::default_timeout")]
    pub timeout: Duration,
}

impl Reordering {
    /// The `timeout` where a configuration names none: 50 ms.
    #[must_use]
    pub const fn default_timeout() -> Duration {
        Duration::from_millis(50)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        probability("reordering.probability", self.probability)?;
        not_zero(
            "reordering.depth",
            self.depth.into(),
            "give the number of packets that overtake, or leave reordering out",
        )
    }
}

/// A contract: a mean rate, and how much may come at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenBucket {
    /// The mean rate.
    pub rate: Rate,
    /// The bucket's depth; at least a packet of the largest size, which else never conforms.
    pub burst: Bytes,
}

impl TokenBucket {
    fn validate(self, key: &str) -> Result<(), ConfigError> {
        not_zero(
            &format!("{key}.rate"),
            self.rate.as_bps(),
            "give the contract's rate, or leave the key out",
        )?;
        not_zero(&format!("{key}.burst"), self.burst.get(), "give at least the size of a packet")
    }
}

/// An interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// When it begins, counted from the first packet.
    #[serde(with = "serde_duration")]
    pub after: Duration,
    /// How long it lasts.
    #[serde(with = "serde_duration")]
    pub length: Duration,
}

impl Outage {
    /// Whether it is on, so long after the first packet.
    pub(crate) fn covers(&self, since_first: Duration) -> bool {
        since_first >= self.after && since_first - self.after < self.length
    }
}

/// Delay that changes from packet to packet, drawn for each on its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jitter {
    /// The mean of the extra one-way delay.
    #[serde(with = "serde_duration")]
    pub mean: Duration,
    /// How far it strays from the mean; what that is depends on the distribution.
    #[serde(with = "serde_duration", default)]
    pub spread: Duration,
    /// How it is distributed.
    #[serde(default)]
    pub distribution: Distribution,
    /// Whether a packet with less jitter may overtake; otherwise it waits for the one before it, and
    /// the mean of the delay is then larger than `mean` where packets follow closely.
    #[serde(default)]
    pub reorder: bool,
}

impl Jitter {
    fn validate(&self) -> Result<(), ConfigError> {
        let Self { mean, spread, .. } = *self;
        let key = || "jitter.spread".to_owned();
        match self.distribution {
            Distribution::Uniform if spread > mean => {
                Err(ConfigError::SpreadBeyondMean { key: key(), spread, mean })
            }
            Distribution::Exponential if !spread.is_zero() => {
                Err(ConfigError::SpreadOfExponential { key: key(), spread })
            }
            _ => Ok(()),
        }
    }
}

/// The distribution of [`Jitter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Every value within `spread` of the mean is equally likely.
    #[default]
    Uniform,
    /// Bell-shaped with `spread` as the standard deviation, truncated at zero and at six deviations.
    /// The truncation raises the mean noticeably where `spread` is more than half of it.
    Normal,
    /// Many small and a few large delays; it has no `spread`, the standard deviation is the mean.
    Exponential,
}

pub(crate) fn probability(key: &str, value: f64) -> Result<(), ConfigError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Probability { key: key.to_owned(), value })
}

pub(crate) fn not_zero(key: &str, value: u64, remedy: &'static str) -> Result<(), ConfigError> {
    if value > 0 {
        return Ok(());
    }
    Err(ConfigError::Zero { key: key.to_owned(), remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> LinkConfig {
        toml::from_str(text).unwrap()
    }

    fn fault(text: &str) -> String {
        read(text).validate().unwrap_err().to_string()
    }

    #[test]
    fn an_empty_table_is_a_perfect_link() {
        assert_eq!(read(""), LinkConfig::default());
        assert_eq!(read("").validate(), Ok(()));
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(read("queue = \"unlimited\"").queue, Queue::Unlimited);
        assert_eq!(read("queue = { packets = 100 }").queue, Queue::Packets(100));
        assert_eq!(read("queue = { bytes = \"5442500 B\" }").queue, Queue::Bytes(Bytes::new(5_442_500)));
        assert_eq!(read("loss = \"none\"").loss, Loss::None);
        assert_eq!(read("loss = { random = { probability = 1 } }").loss, Loss::Random { probability: 1.0 });
        assert_eq!(read("loss = { list = { packets = [7, 3] } }").loss, Loss::List { packets: vec![7, 3] });
        assert_eq!(read("loss = { every = { nth = 10 } }").loss, Loss::Every { nth: 10 });
        let held = read("reordering = { probability = 0.5, depth = 3 }").reordering.unwrap();
        assert_eq!(held.timeout, Duration::from_millis(50));
        let jitter = read("jitter = { mean = \"2 ms\", distribution = \"exponential\" }").jitter.unwrap();
        assert_eq!((jitter.spread, jitter.reorder), (Duration::ZERO, false));
    }

    #[test]
    fn a_configuration_survives_its_text_form() {
        let config = read(
            r#"
            rate = "622 Mbit/s"
            delay = "35 ms"
            queue = { packets = 300 }
            loss = { gilbert_elliott = { good_to_bad = 0.01, bad_to_good = 0.2, loss_good = 0.0, loss_bad = 1.0 } }
            reordering = { probability = 0.001, depth = 5, timeout = "20 ms" }
            jitter = { mean = "2 ms", spread = "500 us", distribution = "normal", reorder = true }
            duplication = 0.25
            discipline = { fq_codel = { flows = 16, quantum = "300 B", codel = { target = "1 ms", interval = "20 ms", ecn = false } } }
            schedule = { steps = [{ at = "1 s", rate = "10 Mbit/s" }, { at = "2 s", delay = "5 ms" }], repeat = "3 s" }
            policer = { rate = "100 Mbit/s", burst = "200 KiB" }
            shaper = { rate = "90 Mbit/s", burst = "20 KiB" }
            black_hole = "1400 B"
            outage = { after = "2 s", length = "500 ms" }
            "#,
        );
        assert_eq!(read(&toml::to_string(&config).unwrap()), config);
    }

    #[test]
    fn an_unknown_key_is_refused_at_every_level() {
        for text in [
            "dealy = \"1 ms\"",
            "loss = { random = { probabilty = 0.1 } }",
            "loss = { random = { probability = 0.1, seed = 1 } }",
            "reordering = { probability = 0.1, depth = 1, gap = 2 }",
            "jitter = { mean = \"1 ms\", std = \"1 ms\" }",
        ] {
            assert!(toml::from_str::<LinkConfig>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_fault_names_key_value_and_remedy() {
        assert_eq!(
            fault("loss = { random = { probability = 1.5 } }"),
            "loss.random.probability = 1.5 is not a probability: give a number from 0 to 1"
        );
        assert_eq!(fault("rate = \"0 bit/s\""), "rate is 0: leave the key out for an infinite rate");
        assert_eq!(
            fault("jitter = { mean = \"1 ms\", spread = \"2 ms\" }"),
            "jitter.spread = \"2 ms\" is more than the mean, \"1 ms\": a packet cannot gain time; \
             lower it or raise the mean"
        );
    }

    #[test]
    fn everything_out_of_range_is_found() {
        for (key, text) in [
            ("queue.packets", "queue = { packets = 0 }"),
            ("queue.bytes", "queue = { bytes = \"0 B\" }"),
            ("loss.every.nth", "loss = { every = { nth = 0 } }"),
            ("reordering.depth", "reordering = { probability = 0.1, depth = 0 }"),
            ("reordering.probability", "reordering = { probability = -0.1, depth = 1 }"),
            ("duplication", "duplication = nan"),
            ("discipline.red.max", "discipline = { red = { min = 5, max = 4 } }"),
            ("discipline.red.min", "discipline = { red = { min = -1 } }"),
            ("discipline.codel.target", "discipline = { codel = { target = \"0 s\" } }"),
            ("discipline.fq_codel.flows", "discipline = { fq_codel = { flows = 0 } }"),
            (
                "discipline.fq_codel.codel.interval",
                "discipline = { fq_codel = { codel = { interval = \"0 s\" } } }",
            ),
            ("schedule.steps[0].rate", "schedule = { steps = [{ at = \"1 s\", rate = \"1 Mbit/s\" }] }"),
            ("schedule.steps[0]", "schedule = { steps = [{ at = \"1 s\" }] }"),
            (
                "schedule.steps[1].at",
                "schedule = { steps = [{ at = \"2 s\", delay = \"1 ms\" }, { at = \"1 s\", delay = \"2 ms\" }] }",
            ),
            ("schedule.repeat", "schedule = { steps = [], repeat = \"0 s\" }"),
            ("policer.rate", "policer = { rate = \"0 bit/s\", burst = \"1 B\" }"),
            ("shaper.burst", "shaper = { rate = \"1 bit/s\", burst = \"0 B\" }"),
            (
                "jitter.spread",
                "jitter = { mean = \"1 ms\", spread = \"1 ms\", distribution = \"exponential\" }",
            ),
        ] {
            assert_eq!(read(text).validate().unwrap_err().key(), key);
        }
        let path: PathConfig = toml::from_str("backward = { duplication = 2.0 }").unwrap();
        assert_eq!(path.validate().unwrap_err().key(), "backward.duplication");
    }
}
