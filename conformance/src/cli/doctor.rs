//! `netassay doctor`: what this machine allows, what is missing, what that costs, and how to get it.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::failure::Failure;
use super::{ALL_WELL, output};
use crate::dut::linux::probe::{Finding, Machine, Severity};
use crate::dut::lwip::LwipDut;
use crate::dut::uml::UmlDut;

/// The exit status when the machine lacks something, see [`Failure::Environment`].
const LACKING: u8 = 3;

/// Version of the form of `--json`.
const SCHEMA: u32 = 1;

/// Say what this machine allows, what is missing, what that costs, and how to get it.
///
/// Everything is tried out, and everything made for that is gone afterwards. Exit status: 0 if the live kernel can be
/// tested, even if not in every dimension; 3 if it cannot, or if --strict is given and anything is missing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Also write what was found as JSON; `-` for standard output, instead of the text.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Exit status 3 if anything is missing, even if the live kernel can be tested without it.
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let machine = Machine::inspect();
    let is_stdout = args.json.as_deref() == Some(Path::new("-"));
    if !is_stdout {
        output::print(&text(&machine));
        output::print(&other_stacks());
    }
    if let Some(path) = &args.json {
        let written = if is_stdout {
            json(&machine, io::stdout())
        } else {
            File::create(path).and_then(|file| json(&machine, file))
        };
        written.map_err(|error| Failure::writing(path, &error))?;
    }
    Ok(exit_status(&machine, args.strict))
}

/// Stacks that come as packages; whoever lacks one lacks only that.
fn other_stacks() -> String {
    let mut text = "\nOther stacks\n".to_owned();
    for (dut, lacking) in [("lwip", LwipDut::lacking()), ("uml", UmlDut::lacking())] {
        let what = lacking.map_or("yes".to_owned(), |why| format!("missing: {why}"));
        let _ = writeln!(text, "  {dut}: {what}");
    }
    text
}

fn exit_status(machine: &Machine, strict: bool) -> u8 {
    let is_complete = machine.findings().iter().all(|finding| finding.severity == Severity::Fine);
    if machine.is_usable() && (is_complete || !strict) { ALL_WELL } else { LACKING }
}

/// What a person reads.
fn text(machine: &Machine) -> String {
    let mut text = format!("Linux {}, user {}\n\n", machine.kernel, machine.user);
    for finding in machine.findings() {
        tell(&finding, &mut text);
    }
    text.push_str("\nWhat can be tested here\n");
    let live = match (machine.is_usable(), machine.own_namespace.is_ok()) {
        (true, true) => "yes, with the privileges of this process",
        (true, false) => "yes, in a user namespace",
        (false, _) => "no, see above; compare with recorded behavior instead: --b recorded:DIR",
    };
    for (dut, what) in [("linux", live), ("reference, smoltcp, recorded:DIR", "yes, on any machine")] {
        let _ = writeln!(text, "  {dut}: {what}");
    }
    text.push_str("\nWhat can be observed of the live kernel\n");
    for (dimension, fact) in machine.dimensions() {
        let _ = match fact {
            Ok(()) => writeln!(text, "  {dimension}: yes"),
            Err(why) => writeln!(text, "  {dimension}: no: {why}"),
        };
    }
    text
}

fn tell(finding: &Finding, text: &mut String) {
    let mark = match finding.severity {
        Severity::Fine => "ok      ",
        Severity::Degraded => "missing ",
        Severity::Blocking => "BLOCKING",
    };
    let _ = writeln!(text, "{mark}  {}: {}", finding.what, finding.state);
    for (label, line) in [("costs", finding.effect), ("remedy", &finding.remedy[..])] {
        if !line.is_empty() {
            let _ = writeln!(text, "            {label}: {line}");
        }
    }
}

/// What a program reads.
#[derive(Serialize)]
struct Report<'m> {
    schema: u32,
    kernel: &'m str,
    user: u32,
    /// Whether the live kernel can be tested.
    usable: bool,
    findings: Vec<Finding>,
    dimensions: Vec<Observable>,
}

#[derive(Serialize)]
struct Observable {
    dimension: crate::model::Dimension,
    /// Why it cannot be observed, if it cannot.
    missing: Option<String>,
}

fn json(machine: &Machine, mut out: impl io::Write) -> io::Result<()> {
    let observable =
        |(dimension, fact): (_, Result<(), String>)| Observable { dimension, missing: fact.err() };
    let report = Report {
        schema: SCHEMA,
        kernel: &machine.kernel,
        user: machine.user,
        usable: machine.is_usable(),
        findings: machine.findings(),
        dimensions: machine.dimensions().into_iter().map(observable).collect(),
    };
    serde_json::to_writer_pretty(&mut out, &report)?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no(why: &str) -> Result<(), String> {
        Err(why.to_owned())
    }

    /// A machine where everything is allowed.
    fn everything() -> Machine {
        Machine {
            kernel: "6.18.44".to_owned(),
            user: 0,
            own_namespace: Ok(()),
            user_namespace: Ok(()),
            switches: Vec::new(),
            tun_exists: true,
            tun: Ok(()),
            pairs: Ok(()),
            bpf: Ok(()),
            btf: true,
            tracefs: Ok(()),
            nft: Ok("nftables v1.0.6".to_owned()),
            conntrack: true,
        }
    }

    fn nothing() -> Machine {
        Machine {
            user: 1000,
            own_namespace: no("not permitted"),
            user_namespace: no("not permitted"),
            tun_exists: false,
            tun: no("no such file"),
            pairs: no("not permitted"),
            bpf: no("not permitted"),
            btf: false,
            tracefs: no("not permitted"),
            nft: Err("the program was not found".to_owned()),
            conntrack: false,
            ..everything()
        }
    }

    #[test]
    fn a_complete_machine_hears_of_no_remedy() {
        let text = text(&everything());
        assert!(!text.contains("remedy") && !text.contains("missing") && !text.contains(" no"), "{text}");
        assert_eq!(exit_status(&everything(), true), 0);
    }

    #[test]
    fn what_is_missing_comes_with_its_cost_and_remedy() {
        let text = text(&nothing());
        for part in [
            "BLOCKING  user namespaces: not permitted",
            "remedy: in a container, its seccomp profile",
            "remedy: as root: modprobe tun",
            "remedy: install the package nftables",
            "costs: drop reasons are not compared",
            "linux: no, see above; compare with recorded behavior",
        ] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
        assert_eq!(text.matches("remedy: ").count(), 9, "{text}");
        assert_eq!(exit_status(&nothing(), false), 3);
    }

    #[test]
    fn a_restricted_machine_will_do_unless_strict() {
        let machine = Machine { tracefs: no("permission denied"), ..everything() };
        assert_eq!((exit_status(&machine, false), exit_status(&machine, true)), (0, 3));
    }

    #[test]
    fn json_says_the_same() {
        let mut out = Vec::new();
        json(&nothing(), &mut out).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["schema"], 1);
        assert_eq!(value["usable"], false);
        assert_eq!(value["findings"].as_array().unwrap().len(), 9);
        assert_eq!(value["findings"][1]["severity"], "blocking");
        assert_eq!(value["dimensions"][4]["dimension"], "drops");
    }
}
