//! `netassay agent`: a DUT of this program behind the protocol for programs, on standard input.
//!
//! Hidden: it is what the harness runs in other worlds, and what tests talk to.

use super::ALL_WELL;
use super::dut::DutName;
use super::failure::Failure;
use crate::dut::{exec, uml};

/// Serve a DUT on standard input, for `exec:`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which DUT.
    #[arg(long, default_value = "reference", value_name = "DUT")]
    dut: DutName,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut made = args.dut.make()?;
    exec::serve_on_standard_input(&mut *made.dut)
        .map_err(|error| Failure::Input(format!("standard input: {error}")))?;
    Ok(ALL_WELL)
}

/// `netassay inside`: the first process of a User-mode Linux, which serves its kernel on a serial line.
pub(super) fn run_inside() -> Result<u8, Failure> {
    uml::run_inside().map(|()| ALL_WELL).map_err(|error| Failure::Environment(error.to_string()))
}
