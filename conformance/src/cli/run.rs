//! `netassay run`: conformance cases on one DUT.

use std::fmt::Write as _;

use super::dut::DutName;
use super::failure::Failure;
use super::{ALL_WELL, FOUND_SOMETHING, output};
use crate::case::play::{Played, Verdict, play};
use crate::case::profile::Profile;
use crate::case::registry::select;

/// Play conformance cases on a stack.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Beginnings of case ids or of their other names: `rfc1122/3.2.2`, `tc8/ICMPv4_TYPE_22`. All cases if none.
    prefixes: Vec<String>,
    /// The stack.
    #[arg(long, default_value = "reference")]
    dut: DutName,
    /// Whose reading counts where RFCs contradict each other; that which fits each scenario if not given.
    #[arg(long)]
    profile: Option<Profile>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let mut made = args.dut.make()?;
    let mut count = [0; 4];
    let mut text = String::new();
    for case in select(&args.prefixes) {
        let played = play(case, made.dut.as_mut(), args.profile);
        count[describe(&case.id, &played, &mut text)] += 1;
    }
    let [pass, fail, unsupported, skipped] = count;
    let _ = writeln!(text, "{pass} pass, {fail} fail, {unsupported} unsupported, {skipped} skipped");
    output::print(&text);
    Ok(if fail > 0 { FOUND_SOMETHING } else { ALL_WELL })
}

fn describe(id: &str, played: &Played, text: &mut String) -> usize {
    match &played.verdict {
        Verdict::Pass => 0,
        Verdict::Fail(failure) => {
            let step = failure.step.map_or(String::new(), |step| format!(" at step {step}"));
            let _ = writeln!(text, "FAIL {id}{step} [{}]", failure.reason);
            let _ = writeln!(text, "    expected {}\n    seen     {}", failure.expected, failure.seen);
            1
        }
        Verdict::Unsupported(why) => {
            let _ = writeln!(text, "unsupported {id}: {why}");
            2
        }
        Verdict::Skipped(why) => {
            let _ = writeln!(text, "skipped {id}: {why}");
            3
        }
    }
}
