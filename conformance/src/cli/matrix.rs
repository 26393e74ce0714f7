//! `netassay matrix`: the same cases on several stacks, side by side.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::dut::DutName;
use super::failure::Failure;
use super::progress::CaseProgress;
use super::run::{Choice, suite};
use super::{ALL_WELL, FOUND_SOMETHING, output};
use crate::case::definition::Case;
use crate::case::expected::Expected;
use crate::case::registry::registry;
use crate::case::requirement::CATALOGUE;
use crate::case::suite::level_name;
use crate::model::SuiteResult;
use crate::report::html;
use crate::report::matrix::{Matrix, SCHEMA, terminal};
use crate::report::suite::{badge, json};
use crate::report::terminal::Style;

/// Play the same cases on several stacks, side by side.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Beginnings of case ids or of their other names. All cases if none.
    prefixes: Vec<String>,
    /// A stack; give it once for each column.
    #[arg(long = "dut")]
    duts: Vec<DutName>,
    /// A result of `netassay run --json`, from here or elsewhere, as a further column.
    #[arg(long = "result", value_name = "FILE")]
    results: Vec<PathBuf>,
    #[command(flatten)]
    choice: Choice,
    /// Print a line for every case.
    #[arg(long)]
    all: bool,
    /// Write the matrix as one HTML page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the matrix as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write matrix.html, matrix.json and a badge for each stack into this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    if args.duts.is_empty() && args.results.is_empty() {
        return Err(Failure::Input("a matrix needs a --dut or a --result".to_owned()));
    }
    let cases = args.choice.cases(&args.prefixes)?;
    let (mut runs, mut lacking) = (Vec::new(), None);
    for (at, name) in args.duts.iter().enumerate() {
        let (run, failure) = column(name, args, &cases)?;
        eprintln!("[{}/{}] {}", at + 1, args.duts.len(), terminal::summary(&run));
        if let Some(failure) = failure {
            eprintln!("      {failure}");
            lacking = lacking.or(Some(failure));
        }
        runs.push(run);
    }
    for path in &args.results {
        runs.push(read(path)?);
    }
    let matrix = Matrix { schema: SCHEMA, requirements: requirements(&runs), runs };
    output::print(&terminal::render(&matrix, Style::of_stdout(), args.all));
    write(args, &matrix)?;
    let is_as_expected = matrix.runs.iter().all(SuiteResult::is_as_expected);
    Ok(match lacking {
        _ if !is_as_expected => FOUND_SOMETHING,
        // The other columns are there all the same.
        Some(failure) => failure.exit_code(),
        None => ALL_WELL,
    })
}

/// All cases on one stack; skipped, and why, if it cannot be had here.
fn column(
    name: &DutName,
    args: &Args,
    cases: &[&'static Case],
) -> Result<(SuiteResult, Option<Failure>), Failure> {
    let expected = Expected::of(&name.to_string(), registry()).map_err(Failure::Input)?;
    let suite = suite(name, args.choice.profile, None, expected);
    match name.make() {
        Ok(made) => drop(made),
        Err(failure @ Failure::Input(_)) => return Err(failure),
        Err(failure) => return Ok((suite.skip(cases, &failure.to_string()), Some(failure))),
    }
    let progress = CaseProgress::new(&suite.dut, cases.len());
    let run = suite.run(cases, |_, _| progress.done());
    progress.finish();
    match run {
        Ok(run) => Ok((run, None)),
        Err(why) => Ok((suite.skip(cases, &why), Some(Failure::Environment(why)))),
    }
}

/// Reads a stored result of a run.
pub(super) fn read(path: &Path) -> Result<SuiteResult, Failure> {
    let bad = |what: String| Failure::Input(format!("{}: {what}", path.display()));
    let file = File::open(path).map_err(|error| bad(error.to_string()))?;
    json::read(std::io::BufReader::new(file)).map_err(|error| bad(error.to_string()))
}

fn requirements(runs: &[SuiteResult]) -> BTreeMap<String, (String, String)> {
    let ids = runs.iter().flat_map(|run| &run.cases).flat_map(|case| &case.requirements);
    ids.filter_map(|id| CATALOGUE.get(id))
        .map(|it| (it.id.clone(), (level_name(it.level).to_owned(), it.summary.clone())))
        .collect()
}

fn write(args: &Args, matrix: &Matrix) -> Result<(), Failure> {
    let write =
        |path: &Path, text: String| fs::write(path, text).map_err(|error| Failure::writing(path, &error));
    let as_json = || serde_json::to_string(matrix).expect("maps have string keys") + "\n";
    if let Some(directory) = &args.out {
        fs::create_dir_all(directory).map_err(|error| Failure::writing(directory, &error))?;
        write(&directory.join("matrix.html"), html::matrix::render(matrix))?;
        write(&directory.join("matrix.json"), as_json())?;
        for run in &matrix.runs {
            let name: String =
                run.dut.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '-' }).collect();
            write(&directory.join(format!("badge-{name}.json")), badge::render(run))?;
        }
    }
    if let Some(path) = &args.html {
        write(path, html::matrix::render(matrix))?;
    }
    match &args.json {
        Some(path) => write(path, as_json()),
        None => Ok(()),
    }
}
