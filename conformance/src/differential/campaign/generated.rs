//! Steps that a generator makes on demand, hearing what the stack answered.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use crate::differential::pairing::{Finding, Listener, SourceError, StepSource};
use crate::differential::rule::{self, Context};
use crate::generate::{Choice, Sequence};
use crate::model::{ConntrackEvent, ConntrackEventKind, EmittedFrame, Observation, Scenario, Step};

/// A sequence of a bounded number of steps. Steps once made are kept: going back gives the same ones again, whatever
/// the stack answers the second time.
pub struct Generated<'w, C> {
    sequence: Rc<RefCell<Sequence<'w, C>>>,
    steps: Vec<Step>,
    next: usize,
    len: usize,
}

/// Tells a sequence what the stack emitted, so that it can quote it in ICMP errors.
pub struct Hearing<'w, C> {
    sequence: Rc<RefCell<Sequence<'w, C>>>,
    scenario: &'w Scenario,
}

impl<'w, C: Choice> Generated<'w, C> {
    /// The first `len` steps of `sequence`, and the listener that lets it hear.
    pub fn new(sequence: Sequence<'w, C>, len: usize) -> (Self, Hearing<'w, C>) {
        let scenario = &sequence.world().scenario;
        let sequence = Rc::new(RefCell::new(sequence));
        let hearing = Hearing { sequence: Rc::clone(&sequence), scenario };
        (Self { sequence, steps: Vec::with_capacity(len), next: 0, len }, hearing)
    }

    /// The steps made so far.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }
}

impl<C: Choice> StepSource for Generated<'_, C> {
    fn next_step(&mut self) -> Result<Option<&Step>, SourceError> {
        if self.next == self.steps.len() && self.next < self.len {
            let mut sequence = self.sequence.borrow_mut();
            if !sequence.is_exhausted() {
                self.steps.push(sequence.step());
            }
        }
        let step = self.steps.get(self.next);
        self.next += usize::from(step.is_some());
        Ok(step)
    }

    fn rewind(&mut self) -> Result<(), SourceError> {
        self.next = 0;
        // What was made is all there is: a second pass must not run on where the first one ended early.
        self.len = self.steps.len();
        Ok(())
    }
}

impl<C: Choice> Listener for Hearing<'_, C> {
    fn found(&mut self, _: &Finding<'_>) {}

    /// What only one of them emitted, or with a port that it drew, would mean something else to the other. What differs
    /// from run to run is not heard either: the same seed gives the same steps.
    fn stepped(&mut self, _: u64, step: &Step, a: &Observation, b: &Observation) {
        for number in drawn_apart(&a.conntrack_events, &b.conntrack_events) {
            self.sequence.borrow_mut().avoid(number);
        }
        let (Some(a), Some(b)) = (a.frames.last(), b.frames.last()) else { return };
        let context = Context::new(self.scenario, step, Duration::ZERO);
        let octets = rule::steady(&context, a);
        if a.interface == b.interface && octets == rule::steady(&context, b) {
            self.sequence.borrow_mut().hear(&EmittedFrame { interface: a.interface, octets });
        }
    }
}

/// Ports and identifiers of the answers to new connections, where they are others on A than on B.
fn drawn_apart(a: &[ConntrackEvent], b: &[ConntrackEvent]) -> Vec<u16> {
    let new = |event: &&ConntrackEvent| event.kind == ConntrackEventKind::New;
    let flow = |event: &ConntrackEvent| (event.entry.protocol, event.entry.zone, event.entry.original);
    let mut numbers = Vec::new();
    for one in a.iter().filter(new) {
        let Some(other) = b.iter().filter(new).find(|other| flow(other) == flow(one)) else { continue };
        let ids = [one, other].map(|event| [event.entry.reply.source_id, event.entry.reply.destination_id]);
        let pairs = ids[0].into_iter().zip(ids[1]);
        numbers.extend(pairs.filter(|(a, b)| a != b).flat_map(|(a, b)| [a, b]));
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Seeded, World};
    use crate::model::observation::TrackedTuple;
    use crate::model::{ConntrackEntry, EmittedFrame, Limits};

    fn new(original: u16, port: u16) -> ConntrackEvent {
        let tuple = |source_id, destination_id| TrackedTuple {
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            source_id,
            destination_id,
        };
        let entry = ConntrackEntry {
            protocol: 17,
            original: tuple(original, 53),
            reply: tuple(53, port),
            timeout_s: None,
            status: 0,
            tcp_state: None,
            zone: 0,
            accounting: None,
        };
        ConntrackEvent { kind: ConntrackEventKind::New, entry }
    }

    #[test]
    fn only_numbers_that_differ_are_avoided() {
        assert_eq!(drawn_apart(&[new(1, 500), new(2, 600)], &[new(2, 600), new(1, 500)]), [0; 0]);
        assert_eq!(drawn_apart(&[new(1, 500), new(2, 600)], &[new(2, 601), new(1, 500)]), [600, 601]);
        assert_eq!(drawn_apart(&[new(1, 500)], &[new(2, 600)]), [0; 0], "two connections");
    }

    #[test]
    fn going_back_gives_the_same_steps_whatever_is_heard() {
        let world = World::draw(&mut Seeded::new(3), Limits::Open);
        let (mut source, mut hearing) = Generated::new(Sequence::new(&world, Seeded::new(4)), 50);
        let mut first = Vec::new();
        while let Some(step) = source.next_step().unwrap() {
            first.push(step.clone());
        }
        source.rewind().unwrap();
        let mut heard = Observation::default();
        heard.frames.push(EmittedFrame { interface: 0, octets: vec![0x45; 28] });
        hearing.stepped(0, &first[0], &heard, &heard);
        let mut again = Vec::new();
        while let Some(step) = source.next_step().unwrap() {
            again.push(step.clone());
        }
        assert_eq!(first.len(), 50);
        assert_eq!(first, again);
    }
}
