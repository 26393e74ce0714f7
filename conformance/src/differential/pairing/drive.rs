//! Taking one step on both DUTs.

use std::time::{Duration, Instant};

use crate::dut::{Clock, Dut, DutError, Lead, LimitCounts};
use crate::model::{Counters, Dimension, Dimensions, Observation, Scenario, Step};

/// Which of the two failed, and how.
#[derive(Debug, thiserror::Error)]
#[error("{dut}: {source}")]
pub struct PairError {
    /// Name of the DUT.
    pub dut: String,
    /// How it failed.
    pub source: DutError,
}

/// Time of day at the beginning of traces in virtual time: noon, far from midnight both ways.
const NOON_MS: u64 = 12 * 3600 * 1000;
const DAY_MS: u64 = 24 * 3600 * 1000;

/// The moment `at` after the start, where no DUT has a clock of its own.
pub fn virtual_clock(at: Duration) -> Clock {
    let since_start = u64::try_from(at.as_millis()).unwrap_or(u64::MAX) % DAY_MS;
    Clock { monotonic: at, midnight_ms: ((NOON_MS + since_start) % DAY_MS) as u32 }
}

/// Two DUTs in the same scenario, and what they let out last.
pub struct Drive<'d> {
    pub(super) a: &'d mut dyn Dut,
    pub(super) b: &'d mut dyn Dut,
    /// Observations of the last step.
    pub(super) seen_a: Observation,
    pub(super) seen_b: Observation,
    /// When the last step began, if a clock of a DUT was involved.
    began: Option<Instant>,
    /// The counters of the DUT with a clock before and after its step, for the other to heed.
    before: Counters,
    after: Counters,
    lead: Lead,
    /// Whether A and B tell their counters after every step that they take first: what they are asked when opened.
    tells: [bool; 2],
    /// Whose counters `before` are, if they were read at the last step.
    told: Option<Side>,
}

/// One of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    A,
    B,
}

impl<'d> Drive<'d> {
    /// Puts `a` and `b` side by side.
    pub fn new(a: &'d mut dyn Dut, b: &'d mut dyn Dut) -> Self {
        Self {
            a,
            b,
            seen_a: Observation::default(),
            seen_b: Observation::default(),
            began: None,
            before: Counters::new(),
            after: Counters::new(),
            lead: Lead::default(),
            tells: [false; 2],
            told: None,
        }
    }

    /// What both can observe.
    pub fn dimensions(&self) -> Dimensions {
        self.a.dimensions().both(self.b.dimensions())
    }

    /// Opens both in `scenario`.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub fn open(&mut self, scenario: &Scenario) -> Result<(), PairError> {
        self.before.clear();
        self.told = None;
        self.a.open(scenario).map_err(|source| of(self.a, source))?;
        self.b.open(scenario).map_err(|source| of(self.b, source))?;
        let tells =
            |dut: &dyn Dut| dut.counters_are_cheap() && dut.dimensions().contains(Dimension::Counters);
        self.tells = [tells(self.a), tells(self.b)];
        Ok(())
    }

    /// Reads the counters of one of the two, unless they were read at the last step.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn counters(&mut self, side: Side, counters: &mut Counters) -> Result<(), PairError> {
        if self.told == Some(side) {
            counters.clone_from(&self.before);
            return Ok(());
        }
        let dut = match side {
            Side::A => &mut *self.a,
            Side::B => &mut *self.b,
        };
        counters.clear();
        dut.counters(counters).map_err(|source| of(dut, source))
    }

    /// Takes `step` on both and returns how long that took, as far as a clock of a DUT was involved.
    ///
    /// # Errors
    /// When one of them fails; the observations are of no use then.
    pub fn step(&mut self, step: &Step) -> Result<Duration, PairError> {
        self.seen_a.clear();
        self.seen_b.clear();
        self.told = None;
        let (has_clock_a, has_clock_b) = (self.a.clock().is_some(), self.b.clock().is_some());
        if !has_clock_a && !has_clock_b {
            let clock = virtual_clock(step.at);
            take(self.a, step, clock, &mut self.seen_a)?;
            take(self.b, step, clock, &mut self.seen_b)?;
            self.began = None;
            return Ok(Duration::ZERO);
        }
        self.began = Some(Instant::now());
        let side = if has_clock_a { Side::A } else { Side::B };
        let (first, second) = match side {
            Side::A => ((&mut *self.a, &mut self.seen_a), (&mut *self.b, &mut self.seen_b)),
            Side::B => ((&mut *self.b, &mut self.seen_b), (&mut *self.a, &mut self.seen_a)),
        };
        take(first.0, step, virtual_clock(step.at), first.1)?;
        let clock = first.0.clock().unwrap_or_else(|| virtual_clock(step.at));
        if self.tells[side as usize] {
            first.0.counters(&mut self.after).map_err(|source| of(first.0, source))?;
            self.lead.until = first.0.clock_end().unwrap_or(clock.monotonic);
            self.lead.moved = LimitCounts::of(&self.after).since(LimitCounts::of(&self.before));
            std::mem::swap(&mut self.before, &mut self.after);
            self.told = Some(side);
            second.0.heed(&self.lead);
        }
        take(second.0, step, clock, second.1)?;
        Ok(self.since_step())
    }

    /// How far apart the clocks of the two may be by now: the one that was told the time still has that of the last step.
    pub(super) fn since_step(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }
}

fn take(dut: &mut dyn Dut, step: &Step, clock: Clock, seen: &mut Observation) -> Result<(), PairError> {
    dut.step(step, clock, seen).map_err(|source| of(dut, source))
}

pub(super) fn of(dut: &dyn Dut, source: DutError) -> PairError {
    PairError { dut: dut.name(), source }
}
