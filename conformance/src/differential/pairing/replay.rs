//! A whole trace on both DUTs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::checkpoint::Checkpoint;
use super::drive::{Drive, PairError};
use super::source::{SourceError, StepSource};
use crate::differential::compare::{Comparison, Difference};
use crate::differential::rule::Context;
use crate::dut::Dut;
use crate::model::{Counters, Dimension, Dimensions, Observation, Scenario, Step};

/// Steps between two checkpoints. A stretch that differs is run again with a reading after each block of it, and the
/// blocks that differ once more with a reading after each step. Reading the kernel's table of connections takes as
/// long as thousands of steps, so stretches are long.
const STRETCH: u64 = 1 << 16;
/// Steps of a block; a whole number of blocks makes a stretch.
const BLOCK: u64 = 1 << 8;
/// How many blocks are run step by step; what is behind is reported for the whole stretch.
const BLOCKS_AGAIN: usize = 4096;

/// Differences found at one step.
#[derive(Debug)]
pub struct Finding<'f> {
    /// Which step of the trace, from 0. Of a stretch that could not be narrowed down, the last one.
    pub index: u64,
    /// The step that brought the differences about; `None` where only the stretch is known.
    pub step: Option<&'f Step>,
    /// What differs, of one or more dimensions.
    pub differences: &'f [Difference],
    /// What A and B let out; `None` where only counters or tables were looked at.
    pub seen: Option<[&'f Observation; 2]>,
    /// What the counters of A and B did at this step, where they were read after it.
    pub counters: Option<[Counters; 2]>,
}

/// Is told what comes of a trace.
pub trait Listener {
    /// The DUTs differ.
    fn found(&mut self, finding: &Finding<'_>);

    /// A step was taken and compared; comes after `found` for the same step.
    fn stepped(&mut self, index: u64, step: &Step, a: &Observation, b: &Observation) {
        let _ = (index, step, a, b);
    }
}

/// How a replay went.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Steps taken and compared.
    pub compared: u64,
    /// Steps that came from the source and were not compared, because a DUT had failed.
    pub left: u64,
    /// Why it ended early.
    pub error: Option<ReplayError>,
    /// Whether it ended because that was wished.
    pub stopped: bool,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A DUT failed.
    #[error("{0}")]
    Dut(#[from] PairError),
    /// The steps cannot be read any further.
    #[error("{0}")]
    Source(#[from] SourceError),
}

/// Replays traces on a pair of DUTs.
pub struct Replay<'d> {
    drive: Drive<'d>,
    comparison: Comparison,
    differences: Vec<Difference>,
    counts_each_step: bool,
}

/// What is fixed for one trace.
struct Plan<'p> {
    scenario: &'p Scenario,
    dimensions: Dimensions,
    /// Read after every step.
    cheap: Dimensions,
    /// Read at the end of a stretch.
    dear: Dimensions,
    stop: &'p AtomicBool,
}

/// Stretches that differ in something dear, by number, with what differs over the whole of them.
type Marked = BTreeMap<u64, Vec<Difference>>;

impl<'d> Replay<'d> {
    /// Replays on the DUTs of `drive`.
    pub fn new(drive: Drive<'d>) -> Self {
        Self { drive, comparison: Comparison::default(), differences: Vec::new(), counts_each_step: true }
    }

    /// Leaves counters to the checkpoints even where reading them is cheap.
    pub fn count_at_checkpoints(&mut self) {
        self.counts_each_step = false;
    }

