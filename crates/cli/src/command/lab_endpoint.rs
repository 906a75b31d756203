//! `wad lab endpoint` and `wad lab sampler`: programs of the experiments of `wad lab diagnose`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use wad_diagnose::decode::recording;
use wad_faults::{endpoint, sampler};

use crate::arguments::{LabEndpoint, LabSampler};
use crate::failure::Failure;
use crate::output;

/// How long the sampler waits for its flow.
const PATIENCE: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(100);

pub(crate) fn transfer(arguments: &LabEndpoint) -> Result<(), Failure> {
    match arguments {
        LabEndpoint::Send(arguments) => endpoint::send(arguments).context("cannot send")?,
        LabEndpoint::Receive(arguments) => endpoint::receive(arguments).context("cannot receive")?,
    }
    Ok(())
}

pub(crate) fn sample(arguments: &LabSampler) -> Result<(), Failure> {
    let watch = sampler::Watch {
        address: arguments.address,
        port: arguments.port,
        local_port: None,
        interval: INTERVAL,
        time: None,
        patience: PATIENCE,
    };
    let ready = || {
        // Where nobody listens nobody waits for it.
        let _ = output::print("ready");
    };
    let evidence = sampler::watch(&watch, ready, |_| {}).context("cannot watch the flow")?;
    let evidence = evidence.ok_or_else(|| anyhow!("no flow to {} port {}", watch.address, watch.port))?;
    let file = &arguments.out;
    fs::write(file, recording::write(&evidence))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(())
}
