//! Two hosts and the path between them.

use serde::{Deserialize, Serialize};
use wad_path::PathConfig;

use crate::emulator::{Emulator, EmulatorOptions};
use crate::error::LabError;
use crate::host::{DeviceConfig, Host, HostConfig};
use crate::report::{LinkReport, PathReport};

/// How packets reach the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Each packet by itself, as on the wire.
    Plain,
    /// In super-packets, which are cut for every decision.
    #[default]
    Offload,
}

impl Mode {
    /// Its name in scenarios and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Offload => "offload",
        }
    }
}

/// What a testbed shall be.
#[derive(Clone, Debug)]
pub struct TestbedConfig {
    /// The hosts, left and right.
    pub hosts: [HostConfig; 2],
    /// How packets reach the path.
    pub mode: Mode,
    /// The largest IP packet.
    pub mtu: u32,
    /// The path; forward is left to right.
    pub path: PathConfig,
    /// How it is emulated.
    pub emulator: EmulatorOptions,
}

impl TestbedConfig {
    /// Two hosts named `left` and `right` with the addresses 10.77.0.1, fd77::1 and 10.77.0.2, fd77::2.
    #[must_use]
    pub fn new(mode: Mode, path: PathConfig) -> Self {
        let hosts =
            ["left", "right"].map(|name| HostConfig::numbered(name, if name == "left" { 1 } else { 2 }));
        Self { hosts, mode, mtu: 1500, path, emulator: EmulatorOptions::default() }
    }
}

/// Two hosts that reach each other over an emulated path. Nothing of it outlives the value, or the
/// process, however that ends: namespaces and devices have no names that would keep them.
#[derive(Debug)]
pub struct Testbed {
    config: TestbedConfig,
    // Before the hosts: the devices go first.
    emulator: Emulator,
    hosts: [Host; 2],
}

impl Testbed {
    /// Sets up the hosts and the path.
    ///
    /// # Errors
    /// Says what is missing: privileges, the TUN driver, a sysctl.
    pub fn new(config: TestbedConfig) -> Result<Self, LabError> {
        let device = DeviceConfig { mtu: config.mtu, offload: config.mode == Mode::Offload };
        let [left, right] = &config.hosts;
        let (left_host, left_device) = Host::new(left, right, device)?;
        let (right_host, right_device) = Host::new(right, left, device)?;
        let emulator = Emulator::start(left_device, right_device, &config.path, config.emulator)?;
        Ok(Self { config, emulator, hosts: [left_host, right_host] })
    }

    /// The hosts, left and right.
    #[must_use]
    pub fn hosts(&self) -> &[Host; 2] {
        &self.hosts
    }

    /// The left host.
    #[must_use]
    pub fn left(&self) -> &Host {
        &self.hosts[0]
    }

    /// The right host.
    #[must_use]
    pub fn right(&self) -> &Host {
        &self.hosts[1]
    }

    /// The path between them.
    #[must_use]
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Takes the testbed down and says what happened on the path.
    ///
    /// # Errors
    /// The emulator had failed.
    pub fn finish(self) -> Result<PathReport, LabError> {
        // The devices, and with them their counters, go with the emulator.
        let [left_drops, right_drops] = self.hosts.each_ref().map(|host| host.device_drops().unwrap_or(0));
        let report = self.emulator.stop()?;
        let PathConfig { forward, backward } = &self.config.path;
        Ok(PathReport {
            mode: self.config.mode.name().to_owned(),
            mtu_bytes: self.config.mtu,
            forward: LinkReport::new(forward, report.forward, left_drops),
            backward: LinkReport::new(backward, report.backward, right_drops),
        })
    }
}