    /// The DUTs.
    pub fn drive(&self) -> &Drive<'d> {
        &self.drive
    }

    /// Opens both DUTs in `scenario` and does nothing more.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn open(&mut self, scenario: &Scenario) -> Result<(), PairError> {
        self.drive.open(scenario)
    }

    /// DUT B alone.
    pub fn second(&mut self) -> &mut dyn Dut {
        self.drive.b
    }

    /// Opens both DUTs in `scenario`, takes all steps of `source` and tells `listener` what differs in `dimensions`.
    ///
    /// Ends early when `stop` becomes true. What was done before an error stands.
    pub fn run(
        &mut self,
        scenario: &Scenario,
        dimensions: Dimensions,
        source: &mut dyn StepSource,
        listener: &mut dyn Listener,
        stop: &AtomicBool,
    ) -> Replayed {
        let mut replayed = Replayed::default();
        let mut marked = Marked::new();
        let plan = self.plan(scenario, dimensions, stop);
        let outcome = plan
            .and_then(|plan| self.pass(&plan, source, listener, &mut marked, &mut replayed).map(|()| plan));
        match outcome {
            Ok(plan) if !marked.is_empty() && !replayed.stopped => {
                if let Err(error) = self.locate(&plan, source, listener, &mut marked) {
                    replayed.error.get_or_insert(error);
                }
            }
            Ok(_) => {}
            Err(error) => {
                replayed.left += rest(source, stop);
                replayed.error = Some(error.into());
            }
        }
        for (stretch, differences) in &marked {
            let index = ((stretch + 1) * STRETCH).min(replayed.compared).saturating_sub(1);
            listener.found(&Finding { index, step: None, differences, seen: None, counters: None });
        }
        replayed
    }

    fn plan<'p>(
        &mut self,
        scenario: &'p Scenario,
        dimensions: Dimensions,
        stop: &'p AtomicBool,
    ) -> Result<Plan<'p>, PairError> {
        self.drive.open(scenario)?;
        let counters = Dimensions::NONE.with(Dimension::Counters);
        let is_cheap =
            self.counts_each_step && self.drive.a.counters_are_cheap() && self.drive.b.counters_are_cheap();
        let cheap = if is_cheap { dimensions.both(counters) } else { Dimensions::NONE };
        let dear = dimensions.both(counters.with(Dimension::Conntrack));
        let dear = if is_cheap { dear.without(Dimension::Counters) } else { dear };
        Ok(Plan { scenario, dimensions, cheap, dear, stop })
    }

    /// Takes every step once; both DUTs are open. Steps that cannot be read end it like the last one does.
    fn pass(
        &mut self,
        plan: &Plan<'_>,
        source: &mut dyn StepSource,
        listener: &mut dyn Listener,
        marked: &mut Marked,
        replayed: &mut Replayed,
    ) -> Result<(), PairError> {
        self.comparison.reset(plan.scenario, plan.dimensions);
        let (mut cheap, mut dear) = (Checkpoint::default(), Checkpoint::default());
        loop {
            if plan.stop.load(Ordering::Relaxed) {
                replayed.stopped = true;
                break;
            }
            let step = match source.next_step() {
                Ok(Some(step)) => step,
                Ok(None) => break,
                Err(error) => {
                    replayed.error = Some(error.into());
                    break;
                }
            };
            let index = replayed.compared;
            if let Err(error) = self.step(plan, step, &mut cheap) {
                replayed.left = 1;
                return Err(error);
            }
            let Drive { seen_a, seen_b, .. } = &self.drive;
            if !self.differences.is_empty() {
                let counters = (plan.cheap != Dimensions::NONE).then(|| cheap.moved());
                let seen = Some([seen_a, seen_b]);
                let differences = &self.differences[..];
                listener.found(&Finding { index, step: Some(step), differences, seen, counters });
            }
            listener.stepped(index, step, seen_a, seen_b);
            replayed.compared += 1;
            if replayed.compared.is_multiple_of(STRETCH) {
                self.mark(plan, index / STRETCH, &mut dear, marked)?;
            }
        }
        if !replayed.compared.is_multiple_of(STRETCH) {
            self.mark(plan, replayed.compared / STRETCH, &mut dear, marked)?;
        }
        Ok(())
    }

    /// Takes one step and leaves what differs in `self.differences`.
    fn step(&mut self, plan: &Plan<'_>, step: &Step, cheap: &mut Checkpoint) -> Result<(), PairError> {
        self.differences.clear();
        let elapsed = self.drive.step(step)?;
        let context = Context::new(plan.scenario, step, elapsed);
        let Drive { seen_a, seen_b, .. } = &self.drive;
        self.comparison.observations(&context, seen_a, seen_b, &mut self.differences);
        if plan.cheap != Dimensions::NONE {
            cheap.read(&mut self.drive, plan.cheap, &mut self.comparison, &mut self.differences)?;
        }
        Ok(())
    }

    /// Reads what is dear at the end of a stretch, and marks the stretch if something moved apart in it.
    fn mark(
        &mut self,
        plan: &Plan<'_>,
        stretch: u64,
        dear: &mut Checkpoint,
        marked: &mut Marked,
    ) -> Result<(), PairError> {
        if plan.dear == Dimensions::NONE {
            return Ok(());
        }
        let differences = self.read(plan, dear)?;
        if !differences.is_empty() {
            marked.insert(stretch, differences);
        }
        Ok(())
    }

    /// Runs the trace again to find the steps of the marked stretches that bring the differences about, and takes those
    /// stretches out of `marked` in which it found them.
    fn locate(
        &mut self,
        plan: &Plan<'_>,
        source: &mut dyn StepSource,
        listener: &mut dyn Listener,
        marked: &mut Marked,
    ) -> Result<(), ReplayError> {
        let stretches: Vec<u64> = marked.keys().copied().collect();
        let mut blocks = Vec::new();
        self.again(plan, source, (&stretches, STRETCH), BLOCK, &mut |seen| blocks.push(seen.index / BLOCK))?;
        blocks.truncate(BLOCKS_AGAIN);
        self.again(plan, source, (&blocks, BLOCK), 1, &mut |seen| {
            marked.remove(&(seen.index / STRETCH));
            listener.found(seen);
        })
    }

    /// Runs the trace again up to the last of the parts with the numbers `wanted`, each of `len` steps. In these parts
    /// it reads what is dear after `every` steps and tells what moved apart.
    fn again(
        &mut self,
        plan: &Plan<'_>,
        source: &mut dyn StepSource,
        (wanted, len): (&[u64], u64),
        every: u64,
        tell: &mut dyn FnMut(&Finding<'_>),
    ) -> Result<(), ReplayError> {
        let Some(last) = wanted.last() else { return Ok(()) };
        source.rewind()?;
        self.comparison.reset(plan.scenario, plan.dimensions);
        self.drive.open(plan.scenario)?;
        let (mut cheap, mut dear) = (Checkpoint::default(), Checkpoint::default());
        let mut is_read = true;
        for index in 0..(last + 1) * len {
            if plan.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let is_wanted = wanted.binary_search(&(index / len)).is_ok();
            if is_wanted && !is_read && index.is_multiple_of(every) {
                self.read(plan, &mut dear)?;
            }
            let Ok(Some(step)) = source.next_step() else {
                if index > 0 && !is_read && wanted.binary_search(&((index - 1) / len)).is_ok() {
                    self.read_and_tell(plan, &mut dear, (index - 1, None), tell)?;
                }
                return Ok(());
            };
            self.step(plan, step, &mut cheap)?;
            is_read = is_wanted && (index + 1).is_multiple_of(every);
            if is_read {
                self.read_and_tell(plan, &mut dear, (index, Some(step)), tell)?;
            }
        }
        Ok(())
    }

    /// Reads what is dear and gives back what moved apart since the last reading.
    fn read(&mut self, plan: &Plan<'_>, dear: &mut Checkpoint) -> Result<Vec<Difference>, PairError> {
        let mut differences = Vec::new();
        dear.read(&mut self.drive, plan.dear, &mut self.comparison, &mut differences)?;
        Ok(differences)
    }

    fn read_and_tell(
        &mut self,
        plan: &Plan<'_>,
        dear: &mut Checkpoint,
        (index, step): (u64, Option<&Step>),
        tell: &mut dyn FnMut(&Finding<'_>),
    ) -> Result<(), PairError> {
        let differences = &self.read(plan, dear)?[..];
        if !differences.is_empty() {
            let counters = plan.dear.contains(Dimension::Counters).then(|| dear.moved());
            let seen = Some([&self.drive.seen_a, &self.drive.seen_b]);
            tell(&Finding { index, step, differences, seen, counters });
        }
        Ok(())
    }
}

/// How many steps are left in `source`.
fn rest(source: &mut dyn StepSource, stop: &AtomicBool) -> u64 {
    let mut left = 0;
    while !stop.load(Ordering::Relaxed) && matches!(source.next_step(), Ok(Some(_))) {
        left += 1;
    }
    left
}
