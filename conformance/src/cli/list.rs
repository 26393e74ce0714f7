//! `netassay list …`: what there is.

use std::fmt::Write as _;

use clap::ValueEnum;

use super::failure::Failure;
use super::{ALL_WELL, dut, output};
use crate::case::registry::registry;
use crate::case::requirement::CATALOGUE;
use crate::case::suite::level_name;
use crate::differential::ledger::Ledger;
use crate::differential::rule::RULES;
use crate::model::scenario_file::NAMED;

/// List what there is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to list.
    what: What,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Conformance cases.
    Cases,
    /// Requirements of the RFCs.
    Requirements,
    /// Scenarios that come with netassay.
    Scenarios,
    /// Stacks that can be tested.
    Duts,
    /// Explained differences.
    Deviations,
    /// Rules by which answers are compared where not exactly.
    Rules,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    output::print(&match args.what {
        What::Cases => cases(),
        What::Requirements => requirements(),
        What::Scenarios => scenarios(),
        What::Duts => table(dut::KNOWN.iter().copied()),
        What::Deviations => deviations()?,
        What::Rules => rules(),
    });
    Ok(ALL_WELL)
}

/// Two columns, the first as wide as its longest entry.
fn table<'t>(rows: impl Iterator<Item = (&'t str, &'t str)> + Clone) -> String {
    let width = rows.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.fold(String::new(), |mut text, (name, what)| {
        let _ = writeln!(text, "{name:width$}  {what}");
        text
    })
}

fn cases() -> String {
    registry().iter().fold(String::new(), |mut text, case| {
        let covers = [&case.requirements.join(" "), &case.aliases.join(" ")].map(String::as_str).join(" ");
        let level = level_name(case.strength());
        let _ = writeln!(text, "{}  ({level}; {}) {}", case.id, case.setting.base(), covers.trim());
        text
    })
}

fn requirements() -> String {
    CATALOGUE.values().fold(String::new(), |mut text, requirement| {
        let level = level_name(requirement.level);
        let _ = writeln!(text, "{}  {level}  {}", requirement.id, requirement.summary);
        text
    })
}

fn scenarios() -> String {
    let made = [
        ("auto", "made for each capture: a host if most packets can be addressed to it, else a router"),
        ("host", "made for each capture: a host that owns the busiest destinations"),
        ("router", "made for each capture: a router between two sides"),
        ("conntrack", "made for each capture: a router that tracks connections"),
        ("nat", "made for each capture: a router that hides the inside"),
    ];
    let named: Vec<_> = NAMED.iter().map(|named| (named.name, named.scenario().summary)).collect();
    let named = named.iter().filter(|(name, _)| made.iter().all(|(made, _)| made != name));
    let rows: Vec<_> = made.into_iter().chain(named.map(|(name, summary)| (*name, &summary[..]))).collect();
    table(rows.iter().copied())
}

fn deviations() -> Result<String, Failure> {
    let ledger = Ledger::built_in().map_err(|error| Failure::Input(error.to_string()))?;
    let mut text = String::new();
    for entry in ledger.entries() {
        let [a, b] = &entry.duts;
        let versions =
            if entry.versions.is_empty() { String::new() } else { format!(" {}", entry.versions.join(", ")) };
        let _ = writeln!(text, "{} ({a} and {b}{versions}; {})", entry.id, entry.dimension);
        let _ = writeln!(text, "    {}", entry.reason.trim());
        let _ = writeln!(text, "    {}; example {}", entry.clause, entry.example);
    }
    Ok(text)
}

fn rules() -> String {
    RULES.iter().fold(String::new(), |mut text, rule| {
        let _ = writeln!(text, "{}", rule.name);
        let _ = writeln!(text, "    applies to  {}", rule.applies_to);
        let _ = writeln!(text, "    demands     {}", rule.demands);
        let _ = writeln!(text, "    clause      {}", rule.clause);
        text
    })
}
