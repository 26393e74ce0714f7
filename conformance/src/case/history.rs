//! What was seen so far in a case, for what depends on it: an answer to a frame, a law over several.

use super::datagram::Datagram;
use super::world::World;
use crate::model::Observation;

/// What one step brought about.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// All the DUT let out.
    pub observation: Observation,
    /// Its IPv4 datagrams, those of background protocols included.
    pub datagrams: Vec<Datagram>,
}

/// What was seen so far; the liveness probes are not part of it.
#[derive(Clone, Debug)]
pub struct History {
    /// Who is where.
    pub world: World,
    /// One for each step taken, in order.
    pub steps: Vec<Seen>,
}

impl History {
    /// Nothing seen yet.
    pub fn new(world: World) -> Self {
        Self { world, steps: Vec::new() }
    }

    /// All datagrams so far, in order.
    pub fn datagrams(&self) -> impl DoubleEndedIterator<Item = &Datagram> {
        self.steps.iter().flat_map(|step| &step.datagrams)
    }

    /// The datagram that came last.
    ///
    /// # Errors
    /// If none came yet.
    pub fn last(&self) -> Result<&Datagram, String> {
        self.datagrams().next_back().ok_or_else(|| "there is no frame yet".to_owned())
    }

    /// The first datagram of a step, by its number from 0.
    ///
    /// # Errors
    /// If the step brought none.
    pub fn of_step(&self, step: usize) -> Result<&Datagram, String> {
        let seen = self.steps.get(step).and_then(|step| step.datagrams.first());
        seen.ok_or_else(|| format!("step {step} brought no frame"))
    }
}
