//! The `netassay` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    netassay::cli::run(std::env::args_os())
}
