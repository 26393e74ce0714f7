//! `netassay merge PART.json…`: one result out of those of the parts of a run.

use std::path::PathBuf;

use super::diff::exit_code;
use super::failure::Failure;
use super::output::Output;
use crate::report::merge::merge;

/// Merge the results of the parts that `--partition k/n` made.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Results of all parts (JSON), in any order.
    #[arg(required = true, value_name = "PART.json")]
    parts: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let parts: Result<Vec<_>, _> = args.parts.iter().map(|path| super::compare::read(path)).collect();
    let whole = merge(parts?).map_err(|error| Failure::Input(error.to_string()))?;
    args.output.write(&whole)?;
    Ok(exit_code(&whole))
}
