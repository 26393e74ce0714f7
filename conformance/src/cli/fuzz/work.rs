//! Workers: each takes parts of the queue on DUTs of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::dut::missing;
use super::super::failure::Failure;
use super::progress::Progress;
use super::queue::Queue;
use super::{Args, store};
use crate::differential::campaign::{Campaign, Known, NewCause};
use crate::differential::judge::Collection;
use crate::differential::ledger::{Duts, Ledger};
use crate::differential::pairing::ReplayError;
use crate::dut::DutError;
use crate::model::outcome::SCHEMA;
use crate::model::{CaptureResult, Dimensions, RunResult, Totals};
use crate::report::order;

/// What all workers share.
pub(super) struct Work<'w> {
    pub(super) args: &'w Args,
    pub(super) ledger: Ledger,
    pub(super) queue: &'w Queue,
    pub(super) progress: &'w Progress,
    pub(super) stop: &'w AtomicBool,
}

/// What came of a run.
pub(super) struct WorkOutcome {
    /// The result; `None` if not even the DUTs could be made.
    pub(super) result: Option<RunResult>,
    /// Why it ended before all was done.
    pub(super) failure: Option<Failure>,
}

/// What one worker has done.
struct Done {
    rows: Vec<CaptureResult>,
    collection: Collection,
    dimensions: Dimensions,
    missing: BTreeMap<String, String>,
    /// Names and versions of the DUTs.
    names: [String; 4],
    failure: Option<Failure>,
}

impl Work<'_> {
    /// Starts the workers and joins what they found.
    pub(super) fn run(&self) -> WorkOutcome {
        let known = Known::default();
        let done: Vec<Result<Done, Failure>> = std::thread::scope(|scope| {
            let start = |_| {
                let known = known.clone();
                scope.spawn(|| self.worker(known))
            };
            let threads: Vec<_> = (0..self.args.jobs).map(start).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        });
        let (mut whole, mut failure) = (None, None);
        for done in done {
            match done {
                Ok(mut done) => {
                    failure = failure.or(done.failure.take());
                    whole = Some(match whole {
                        None => done,
                        Some(whole) => join(whole, done),
                    });
                }
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        WorkOutcome { result: whole.map(|whole| self.result(whole)), failure }
    }

    fn worker(&self, known: Known) -> Result<Done, Failure> {
        let (mut a, mut b) = (self.args.pair.a.make()?, self.args.pair.b.make()?);
        let names = [a.dut.name(), a.dut.version(), b.dut.name(), b.dut.version()];
        let missing = missing(&a, &b);
        let dimensions = a.dut.dimensions().both(b.dut.dimensions());
        let ledger = self.ledger.for_duts(Duts { a: (&names[0], &names[1]), b: (&names[2], &names[3]) });
        let mut campaign = Campaign::new(&mut *a.dut, &mut *b.dut, ledger, known);
        campaign.shrinks = !self.args.no_shrink;
        let (mut rows, mut failure) = (Vec::new(), None);
        while !self.stop.load(Ordering::Relaxed) {
            let Some((part, limit)) = self.queue.next() else { break };
            let outcome = campaign.take(&part, limit, &self.args.command(part.index), self.stop);
            self.progress.done(&outcome.row);
            for cause in &outcome.new_causes {
                self.tell(cause, &mut campaign);
            }
            rows.push(outcome.row);
            if let Some(ReplayError::Dut(error)) = outcome.error
                && matches!(error.source, DutError::Environment { .. } | DutError::Io { .. })
            {
                failure = Some(Failure::of_dut(&error.dut, &error.source));
                // The others would run into the same.
                break;
            }
        }
        Ok(Done { rows, collection: campaign.finish(), dimensions, missing, names, failure })
    }

    /// Says what is new and stores its trace.
    fn tell(&self, cause: &NewCause, campaign: &mut Campaign<'_>) {
        let what = format!("new: {} {}", cause.fingerprint, cause.title);
        let Some(trace) = &cause.trace else {
            let why = if self.args.no_shrink { "" } else { "; does not show from a fresh start" };
            return self.progress.say(&format!("{what}{why}"));
        };
        match store::store(&self.args.store, cause, trace, campaign.second()) {
            Ok(path) => {
                self.progress.say(&format!("{what}; {} steps in {}", trace.steps.len(), path.display()))
            }
            Err(error) => self.progress.say(&format!("{what}; cannot be stored: {error}")),
        }
    }

    fn result(&self, done: Done) -> RunResult {
        let Done { mut rows, collection, dimensions, missing, names, .. } = done;
        let Collection { ledger, usage, causes, .. } = collection;
        rows.sort_by_key(|row| row.position);
        let rows = folded(rows, self.args);
        let mut causes = causes.finish();
        causes.sort_by(order::causes);
        let mut totals = Totals::default();
        rows.iter().for_each(|row| order::add_row(&mut totals, row));
        let [name_a, version_a, name_b, version_b] = names;
        RunResult {
            schema: SCHEMA,
            netassay: env!("CARGO_PKG_VERSION").to_owned(),
            a: format!("{name_a} {version_a}"),
            b: format!("{name_b} {version_b}"),
            dimensions: dimensions.iter().collect(),
            missing,
            totals,
            causes,
            captures: rows,
            ledger: usage.used().filter_map(|id| Some((id.to_owned(), ledger.note(id)?))).collect(),
            // Examples of the ledger are captures; a generated run replays none.
            stale_ledger: Vec::new(),
            partition: None,
            elapsed_ms: 0,
        }
    }
}

fn join(mut one: Done, other: Done) -> Done {
    one.rows.extend(other.rows);
    one.collection.absorb(other.collection);
    one.dimensions = one.dimensions.both(other.dimensions);
    one.missing.extend(other.missing);
    one
}

/// Rows of parts in which all agreed become one row for each family or seed; the others stay as they are.
fn folded(rows: Vec<CaptureResult>, args: &Args) -> Vec<CaptureResult> {
    let mut kept: Vec<CaptureResult> = Vec::new();
    let mut sums: BTreeMap<String, usize> = BTreeMap::new();
    for mut row in rows {
        if !row.verdicts.is_empty() || row.diverge > 0 || row.error.is_some() {
            kept.push(row);
            continue;
        }
        let family = row.capture.rsplit_once('/').map_or(&row.capture[..], |(family, _)| family);
        let of = args.partition.map_or(String::new(), |it| format!(", part {} of {}", it.part, it.of));
        let name = format!("{family} (what agrees{of})");
        match sums.get(&name).map(|at| &mut kept[*at]) {
            Some(sum) => {
                sum.traces += row.traces;
                sum.packets += row.packets;
                sum.compared += row.compared;
                sum.agree += row.agree;
                sum.explained += row.explained;
                sum.elapsed_ms += row.elapsed_ms;
            }
            None => {
                sums.insert(name.clone(), kept.len());
                row.capture = name;
                kept.push(row);
            }
        }
    }
    kept
}
