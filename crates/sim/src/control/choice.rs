//! Which control a flow has: by name in a scenario, without a call through a pointer when it runs.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};
use wad_model::{Bytes, Rate, Time};

use super::{
    Ack, Congestion, CongestionControl, Idle, Needs, Setup, Window, bbr1, bbr3, cubic, dctcp, high_speed,
    reno, scalable, vegas, virtual_mss, wad,
};

/// What a variant holds: the control, or what is named instead.
macro_rules! held {
    ($control:ty) => {
        $control
    };
    ($control:ty, $held:ty) => {
        $held
    };
}

/// Makes the enums: one line a control, with its variant, its name in scenarios, its type (in a box if each flow
/// would be larger for it), and the type of its parameters.
macro_rules! controls {
    ($($(#[$about:meta])* $name:ident = $text:literal: $control:ty $(=> $held:ty)?, $config:ty;)*) => {
        /// A control with its state. Its tag is a byte of its own, as each ACK looks at it several times.
        #[derive(Clone, Debug)]
        #[repr(u8)]
        pub enum Control {
            $($(#[$about])* $name(held!($control $(, $held)?)),)*
        }

        /// A control with its parameters. In a scenario `control = "reno"`, or with parameters
        /// `control = { reno = { additive_increase = 4.0 } }`.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        pub enum ControlConfig {
            $($(#[$about])* #[serde(rename = $text)] $name($config),)*
        }

        /// The same for the derived reader; the one of `ControlConfig` also takes a bare name.
        #[derive(DeriveDeserialize)]
        enum Table {
            $(#[serde(rename = $text)] $name($config),)*
        }

        impl From<Table> for ControlConfig {
            fn from(table: Table) -> Self {
                match table { $(Table::$name(config) => Self::$name(config),)* }
            }
        }

        impl Control {
            /// A control at the start of its flow.
            #[must_use]
            pub fn new(config: &ControlConfig, setup: &Setup) -> Self {
                match config {
                    $(ControlConfig::$name(config) => Self::$name(<$control>::new(config, setup).into()),)*
                }
            }
        }

        impl ControlConfig {
            /// Its name, without the parameters.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => $text,)* }
            }

            /// Checks what the types cannot express.
            ///
            /// # Errors
            /// Names the parameter, its value and what would be possible.
            pub fn validate(&self) -> Result<(), String> {
                match self { $(Self::$name(config) => config.validate(),)* }
            }
        }

        impl CongestionControl for Control {
            fn needs(&self) -> Needs {
                match self { $(Self::$name(control) => control.needs(),)* }
            }

            #[inline]
            fn on_sample(&mut self, window: &mut Window, ack: &Ack) {
                match self { $(Self::$name(control) => control.on_sample(window, ack),)* }
            }

            #[inline]
            fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
                match self { $(Self::$name(control) => control.on_ack(window, ack),)* }
            }

            fn on_congestion(&mut self, window: &Window, congestion: &Congestion) -> f64 {
                match self { $(Self::$name(control) => control.on_congestion(window, congestion),)* }
            }

            fn on_exit_recovery(&mut self, window: &mut Window, now: Time) {
                match self { $(Self::$name(control) => control.on_exit_recovery(window, now),)* }
            }

            fn on_undo(&mut self, window: &mut Window, before: Window) {
                match self { $(Self::$name(control) => control.on_undo(window, before),)* }
            }

            fn on_idle(&mut self, window: &mut Window, idle: &Idle) {
                match self { $(Self::$name(control) => control.on_idle(window, idle),)* }
            }

            #[inline]
            fn pacing_rate(&self) -> Option<Rate> {
                match self { $(Self::$name(control) => control.pacing_rate(),)* }
            }

            fn phase(&self, window: &Window) -> &'static str {
                match self { $(Self::$name(control) => control.phase(window),)* }
            }
        }
    };
}

controls! {
    /// Additive increase, multiplicative decrease (RFC 5681), with its parameters adjustable.
    Reno = "reno": reno::Reno, reno::RenoConfig;
    /// The same by the name of its family, for those who adjust the parameters.
    Aimd = "aimd": reno::Reno, reno::RenoConfig;
    /// Standard TCP that grows as if its segments were K times as large.
    VirtualMss = "virtual_mss": virtual_mss::VirtualMss, virtual_mss::VirtualMssConfig;
    /// HighSpeed TCP (RFC 3649).
    HighSpeed = "high_speed": high_speed::HighSpeed, high_speed::HighSpeedConfig;
    /// Scalable TCP (Kelly 2003).
    Scalable = "scalable": scalable::Scalable, scalable::ScalableConfig;
    /// TCP Vegas (Brakmo and Peterson 1995).
    Vegas = "vegas": vegas::Vegas, vegas::VegasConfig;
    /// CUBIC (RFC 9438).
    Cubic = "cubic": cubic::Cubic, cubic::CubicConfig;
    /// Data Center TCP (RFC 8257).
    Dctcp = "dctcp": dctcp::Dctcp, dctcp::DctcpConfig;
    /// BBR, the first version.
    Bbr1 = "bbr1": bbr1::Bbr1 => Box<bbr1::Bbr1>, bbr1::Bbr1Config;
    /// BBR, the third version.
    Bbr3 = "bbr3": bbr3::Bbr3 => Box<bbr3::Bbr3>, bbr3::Bbr3Config;
    /// The control of the daemon.
    Wad = "wad": wad::Wad => Box<wad::Wad>, wad::WadConfig;
}

impl ControlConfig {
    /// What the control wants of its sender.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let (segment, wire) = (Bytes::new(1460), Bytes::new(1500));
        Control::new(self, &Setup { now: Time::ZERO, segment, wire, initial_window: 1, seed: 0 }).needs()
    }
}

impl Default for ControlConfig {
    fn default() -> Self {
        Self::Reno(reno::RenoConfig::default())
    }
}

impl<'de> Deserialize<'de> for ControlConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = ControlConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a congestion control, or a table { name = { parameters } }")
    }

    /// A bare name: the control with all its defaults.
    fn visit_str<E: Error>(self, name: &str) -> Result<ControlConfig, E> {
        let defaults = std::iter::empty::<(&str, &str)>();
        let table = std::iter::once((name, MapDeserializer::new(defaults)));
        Table::deserialize(MapAccessDeserializer::new(MapDeserializer::new(table))).map(Into::into)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ControlConfig, A::Error> {
        Table::deserialize(MapAccessDeserializer::new(map)).map(Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, DeriveDeserialize, Serialize)]
    struct Flow {
        control: ControlConfig,
    }

    fn read(text: &str) -> Result<ControlConfig, String> {
        toml::from_str::<Flow>(text).map(|flow| flow.control).map_err(|error| error.to_string())
    }

    #[test]
    fn a_name_is_the_control_with_its_defaults() {
        assert_eq!(read("control = \"reno\""), Ok(ControlConfig::default()));
        assert_eq!(read("control = { reno = {} }"), Ok(ControlConfig::default()));
    }

    #[test]
    fn parameters_are_read_and_written() {
        let flow = Flow {
            control: ControlConfig::Reno(reno::RenoConfig { additive_increase: 6.0, ..Default::default() }),
        };
        let text = toml::to_string(&flow).unwrap();
        assert_eq!(read(&text), Ok(flow.control));
    }

    #[test]
    fn an_unknown_name_or_parameter_is_refused_with_those_there_are() {
        let error = read("control = \"renno\"").unwrap_err();
        assert!(error.contains("unknown variant `renno`") && error.contains("`reno`"), "{error}");
        let error = read("control = { reno = { increase = 1.0 } }").unwrap_err();
        assert!(error.contains("unknown field `increase`"), "{error}");
    }
}
