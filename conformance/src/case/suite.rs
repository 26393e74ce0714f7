//! Playing many cases on one kind of DUT: side by side, each within a budget, whatever the DUT does.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::definition::Case;
use super::expected::Expected;
use super::judge::Failure;
use super::play::{Entry, Played, Verdict, play};
use super::profile::Profile;
use super::requirement::Level;
use super::world::World;
use crate::dut::Dut;
use crate::model::suite::SCHEMA;
use crate::model::{Action, CaseResult, CaseVerdict, FailureNote, Scenario, StepNote, SuiteResult};

/// Makes a DUT, in the thread that will use it.
pub type MakeDut = Arc<dyn Fn() -> Result<Box<dyn Dut>, String> + Send + Sync>;

/// How a suite is run.
#[derive(Clone)]
pub struct Suite {
    /// Makes the DUT.
    pub make: MakeDut,
    /// Whose reading counts; that which fits each scenario if `None`.
    pub profile: Option<Profile>,
    /// How many cases are played at once; those that wait in real time are all played at once besides.
    pub jobs: usize,
    /// How long a case may take beyond the time that it lets pass, before the DUT counts as hanging.
    pub budget: Duration,
    /// What is expected to fail.
    pub expected: Expected,
    /// Name of the DUT for the command that plays a case again.
    pub dut: String,
}

/// Cases that wait in real time and are played at once, at most.
const SLOW_AT_ONCE: usize = 64;
/// What counts as waiting in real time.
const SLOW: Duration = Duration::from_millis(200);
/// A machine that is late by this much may be why a case failed.
const LATE: Duration = Duration::from_millis(200);
/// How often such a case is tried.
const TRIES: usize = 4;
/// Octets of a frame that a result keeps.
const KEPT: usize = 2048;

impl Suite {
    /// Runs `cases`; `listen` is told of each as it ends.
    ///
    /// # Errors
    /// If the DUT cannot be made.
    ///
    /// # Panics
    /// If a case neither ran nor was skipped by name.
    pub fn run(
        &self,
        cases: &[&'static Case],
        mut listen: impl FnMut(&CaseResult, Option<&Played>),
    ) -> Result<SuiteResult, String> {
        let started = Instant::now();
        let mut first = (self.make)()?;
        let is_real_time = cases.first().is_some_and(|case| has_own_clock(first.as_mut(), case));
        let mut result = self.empty(first.version());
        result.dimensions = first.dimensions().iter().collect();
        drop(first);
        let mut rows: Vec<Option<CaseResult>> = vec![None; cases.len()];
        let (slow, fast): (Vec<usize>, Vec<usize>) =
            (0..cases.len()).partition(|at| is_real_time && duration(cases[*at]) >= SLOW);
        let mut lanes = Lanes::new(self, cases);
        lanes.open(slow, SLOW_AT_ONCE);
        lanes.open(fast, self.jobs.max(1));
        lanes.drain(|at, played, elapsed| {
            let row = self.row(cases[at], played.as_ref(), elapsed);
            listen(&row, played.as_ref());
            rows[at] = Some(row);
        });
        result.cases = rows.into_iter().flatten().collect();
        assert_eq!(result.cases.len(), cases.len(), "every case that is scheduled has a verdict");
        result.sum_up();
        result.elapsed_ms = millis(started.elapsed());
        Ok(result)
    }

    /// The result of a DUT that this machine cannot make: each of `cases` is skipped, because of `why`.
    pub fn skip(&self, cases: &[&'static Case], why: &str) -> SuiteResult {
        let mut result = self.empty("not available".to_owned());
        let verdict = || Verdict::Skipped(why.to_owned());
        let row =
            |case: &&Case| self.row(case, Some(&unplayed(case, self.profile, verdict())), Duration::ZERO);
        result.cases = cases.iter().map(row).collect();
        result.sum_up();
        result
    }

    fn empty(&self, version: String) -> SuiteResult {
        SuiteResult {
            schema: SCHEMA,
            netassay: env!("CARGO_PKG_VERSION").to_owned(),
            dut: self.dut.clone(),
            version,
            profile: self.profile.map_or(String::new(), |profile| profile.name().to_owned()),
            dimensions: Vec::new(),
            totals: crate::model::SuiteTotals::default(),
            cases: Vec::new(),
            elapsed_ms: 0,
        }
    }

    fn row(&self, case: &Case, played: Option<&Played>, elapsed: Duration) -> CaseResult {
        let scenario = played.map(|played| Arc::clone(&played.scenario));
        let (mut why, mut failure) = (String::new(), None);
        let verdict = match played.map(|played| &played.verdict) {
            Some(Verdict::Pass) => CaseVerdict::Pass,
            Some(Verdict::Fail(found)) => {
                failure = Some(note(found));
                CaseVerdict::Fail
            }
            Some(Verdict::Unsupported(what)) => {
                why.clone_from(what);
                CaseVerdict::Unsupported
            }
            Some(Verdict::Skipped(what)) => {
                why.clone_from(what);
                CaseVerdict::Skipped
            }
            None => {
                let seen = format!("nothing within {} s", (self.budget + duration(case)).as_secs());
                failure = Some(note(&Failure::new("hung", "an end of the case", seen)));
                CaseVerdict::Fail
            }
        };
        let profile = played.map(|played| played.profile).or(self.profile);
        let option = self.profile.map_or(String::new(), |profile| format!(" --profile {profile}"));
        CaseResult {
            id: case.id.clone(),
            aliases: case.aliases.clone(),
            requirements: case.requirements.iter().map(|id| (*id).to_owned()).collect(),
            clauses: case.clauses(),
            level: level_name(case.strength()).to_owned(),
            scenario: case.setting.base().to_owned(),
            profile: profile.map_or(String::new(), |profile| profile.name().to_owned()),
            verdict,
            why,
            failure,
            expected: self.expected.note(&case.id).cloned(),
            interfaces: scenario.as_ref().map_or_else(Vec::new, |it| it.interfaces.clone()),
            steps: match (played, &scenario) {
                (Some(played), Some(scenario)) => {
                    played.log.iter().map(|entry| step_note(entry, scenario)).collect()
                }
                _ => Vec::new(),
            },
            command: format!("netassay run {} --dut {}{option}", case.id, shell_word(&self.dut)),
            elapsed_ms: millis(elapsed),
        }
    }
}

/// The word of RFC 2119.
pub const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Must => "MUST",
        Level::MustNot => "MUST NOT",
        Level::Should => "SHOULD",
        Level::ShouldNot => "SHOULD NOT",
        Level::May => "MAY",
    }
}

