//! `netassay explain CAPTURE[:N]`: what the reference does with each packet, and which rules make it do so.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

use netassay_stack::config::Profile;

use super::diff::Selection;
use super::failure::Failure;
use super::scenario::ScenarioChoice;
use super::{ALL_WELL, INTERRUPTED, interrupt, output, steps};
use crate::capture::RoleChoice;
use crate::differential::field::{fields, hex, kind};
use crate::differential::pairing::virtual_clock;
use crate::differential::stimulus::Stimulus;
use crate::dut::Dut as _;
use crate::dut::reference::ReferenceDut;
use crate::model::{Action, Observation, Scenario, Step};

/// Tell what the reference stack does with each packet of a capture or trace and why, clause by clause.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The capture or trace; with `:N`, only packet N is told, though all before it are replayed.
    #[arg(value_name = "CAPTURE[:N]")]
    capture: String,
    /// World around the stack, as for `diff`.
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<ScenarioChoice>,
    /// Follow the RFCs where Linux departs from them.
    #[arg(long)]
    rfc: bool,
    /// Show every field of the frames.
    #[arg(long)]
    fields: bool,
    #[command(flatten)]
    selection: Selection,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let (path, wanted) = capture_and_packet(&args.capture);
    let choice = args.scenario.clone().unwrap_or(ScenarioChoice::Role(RoleChoice::Auto));
    let input = |error: &dyn std::fmt::Display| Failure::Input(error.to_string());
    let mut prepared = steps::prepare(&path, &choice, &args.selection.options(), args.selection.limits())
        .map_err(|error| input(&error))?;
    let scenario = &*prepared.scenario;
    let mut dut = ReferenceDut::new(if args.rfc { Profile::Rfc } else { Profile::Linux });
    let of_dut = |error| Failure::of_dut("reference", &error);
    dut.open(scenario).map_err(of_dut)?;
    if wanted.is_none() {
        let notes: String = prepared.notes.iter().map(|note| format!("# {note}\n")).collect();
        output::print(&format!("# scenario {}\n{notes}", scenario.name));
    }
    let stop = interrupt::flag();
    let mut seen = Observation::default();
    let mut has_found = false;
    while let Some(step) = prepared.steps.next_step().map_err(|error| input(&error))? {
        if stop.load(Ordering::Relaxed) {
            return Ok(INTERRUPTED);
        }
        let is_wanted = wanted.is_none_or(|number| number == step.packet);
        dut.explain(is_wanted);
        seen.clear();
        dut.step(step, virtual_clock(step.at), &mut seen).map_err(of_dut)?;
        if is_wanted {
            has_found = true;
            output::print(&told(scenario, step, &seen, &dut, args.fields));
        }
        if wanted.is_some_and(|number| number <= step.packet) {
            break;
        }
    }
    match wanted {
        Some(number) if !has_found => {
            let what = "it has no such packet, or that packet is not replayed in this scenario";
            Err(Failure::Input(format!("{}: packet {number}: {what}", path.display())))
        }
        _ => Ok(ALL_WELL),
    }
}

/// `file:7` is packet 7 of `file`, unless there is a file of that very name.
pub(super) fn capture_and_packet(text: &str) -> (PathBuf, Option<u64>) {
    let split = text.rsplit_once(':').filter(|_| !Path::new(text).exists());
    match split.and_then(|(path, number)| Some((path, number.parse().ok()?))) {
        Some((path, number)) => (path.into(), Some(number)),
        None => (text.into(), None),
    }
}

/// One step as text.
fn told(
    scenario: &Scenario,
    step: &Step,
    seen: &Observation,
    dut: &ReferenceDut,
    with_fields: bool,
) -> String {
    let mut text =
        format!("packet {} at {}: {}\n", step.packet, seconds(step.at), Stimulus::of(step, scenario));
    if let Action::Inject { interface, frame } = &step.action {
        frame_text(&mut text, scenario, "in ", *interface, frame, with_fields);
    }
    for decision in dut.decisions() {
        let _ = writeln!(text, "    {decision}");
    }
    for drop in &seen.drops {
        let _ = writeln!(text, "  dropped: {}", drop.reason);
    }
    for frame in &seen.frames {
        frame_text(&mut text, scenario, "out", frame.interface, &frame.octets, with_fields);
    }
    for delivery in &seen.deliveries {
        let _ = writeln!(
            text,
            "  delivered to socket {} from {}: {}",
            delivery.socket,
            delivery.source,
            hex(&delivery.data)
        );
    }
    for error in &seen.socket_errors {
        let _ = writeln!(text, "  error on socket {}: {}", error.socket, error.errno);
    }
    if let Some(why) = &seen.refused {
        let _ = writeln!(text, "  refused by the link: {why}");
    }
    text
}

fn frame_text(
    text: &mut String,
    scenario: &Scenario,
    way: &str,
    interface: usize,
    frame: &[u8],
    with_fields: bool,
) {
    let Some(interface) = scenario.interfaces.get(interface) else { return };
    let _ =
        writeln!(text, "  {way} {}: {}, {} octets", interface.name, kind(frame, interface.link), frame.len());
    if with_fields {
        for (path, value) in fields(frame, interface.link) {
            let _ = writeln!(text, "        {path} {value}");
        }
    }
}

fn seconds(at: Duration) -> String {
    format!("{}.{:06} s", at.as_secs(), at.subsec_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_behind_a_colon_is_a_packet() {
        assert_eq!(capture_and_packet("a/b.pcap:12"), (PathBuf::from("a/b.pcap"), Some(12)));
        assert_eq!(capture_and_packet("a/b.pcap"), (PathBuf::from("a/b.pcap"), None));
        assert_eq!(capture_and_packet("a:b.pcap"), (PathBuf::from("a:b.pcap"), None));
    }
}
