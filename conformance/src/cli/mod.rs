//! The `netassay` command: one file per subcommand. This is the only module that knows both DUTs and reports.

mod agent;
mod bench;
mod compare;
mod coverage;
mod diff;
mod doctor;
mod dut;
mod explain;
mod failure;
mod fuzz;
mod inputs;
mod interrupt;
mod list;
mod matrix;
mod merge;
mod output;
mod progress;
mod record;
mod run;
mod scenario;
mod send;
mod serve;
mod shell;
mod shrink;
mod steps;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Assay an IPv4/ICMP stack: against the RFCs, against the Linux kernel, and against a fuzzer.
///
/// Exit status: 0 all agreed or passed, 1 something diverged or failed, 2 bad usage or input, 3 the environment lacks
/// something (`netassay doctor` says what), 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "netassay", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Diff(diff::Args),
    Compare(compare::Args),
    Merge(merge::Args),
    List(list::Args),
    Explain(explain::Args),
    Record(record::Args),
    Send(send::Args),
    Serve(serve::Args),
    Doctor(doctor::Args),
    Fuzz(fuzz::Args),
    Shrink(shrink::Args),
    Run(run::Args),
    #[command(hide = true)]
    Agent(agent::Args),
    Matrix(matrix::Args),
    /// Be the first process of a User-mode Linux.
    #[command(hide = true)]
    Inside,
    Coverage(coverage::Args),
    Bench(bench::Args),
}

/// Everything went well, or what was found is nothing to worry about.
const ALL_WELL: u8 = 0;
/// Something diverged, failed or changed.
const FOUND_SOMETHING: u8 = 1;
/// Ended by a signal, as shells report it.
const INTERRUPTED: u8 = 130;

/// Runs the command line `arguments`, program name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors, and go to standard output.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let outcome = match cli.command {
        Command::Diff(args) => diff::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::List(args) => list::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Agent(args) => agent::run(&args),
        Command::Record(args) => record::run(&args),
        Command::Send(args) => send::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Inside => agent::run_inside(),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Shrink(args) => shrink::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Matrix(args) => matrix::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    outcome.map_or_else(
        |failure| {
            eprintln!("netassay: {failure}");
            ExitCode::from(failure.exit_code())
        },
        ExitCode::from,
    )
}