/// `word` as a shell takes it for one.
fn shell_word(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "-_./:,=@%+".contains(it);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn note(failure: &Failure) -> FailureNote {
    let Failure { step, reason, expected, seen } = failure.clone();
    FailureNote { step, reason, expected, seen }
}

/// Whether the DUT has a clock of its own, so that waiting takes real time.
fn has_own_clock(dut: &mut dyn Dut, case: &Case) -> bool {
    case.setting.build().is_ok_and(|scenario| dut.open(&scenario).is_ok()) && dut.clock().is_some()
}

/// How much time a case lets pass.
fn duration(case: &Case) -> Duration {
    case.setting.build().map_or(Duration::ZERO, |scenario| case.script(&World::of(&scenario)).duration())
}

fn step_note(entry: &Entry, scenario: &Scenario) -> StepNote {
    let name = |interface: usize| {
        scenario.interfaces.get(interface).map_or_else(|| interface.to_string(), |it| it.name.clone())
    };
    let shown = |octets: &[u8]| hex(&octets[..octets.len().min(KEPT)]);
    let observation = &entry.observation;
    let (mut what, stimulus) = match &entry.step.action {
        Action::Inject { interface, frame } => {
            ("inject a frame".to_owned(), Some((name(*interface), shown(frame))))
        }
        Action::Advance => ("let time pass".to_owned(), None),
        Action::Socket { socket, action } => (format!("socket {socket}: {action:?}"), None),
    };
    if let Some(comment) = &entry.step.comment {
        what.clone_from(comment);
    }
    let others = observation
        .deliveries
        .iter()
        .map(|it| format!("delivered to socket {} from {}: {}", it.socket, it.source, shown(&it.data)));
    let errors = observation.socket_errors.iter().map(|it| format!("socket {}: {}", it.socket, it.errno));
    let drops = observation.drops.iter().map(|it| format!("dropped: {}", it.reason));
    let refused = observation.refused.iter().map(|why| format!("the link refused the frame: {why}"));
    StepNote {
        at_us: u64::try_from(entry.step.at.as_micros()).unwrap_or(u64::MAX),
        what,
        stimulus,
        expected: entry.expected.clone(),
        frames: observation.frames.iter().map(|it| (name(it.interface), shown(&it.octets))).collect(),
        others: others.chain(errors).chain(drops).chain(refused).collect(),
        failed: entry.failed,
    }
}

fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// A worker's report: which worker, which case, how it went, how long it took.
type Report = (usize, usize, Box<Played>, Duration);

/// Workers, each with a DUT of its own.
struct Lanes<'s> {
    suite: &'s Suite,
    cases: Vec<&'static Case>,
    workers: Vec<Worker>,
    queues: Vec<VecDeque<usize>>,
    reports: Receiver<Report>,
    reporter: Sender<Report>,
}

struct Worker {
    orders: Sender<usize>,
    thread: thread::JoinHandle<()>,
    queue: usize,
    /// What it plays, since when, and until when it must have done so.
    busy: Option<(usize, Instant, Instant)>,
}

