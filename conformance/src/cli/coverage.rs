//! `netassay coverage`: requirements and cases, both ways.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::failure::Failure;
use super::{ALL_WELL, FOUND_SOMETHING, output};
use crate::case::checklist::{CHECKLISTS, Ticked};
use crate::case::coverage::{Cover, Coverage};
use crate::case::registry::registry;
use crate::case::requirement::Testable;
use crate::case::suite::level_name;

/// Tell which requirements have cases, which are excused, and which are neither.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Beginnings of requirement ids: `rfc1122-3.2.2`. All if none.
    prefixes: Vec<String>,
    /// Exit status 1 if a requirement that can be tested on the wire, an id of TC8 or a published bug has neither a case
    /// nor an excuse.
    #[arg(long)]
    ci: bool,
    /// List covered requirements with their cases as well.
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let coverage = Coverage::of(registry());
    let lists = CHECKLISTS.map(|list| (list.name, list.tick(registry())));
    let mut text = render(&coverage, args);
    for (name, ticked) in &lists {
        render_list(name, ticked, args, &mut text);
    }
    output::print(&text);
    // Ideas are suggestions: how many are met is told, and binds nobody.
    let is_met = |name: &str, ticked: &Ticked| {
        let is_closed = name == "idea" || ticked.rows.iter().all(|(_, cover)| *cover != Cover::Gap);
        ticked.problems.is_empty() && is_closed
    };
    let is_whole = coverage.gaps().next().is_none()
        && coverage.problems.is_empty()
        && lists.iter().all(|(name, ticked)| is_met(name, ticked));
    Ok(if args.ci && !is_whole { FOUND_SOMETHING } else { ALL_WELL })
}

/// The entries of a checklist that no case meets, then its sums.
fn render_list(name: &str, ticked: &Ticked, args: &Args, text: &mut String) {
    let mut count = [0; 3];
    for (item, cover) in &ticked.rows {
        let alias = format!("{name}/{}", item.id);
        let is_wanted = args.prefixes.is_empty() || args.prefixes.iter().any(|it| alias.starts_with(&it[..]));
        let _ = match cover {
            Cover::Cases(cases) if args.verbose && is_wanted => {
                writeln!(text, "covered  {alias}: {}", cases.join(", "))
            }
            Cover::Excused(reason) if is_wanted => writeln!(text, "excused  {alias}: {reason}"),
            Cover::Gap if is_wanted => writeln!(text, "gap      {alias}: {}", item.summary),
            _ => Ok(()),
        };
        count[match cover {
            Cover::Cases(_) => 0,
            Cover::Excused(_) => 1,
            Cover::Gap => 2,
        }] += 1;
    }
    for problem in &ticked.problems {
        let _ = writeln!(text, "problem  {problem}");
    }
    let _ = writeln!(text, "{name:8} {:7} {:7} {:5}", count[0], count[1], count[2]);
}

fn render(coverage: &Coverage, args: &Args) -> String {
    let mut text = String::new();
    let mut by_rfc: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for (id, (requirement, cover)) in &coverage.rows {
        let is_wanted = args.prefixes.is_empty() || args.prefixes.iter().any(|it| id.starts_with(&it[..]));
        if !is_wanted {
            continue;
        }
        let level = level_name(requirement.level);
        let is_wire = requirement.testable == Testable::Wire;
        let column = match cover {
            Cover::Cases(cases) => {
                if args.verbose {
                    let _ = writeln!(text, "covered  {id} {level}: {}", cases.join(", "));
                }
                0
            }
            Cover::Excused(reason) => {
                let _ = writeln!(text, "excused  {id} {level}: {reason}");
                1
            }
            Cover::Gap if is_wire => {
                let _ = writeln!(
                    text,
                    "gap      {id} {level}: {}\n         {}",
                    requirement.summary, requirement.test
                );
                2
            }
            Cover::Gap => 2,
        };
        if is_wire {
            by_rfc.entry(id.split('-').next().unwrap_or_default()).or_default()[column] += 1;
        }
    }
    for problem in &coverage.problems {
        let _ = writeln!(text, "problem  {problem}");
    }
    let _ = writeln!(
        text,
        "\n{:8} {:>7} {:>7} {:>5}   (requirements that can be tested on the wire)",
        "", "covered", "excused", "gap"
    );
    let mut sum = [0; 3];
    for (rfc, count) in by_rfc {
        let _ = writeln!(text, "{rfc:8} {:7} {:7} {:5}", count[0], count[1], count[2]);
        sum.iter_mut().zip(count).for_each(|(sum, count)| *sum += count);
    }
    let _ = writeln!(text, "{:8} {:7} {:7} {:5}", "all", sum[0], sum[1], sum[2]);
    let api = coverage.count(Testable::Api);
    let _ = writeln!(
        text,
        "of those that need a socket, a log or a knob: {} covered, {} not",
        api[0],
        api[1] + api[2]
    );
    let covering = registry().iter().filter(|case| !case.requirements.is_empty()).count();
    let _ = writeln!(text, "{} cases, {covering} of them for requirements", registry().len());
    text
}
