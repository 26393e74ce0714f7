//! The parts of a run, handed out to workers until a bound is reached.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::Args;
use crate::differential::campaign::{Part, STEPS_PER_PART, matrix_parts, random_parts};

/// Parts not yet taken.
pub(super) struct Queue(Mutex<Inner>);

struct Inner {
    parts: Box<dyn Iterator<Item = Part> + Send>,
    packets_left: u64,
    until: Option<Instant>,
}

impl Queue {
    /// The parts that `args` select.
    pub(super) fn new(args: &Args, started: Instant) -> Self {
        let all: Box<dyn Iterator<Item = Part> + Send> = match (&args.matrix, args.part) {
            (Some(prefix), _) => Box::new(matrix_parts(prefix)),
            (None, first) => {
                Box::new(random_parts(args.seed, first.unwrap_or(0), args.limits(), args.worlds()))
            }
        };
        let (partition, only) = (args.partition, args.part);
        let is_ours = move |part: &Part| {
            only.is_none_or(|only| part.index == only)
                && partition.is_none_or(|it| part.index % it.of == it.part - 1)
        };
        // Random parts have no end: nothing comes after the only one.
        let parts = all.take_while(move |part| only.is_none_or(|only| part.index <= only)).filter(is_ours);
        Self(Mutex::new(Inner {
            parts: Box::new(parts),
            packets_left: args.packets.unwrap_or(u64::MAX),
            until: args.time.map(|time| started + time),
        }))
    }

    /// The next part and how many steps of it are to be taken.
    pub(super) fn next(&self) -> Option<(Part, usize)> {
        // What it holds is whole even if a worker panicked while it had the lock.
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.packets_left == 0 || inner.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        let part = inner.parts.next()?;
        let len = if part.steps.is_empty() { STEPS_PER_PART } else { part.steps.len() };
        let limit = inner.packets_left.min(len as u64);
        inner.packets_left -= limit;
        Some((part, limit as usize))
    }
}
