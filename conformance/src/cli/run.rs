//! `netassay run`: conformance cases on one DUT.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::dut::DutName;
use super::failure::Failure;
use super::progress::CaseProgress;
use super::{ALL_WELL, FOUND_SOMETHING, output};
use crate::capture::trace_file::{Observed, RecordedDut, TraceHeader, TraceWriter};
use crate::case::definition::Case;
use crate::case::expected::{Expected, propose};
use crate::case::play::Played;
use crate::case::profile::Profile;
use crate::case::registry::{registry, select};
use crate::case::requirement::Level;
use crate::case::suite::{MakeDut, Suite};
use crate::model::{CaseResult, CaseVerdict, SuiteResult};
use crate::report::suite::{badge, json, junit, sarif, tap, terminal};
use crate::report::terminal::Style;

/// Play conformance cases on a stack. Exit status 1 if a case goes otherwise than the expected results say.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Beginnings of case ids or of their other names: `rfc1122/3.2.2`, `tc8/ICMPv4_TYPE_22`. All cases if none.
    prefixes: Vec<String>,
    /// The stack.
    #[arg(long, default_value = "reference")]
    dut: DutName,
    #[command(flatten)]
    choice: Choice,
    /// Cases played at once; those that wait in real time are played at once besides.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Seconds that a case may take beyond what it waits, before the stack counts as hanging.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    budget: u64,
    /// Expected results of this stack, instead of those that come with netassay.
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// Write a proposal for the file of expected results.
    #[arg(long, value_name = "FILE")]
    write_expected: Option<PathBuf>,
    /// List failures that are expected as well.
    #[arg(long, short)]
    verbose: bool,
    #[command(flatten)]
    output: Output,
}

/// Options that say which cases, and by whose reading.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Choice {
    /// Whose reading counts where RFCs contradict each other; that which fits each scenario if not given.
    #[arg(long)]
    pub(super) profile: Option<Profile>,
    /// The least binding cases that are played.
    #[arg(long, value_enum, default_value_t = Least::May)]
    pub(super) level: Least,
}

/// How binding a case must be to be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Least {
    /// MUST and MUST NOT.
    Must,
    /// SHOULD and SHOULD NOT as well.
    Should,
    /// All.
    May,
}

impl Choice {
    /// The cases that are asked for.
    ///
    /// # Errors
    /// If there are none.
    pub(super) fn cases(&self, prefixes: &[String]) -> Result<Vec<&'static Case>, Failure> {
        for prefix in prefixes {
            if select(std::slice::from_ref(prefix)).is_empty() {
                return Err(Failure::Input(format!(
                    "no case begins with `{prefix}`; see `netassay list cases`"
                )));
            }
        }
        let least = match self.level {
            Least::Must => Level::MustNot,
            Least::Should => Level::ShouldNot,
            Least::May => Level::May,
        };
        Ok(select(prefixes).into_iter().filter(|case| case.strength() <= least).collect())
    }
}

/// Options that say where results go.
#[derive(Clone, Debug, Default, clap::Args)]
struct Output {
    /// Write all reports into this directory, and a trace of each failing case.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Write the result as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the result as JUnit XML.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the result as TAP.
    #[arg(long, value_name = "FILE")]
    tap: Option<PathBuf>,
    /// Write the result as SARIF.
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Write a trace (pcapng) of each failing case into this directory.
    #[arg(long, value_name = "DIR")]
    pcap: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<u8, Failure> {
    let cases = args.choice.cases(&args.prefixes)?;
    let expected = match &args.expected {
        Some(path) => read_expected(path)?,
        None => Expected::of(&args.dut.to_string(), registry()).map_err(Failure::Input)?,
    };
    // What is wrong with the DUT is told at once, with its kind.
    drop(args.dut.make()?);
    let suite = Suite {
        budget: Duration::from_secs(args.budget),
        ..suite(&args.dut, args.choice.profile, args.jobs, expected)
    };
    let traces = args.output.pcap.clone().or_else(|| args.output.out.as_ref().map(|out| out.join("traces")));
    let mut problem = None;
    let progress = CaseProgress::new(&suite.dut, cases.len());
    let result = suite.run(&cases, |case, played| {
        progress.done();
        if let (Some(directory), Some(played)) = (&traces, played)
            && case.verdict == CaseVerdict::Fail
        {
            let written = write_trace(directory, case, played, &suite.dut);
            problem = problem.take().or(written.err());
        }
    });
    progress.finish();
    let result = result.map_err(Failure::Environment)?;
    output::print(&terminal::render(&result, Style::of_stdout(), args.verbose));
    args.output.write(&result)?;
    if let Some(path) = &args.write_expected {
        fs::write(path, propose(&result)).map_err(|error| Failure::writing(path, &error))?;
    }
    problem.map_or(Ok(()), Err)?;
    Ok(if result.is_as_expected() { ALL_WELL } else { FOUND_SOMETHING })
}

fn read_expected(path: &Path) -> Result<Expected, Failure> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| Failure::Input(format!("{name}: {error}")))?;
    Expected::read(&name, &text, registry()).map_err(Failure::Input)
}