impl<'s> Lanes<'s> {
    fn new(suite: &'s Suite, cases: &[&'static Case]) -> Self {
        let (reporter, reports) = channel();
        Self { suite, cases: cases.to_vec(), workers: Vec::new(), queues: Vec::new(), reports, reporter }
    }

    /// Plays `cases`, `jobs` at once.
    fn open(&mut self, cases: Vec<usize>, jobs: usize) {
        let workers = jobs.min(cases.len());
        self.queues.push(cases.into());
        for _ in 0..workers {
            let number = self.workers.len();
            let worker = self.hire(number, self.queues.len() - 1);
            self.workers.push(worker);
            self.give(number);
        }
    }

    fn hire(&self, number: usize, queue: usize) -> Worker {
        let (orders, inbox) = channel();
        let (make, profile) = (Arc::clone(&self.suite.make), self.suite.profile);
        let (cases, reporter) = (self.cases.clone(), self.reporter.clone());
        let thread = thread::spawn(move || work(number, &make, profile, &cases, &inbox, &reporter));
        Worker { orders, thread, queue, busy: None }
    }

    /// Gives a worker its next case.
    fn give(&mut self, number: usize) {
        let worker = &mut self.workers[number];
        let Some(case) = self.queues[worker.queue].pop_front() else { return };
        let now = Instant::now();
        let budget = self.suite.budget + duration(self.cases[case]) * TRIES as u32;
        worker.busy = Some((case, now, now + budget));
        // A worker leaves only after its orders are gone.
        let _ = worker.orders.send(case);
    }

    /// Waits for all workers; one that does not come back in time is given up and replaced.
    fn drain(mut self, mut done: impl FnMut(usize, Option<Played>, Duration)) {
        while let Some(deadline) = self.workers.iter().filter_map(|it| it.busy).map(|busy| busy.2).min() {
            match self.reports.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok((number, case, played, elapsed)) => {
                    // The report of a worker that was given up comes too late.
                    if self.workers[number].busy.is_some_and(|busy| busy.0 == case) {
                        self.workers[number].busy = None;
                        done(case, Some(*played), elapsed);
                        self.give(number);
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.give_up_late(&mut done),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        // Those that were given up are replaced by now, so that all who are left have nothing to do but end their DUTs.
        for Worker { orders, thread, .. } in self.workers {
            drop(orders);
            let _ = thread.join();
        }
    }

    fn give_up_late(&mut self, done: &mut impl FnMut(usize, Option<Played>, Duration)) {
        let now = Instant::now();
        for number in 0..self.workers.len() {
            let Some((case, since, deadline)) = self.workers[number].busy else { continue };
            if deadline <= now {
                done(case, None, now - since);
                let worker = self.hire(number, self.workers[number].queue);
                self.workers[number] = worker;
                self.give(number);
            }
        }
    }
}

/// Plays what it is told until nobody tells it any more.
fn work(
    number: usize,
    make: &MakeDut,
    profile: Option<Profile>,
    cases: &[&'static Case],
    inbox: &Receiver<usize>,
    reporter: &Sender<Report>,
) {
    let mut dut = None;
    for at in inbox {
        let started = Instant::now();
        let played = play_often(cases[at], &mut dut, make, profile);
        if reporter.send((number, at, Box::new(played), started.elapsed())).is_err() {
            return;
        }
    }
}

/// Plays a case; again if the machine was late where it failed. A DUT that broke is made anew.
fn play_often(
    case: &Case,
    dut: &mut Option<Box<dyn Dut>>,
    make: &MakeDut,
    profile: Option<Profile>,
) -> Played {
    let mut tries = 1;
    loop {
        let mut played = play_once(case, dut, make, profile);
        let Verdict::Fail(failure) = &played.verdict else { return played };
        if matches!(failure.reason.as_str(), "dut" | "panic") {
            *dut = None;
            return played;
        }
        if played.late < LATE {
            return played;
        }
        if tries == TRIES {
            let late = played.late.as_millis();
            played.verdict = Verdict::Skipped(format!("the machine was late by {late} ms in every try"));
            return played;
        }
        tries += 1;
    }
}

/// What is said of a case that did not come to be played.
fn unplayed(case: &Case, profile: Option<Profile>, verdict: Verdict) -> Played {
    Played {
        verdict,
        profile: profile.unwrap_or(Profile::Rfc1122),
        scenario: Arc::new(case.setting.build().expect("the registry refuses a scenario that is wrong")),
        log: Vec::new(),
        late: Duration::ZERO,
    }
}

fn play_once(
    case: &Case,
    dut: &mut Option<Box<dyn Dut>>,
    make: &MakeDut,
    profile: Option<Profile>,
) -> Played {
    let broken = |verdict| unplayed(case, profile, verdict);
    if dut.is_none() {
        match make() {
            Ok(made) => *dut = Some(made),
            Err(why) => return broken(Verdict::Skipped(why)),
        }
    }
    let Some(ready) = dut.as_mut() else { unreachable!("it was just made") };
    catch_unwind(AssertUnwindSafe(|| play(case, ready.as_mut(), profile))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        broken(Verdict::Fail(Failure::new("panic", "a DUT that does not panic", text)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_take_apart_is_quoted() {
        assert_eq!(shell_word("reference:rfc"), "reference:rfc");
        assert_eq!(shell_word("exec:python3 my'stack.py"), r"'exec:python3 my'\''stack.py'");
    }
}
