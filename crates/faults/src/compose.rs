//! The scenario of one trial.

use std::time::Duration;

use toml::{Table, Value};
use wad_model::Bytes;

use crate::error::FaultsError;
use crate::table::Trial;

/// The file in the run's directory that the sampler writes.
pub(crate) const RECORDING: &str = "recording.json";
const PORT: u16 = 5201;
const CROSS_PORT: u16 = 5301;
/// What a full segment carries with IPv4 and timestamps.
const SEGMENT: f64 = 1448.0;
/// Other flows have so long to fill the bottleneck.
const CROSS_LEAD: Duration = Duration::from_secs(2);
/// A pause that every retransmission time-out of these paths is shorter than.
const IDLE: &str = "1200 ms";

/// The text of the scenario, which is also what to look at when a run surprises.
pub(crate) fn scenario_text(trial: &Trial) -> Result<String, FaultsError> {
    let composer = Composer { trial };
    toml::to_string(&composer.scenario()?).map_err(|error| FaultsError::Table { reason: error.to_string() })
}

struct Composer<'a> {
    trial: &'a Trial,
}

impl Composer<'_> {
    fn scenario(&self) -> Result<Table, FaultsError> {
        let setup = &self.trial.setup;
        let mut path = table([
            ("mode", "plain".into()),
            ("rate", self.trial.path.rate.to_string().into()),
            ("rtt", text(self.trial.path.rtt).into()),
            ("queue", Value::Table(table([("bdp", setup.queue.unwrap_or(1.0).into())]))),
        ]);
        path.extend(self.fill_table(&setup.path)?);
        let mut client = table([
            ("net.ipv4.tcp_congestion_control", "cubic".into()),
            ("net.ipv4.tcp_wmem", "4096 65536 33554432".into()),
        ]);
        client.extend(self.fill_table(&setup.client)?);
        let mut server = table([("net.ipv4.tcp_rmem", "4096 131072 33554432".into())]);
        server.extend(self.fill_table(&setup.server)?);
        let host = |side: &str, sysctl| {
            Value::Table(table([("side", side.into()), ("sysctl", Value::Table(sysctl))]))
        };
        let hosts = table([("client", host("left", client)), ("server", host("right", server))]);
        Ok(table([
            ("name", self.trial.name().into()),
            ("seed", Value::Integer(i64::try_from(self.trial.seed).unwrap_or(1))),
            ("duration", "40 s".into()),
            ("path", Value::Table(path)),
            ("host", Value::Table(hosts)),
            ("application", Value::Array(self.applications()?)),
        ]))
    }

    fn applications(&self) -> Result<Vec<Value>, FaultsError> {
        let setup = &self.trial.setup;
        let mut applications = vec![self.receiver("server", PORT, &setup.receive)?];
        let mut start = Duration::ZERO;
        if setup.cross_flows > 0 {
            applications.push(self.receiver("cross-server", CROSS_PORT, &[])?);
            for number in 0..setup.cross_flows {
                let time = ["--time".to_owned(), text(self.time() + 2 * CROSS_LEAD)];
                let command = self.sender(CROSS_PORT, &time)?;
                let name = format!("cross-{number}");
                applications.push(application(&name, "client", "service", command, start));
            }
            start += CROSS_LEAD;
        }
        if !setup.client_route.is_empty() {
            let fixed =
                "ip route replace {address:server}/32 dev wad0 proto kernel scope link src {address:client}";
            let mut command: Vec<String> = fixed.split(' ').map(str::to_owned).collect();
            command.extend(self.fill_list(&setup.client_route)?);
            applications.push(application("route", "client", "main", command, start));
            start += Duration::from_millis(200);
        }
        if setup.earlier_flow {
            let once = ["--time", "1 s", "--chunk", "150000 B", "--every", "1 s"].map(str::to_owned);
            applications.push(application("earlier", "client", "main", self.sender(PORT, &once)?, start));
            start += Duration::from_millis(3500);
        }
        applications.push(self.sampler(start));
        let mut arguments = vec!["--time".to_owned(), text(self.time())];
        arguments.extend(self.fill_list(&setup.send)?);
        let start = start + Duration::from_millis(300);
        applications.push(application("client", "client", "main", self.sender(PORT, &arguments)?, start));
        Ok(applications.into_iter().map(Value::Table).collect())
    }

    fn receiver(&self, name: &str, port: u16, more: &[String]) -> Result<Table, FaultsError> {
        let mut command = wad(&["endpoint", "receive", "--port", &port.to_string()]);
        command.extend(self.fill_list(more)?);
        let mut table = application(name, "server", "service", command, Duration::ZERO);
        table.insert("ready_port".into(), i64::from(port).into());
        Ok(table)
    }

    fn sender(&self, port: u16, more: &[String]) -> Result<Vec<String>, FaultsError> {
        let mut command = wad(&["endpoint", "send", "--to", &format!("{}:{port}", self.address(true))]);
        command.extend(self.fill_list(more)?);
        Ok(command)
    }

    fn sampler(&self, start: Duration) -> Table {
        let file = format!("{{dir}}/{RECORDING}");
        let command =
            wad(&["sampler", "--address", self.address(false), "--port", &PORT.to_string(), "--out", &file]);
        let mut table = application("sampler", "client", "service", command, start);
        table.insert("ready".into(), "ready".into());
        table
    }

    fn address(&self, before_port: bool) -> &'static str {
        match (self.trial.setup.ipv6, before_port) {
            (false, _) => "{address:server}",
            (true, true) => "[{address6:server}]",
            (true, false) => "{address6:server}",
        }
    }

    /// How long the transfer is: fifty round trips, five seconds at least.
    fn time(&self) -> Duration {
        (self.trial.path.rtt * 50).max(Duration::from_secs(5))
    }

    fn fill_table(&self, table: &Table) -> Result<Table, FaultsError> {
        table.iter().map(|(key, value)| Ok((key.clone(), self.fill_value(value)?))).collect()
    }

    fn fill_list(&self, list: &[String]) -> Result<Vec<String>, FaultsError> {
        list.iter().map(|text| self.fill(text)).collect()
    }

    fn fill_value(&self, value: &Value) -> Result<Value, FaultsError> {
        match value {
            // Losses of the earlier flow: the second window on.
            Value::String(text) if text == "{unlucky}" => {
                Ok(Value::Array((0..14).map(|n| Value::Integer(16 + 8 * n)).collect()))
            }
            Value::String(text) => Ok(Value::String(self.fill(text)?)),
            Value::Table(table) => Ok(Value::Table(self.fill_table(table)?)),
            Value::Array(values) => {
                values.iter().map(|value| self.fill_value(value)).collect::<Result<_, _>>().map(Value::Array)
            }
            other => Ok(other.clone()),
        }
    }

    /// Fills in what stands in braces; the lab's own placeholders stay.
    fn fill(&self, text: &str) -> Result<String, FaultsError> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((inside, after)) = after.split_once('}') else {
                return Err(FaultsError::Table { reason: format!("\"{text}\" has an open brace") });
            };
            filled.push_str(before);
            filled.push_str(&self.placeholder(inside).unwrap_or_else(|| format!("{{{inside}}}")));
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// "bdp*0.5" and the like; none if it is not one of these.
    fn placeholder(&self, inside: &str) -> Option<String> {
        if inside == "idle" {
            return Some(IDLE.to_owned());
        }
        let (name, factor) = inside.split_once('*')?;
        let factor: f64 = factor.parse().ok()?;
        let bdp = self.trial.path.rate.bytes_in(self.trial.path.rtt);
        Some(match name {
            "bdp" => scaled(bdp, factor).to_string(),
            "segments" => format!("{:.0}", (as_f64(bdp.get()) * factor / SEGMENT).round()),
            "rate" => format!("{:.0} bit/s", as_f64(self.trial.path.rate.as_bps()) * factor),
            "rtt" => text(self.trial.path.rtt.mul_f64(factor)),
            _ => return None,
        })
    }
}

fn wad(arguments: &[&str]) -> Vec<String> {
    ["{wad}", "lab"].iter().chain(arguments).map(|argument| (*argument).to_owned()).collect()
}

fn application(name: &str, host: &str, role: &str, command: Vec<String>, start: Duration) -> Table {
    table([
        ("name", name.into()),
        ("host", host.into()),
        ("role", role.into()),
        ("start", text(start).into()),
        ("command", command.into()),
    ])
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A duration that reads back exactly.
fn text(duration: Duration) -> String {
    format!("{} us", duration.as_micros())
}

fn scaled(bytes: Bytes, factor: f64) -> u64 {
    let whole = (as_f64(bytes.get()) * factor).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few megabytes, above zero"
    )]
    let whole = whole as u64;
    whole
}

#[expect(clippy::cast_precision_loss, reason = "bytes and rates of a path are far below 2^53")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use crate::Table;

    use super::*;

    #[test]
    fn every_trial_is_a_valid_scenario() {
        for trial in Table::load().unwrap().trials(None, 1) {
            let text = scenario_text(&trial).unwrap();
            if let Err(error) = wad_lab::Scenario::parse(&text) {
                panic!("{}: {error}\n{text}", trial.name());
            }
        }
    }
}