/// How cases are played on the DUT called `name`.
pub(super) fn suite(
    name: &DutName,
    profile: Option<Profile>,
    jobs: Option<usize>,
    expected: Expected,
) -> Suite {
    let wanted = name.clone();
    let make: MakeDut =
        Arc::new(move || wanted.make().map(|made| made.dut).map_err(|failure| failure.to_string()));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Suite {
        make,
        profile,
        jobs: jobs.unwrap_or(cores),
        budget: Duration::from_secs(30),
        expected,
        dut: name.to_string(),
    }
}

/// Writes a failing case as a trace that Wireshark opens.
fn write_trace(directory: &Path, case: &CaseResult, played: &Played, dut: &str) -> Result<(), Failure> {
    let path = directory.join(format!("{}.pcapng", case.id.replace('/', "_")));
    let write = || -> io::Result<()> {
        fs::create_dir_all(directory)?;
        let recorded = RecordedDut {
            dut: dut.to_owned(),
            version: String::new(),
            dimensions: crate::model::Dimensions::ALL,
        };
        let header = TraceHeader {
            name: case.id.clone(),
            scenario: Arc::clone(&played.scenario),
            recorded: Some(recorded),
        };
        let mut writer = TraceWriter::new(BufWriter::new(File::create(&path)?), &header)?;
        for entry in &played.log {
            let mut verdicts: Vec<_> = entry.expected.iter().map(|it| format!("expected {it}")).collect();
            if let (true, Some(failure)) = (entry.failed, &case.failure) {
                verdicts.push(format!("fail [{}]: {}", failure.reason, failure.seen));
            }
            let observed =
                Observed { observation: entry.observation.clone(), verdicts, ..Observed::default() };
            writer.step(&entry.step, Some(&observed))?;
        }
        writer.finish()?.flush()
    };
    write().map_err(|error| Failure::writing(&path, &error))
}

type Render = fn(&SuiteResult) -> String;

const FORMS: [(&str, Render); 5] = [
    ("result.json", |result| {
        let mut octets = Vec::new();
        // A vector takes everything, and what is written is UTF-8.
        let _ = json::write(result, &mut octets);
        String::from_utf8_lossy(&octets).into_owned()
    }),
    ("junit.xml", junit::render),
    ("result.tap", tap::render),
    ("result.sarif", sarif::render),
    ("badge.json", badge::render),
];

impl Output {
    fn write(&self, result: &SuiteResult) -> Result<(), Failure> {
        let write = |path: &Path, render: Render| {
            fs::write(path, render(result)).map_err(|error| Failure::writing(path, &error))
        };
        if let Some(directory) = &self.out {
            fs::create_dir_all(directory).map_err(|error| Failure::writing(directory, &error))?;
            FORMS.iter().try_for_each(|(name, render)| write(&directory.join(name), *render))?;
        }
        let single = [&self.json, &self.junit, &self.tap, &self.sarif];
        single.into_iter().zip(FORMS).try_for_each(|(path, (_, render))| match path {
            Some(path) => write(path, render),
            None => Ok(()),
        })
    }
}
