//! The conformance suite under `cargo test`: each case on each DUT is a test with a name.
//!
//! What cannot run on a machine is ignored, with the reason. A case that is expected to fail passes here when it fails.
//! Whole suites are played at once, side by side, before the first name is asked for; a filter such as
//! `linux::rfc1122/3.2.2` plays only what it names.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::case::checklist::CHECKLISTS;
use netassay::case::coverage::{Cover, Coverage};
use netassay::case::expected::Expected;
use netassay::case::registry::registry;
use netassay::case::suite::{MakeDut, Suite};
use netassay::dut::linux::LinuxDut;
use netassay::dut::reference::ReferenceDut;
use netassay::dut::{Dut, DutError};
use netassay::model::{CaseResult, CaseVerdict, SuiteResult};
use netassay_stack::config::Profile;

/// A kind of DUT and what came of all cases on it, once somebody asked.
struct Exam {
    dut: &'static str,
    make: fn() -> Box<dyn Dut>,
    result: OnceLock<Result<SuiteResult, String>>,
}

static EXAMS: [Exam; 3] = [
    Exam::new("reference", || Box::new(ReferenceDut::new(Profile::Linux))),
    Exam::new("reference:rfc", || Box::new(ReferenceDut::new(Profile::Rfc))),
    Exam::new("linux", || Box::new(LinuxDut::new())),
];

fn main() {
    let arguments = Arguments::from_args();
    let filter = arguments.filter.clone().unwrap_or_default();
    let mut trials = Vec::new();
    for exam in &EXAMS {
        trials.extend(registry().iter().enumerate().map(|(at, case)| {
            let name = format!("{}::{}", exam.dut, case.id);
            Trial::ignorable_test(name, move || exam.outcome(at))
        }));
    }
    trials.push(Trial::ignorable_test("reference_and_linux_agree_on_every_case", agree));
    trials.push(Trial::test("the_rfc_profile_passes_every_must", every_must));
    trials.push(Trial::test("every_wire_requirement_is_covered_or_excused", no_gap));
    let _ = FILTER.set(filter);
    libtest_mimic::run(&arguments, trials).exit();
}

/// What the command line asked for, so that no suite is played of which one case is wanted.
static FILTER: OnceLock<String> = OnceLock::new();

impl Exam {
    const fn new(dut: &'static str, make: fn() -> Box<dyn Dut>) -> Self {
        Self { dut, make, result: OnceLock::new() }
    }

    /// Results of all cases that the filter names; of all if it names none.
    fn result(&self) -> Result<&SuiteResult, &str> {
        let played = self.result.get_or_init(|| {
            let make = self.make;
            let make: MakeDut = Arc::new(move || Ok(make()));
            let expected = Expected::of(self.dut, registry())?;
            let suite = Suite {
                make,
                profile: None,
                jobs: 4,
                budget: Duration::from_secs(120),
                expected,
                dut: self.dut.to_owned(),
            };
            let filter = FILTER.get().map_or("", String::as_str);
            let named = |id: &str| filter.contains("::") && format!("{}::{id}", self.dut).contains(filter);
            let some: Vec<_> = registry().iter().filter(|case| named(&case.id)).collect();
            let cases = if some.is_empty() { registry().iter().collect() } else { some };
            suite.run(&cases, |_, _| ())
        });
        played.as_ref().map_err(String::as_str)
    }

    fn outcome(&self, at: usize) -> Result<Completion, Failed> {
        let id = &registry()[at].id;
        if self.dut == "linux"
            && let Some(why) = no_linux()
        {
            return Ok(Completion::ignored_with(why));
        }
        let result = self.result()?;
        let case = result.cases.iter().find(|case| case.id == *id).ok_or("it was not played")?;
        match case.verdict {
            CaseVerdict::Unsupported | CaseVerdict::Skipped => {
                Ok(Completion::ignored_with(format!("{}: {}", case.verdict.name(), case.why)))
            }
            _ if !case.is_unexpected() => Ok(Completion::Completed),
            _ => Err(Failed::from(text(case))),
        }
    }
}

