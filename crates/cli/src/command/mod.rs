//! The commands, one file each.

mod config_check;
mod demo;
mod diagnose;
mod explain;
mod flows;
mod history;
mod import;
mod lab_compare;
mod lab_diagnose;
mod lab_endpoint;
mod lab_reproduce;
mod lab_run;
mod plot;
mod reload;
mod run;
mod sim;
mod sim_explain;
mod sim_merge;
mod sim_run;
mod sim_sweep;
mod stop;
mod sweep_store;
mod top;
mod trace;
mod trace_export;
mod trace_file;
mod undo;

use crate::arguments::{Command, ConfigCommand, LabCommand, SimCommand, TraceCommand};
use crate::failure::Failure;

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Reload(arguments) => reload::run(&arguments),
        Command::Stop(arguments) => stop::run(&arguments),
        Command::History(arguments) => history::run(&arguments),
        Command::Undo(arguments) => undo::run(&arguments),
        Command::Flows(arguments) => flows::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
        Command::Trace(arguments) => match &arguments.command {
            Some(TraceCommand::Export(arguments)) => trace_export::run(arguments),
            None => trace::run(&arguments),
        },
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Plot(arguments) => plot::run(&arguments),
        Command::Config(arguments) => match arguments.command {
            ConfigCommand::Check(arguments) => config_check::run(&arguments),
        },
        Command::Import(arguments) => import::run(&arguments),
        Command::Lab(arguments) => match arguments.command {
            LabCommand::Run(arguments) => lab_run::run(&arguments),
            LabCommand::Compare(arguments) => lab_compare::run(&arguments),
            LabCommand::Reproduce(arguments) => lab_reproduce::run(&arguments),
            LabCommand::Diagnose(arguments) => lab_diagnose::run(&arguments),
            LabCommand::Endpoint(arguments) => lab_endpoint::transfer(&arguments),
            LabCommand::Sampler(arguments) => lab_endpoint::sample(&arguments),
        },
        Command::Diagnose(arguments) => diagnose::run(&arguments),
        Command::Sim(arguments) => match arguments.command {
            SimCommand::Run(arguments) => sim_run::run(&arguments),
            SimCommand::Explain(arguments) => sim_explain::run(&arguments),
            SimCommand::Sweep(arguments) => sim_sweep::run(&arguments),
            SimCommand::Merge(arguments) => sim_merge::run(&arguments),
        },
        Command::Demo(arguments) => demo::run(&arguments),
    }
}