fn text(case: &CaseResult) -> String {
    match (&case.failure, &case.expected) {
        (Some(failure), _) => format!(
            "[{}] step {:?}\nexpected {}\nsaw      {}\n{} {}\n{}",
            failure.reason,
            failure.step,
            failure.expected,
            failure.seen,
            case.level,
            case.clauses.join(", "),
            case.command
        ),
        (None, Some(note)) => format!("passes, but is expected to fail: {}", note.reason),
        (None, None) => "passes".to_owned(),
    }
}

/// Why there are no namespaces here, if there are none.
fn no_linux() -> Option<String> {
    static WHY: OnceLock<Option<String>> = OnceLock::new();
    WHY.get_or_init(|| {
        let scenario = netassay::case::setting::host().build().expect("a scenario that is built in");
        match LinuxDut::new().open(&scenario) {
            Err(error @ DutError::Environment { .. }) => Some(error.to_string()),
            _ => None,
        }
    })
    .clone()
}

/// The reference models Linux: a case on which they differ is a defect of the reference, whatever the RFC says.
fn agree() -> Result<Completion, Failed> {
    if let Some(why) = no_linux() {
        return Ok(Completion::ignored_with(why));
    }
    let [reference, _, linux] = &EXAMS;
    let (reference, linux) = (reference.result()?, linux.result()?);
    let differ: Vec<_> = reference
        .cases
        .iter()
        .zip(&linux.cases)
        .filter(|(a, b)| a.id == b.id && b.verdict != CaseVerdict::Skipped && !is_same(a, b))
        .map(|(a, b)| format!("{}: reference {}, linux {}", a.id, word(a), word(b)))
        .collect();
    if differ.is_empty() { Ok(Completion::Completed) } else { Err(Failed::from(differ.join("\n"))) }
}

/// Same verdict, and the same thing wrong.
fn is_same(a: &CaseResult, b: &CaseResult) -> bool {
    let reason = |case: &CaseResult| case.failure.as_ref().map(|it| (it.step, it.reason.clone()));
    a.verdict == b.verdict && reason(a) == reason(b)
}

fn word(case: &CaseResult) -> String {
    let failure = case.failure.as_ref().map(|it| format!(" [{}] {}", it.reason, it.seen));
    format!("{}{}", case.verdict.name(), failure.unwrap_or_default())
}

/// As `netassay coverage --ci`.
fn no_gap() -> Result<(), Failed> {
    let coverage = Coverage::of(registry());
    let mut gaps: Vec<_> = coverage.gaps().map(|it| it.id.clone()).chain(coverage.problems.clone()).collect();
    for list in CHECKLISTS.iter().filter(|list| list.name != "idea") {
        let ticked = list.tick(registry());
        let open = ticked.rows.iter().filter(|(_, cover)| *cover == Cover::Gap);
        gaps.extend(open.map(|(item, _)| format!("{}/{}", list.name, item.id)));
        gaps.extend(ticked.problems);
    }
    if gaps.is_empty() { Ok(()) } else { Err(Failed::from(gaps.join("\n"))) }
}

/// The profile of the RFCs passes every case of a MUST or MUST NOT: for whatever Linux does otherwise the stack has a
/// knob, and no file of expected results may excuse it.
fn every_must() -> Result<(), Failed> {
    let [_, rfc, _] = &EXAMS;
    let cases = &rfc.result()?.cases;
    let is_broken = |case: &&CaseResult| case.verdict == CaseVerdict::Fail && case.level.starts_with("MUST");
    let broken: Vec<_> = cases.iter().filter(is_broken).collect();
    if broken.is_empty() {
        return Ok(());
    }
    let texts: Vec<_> = broken.iter().map(|case| format!("{}\n{}", case.id, text(case))).collect();
    Err(Failed::from(texts.join("\n\n")))
}
