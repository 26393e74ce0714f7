//! One part of a campaign: a scenario and the steps to take in it.

use std::sync::Arc;
use std::time::Duration;

use crate::generate::{Seeded, Sequence, World, matrix};
use crate::model::{Action, Limits, Role, Scenario, Step};

/// Steps of a matrix family that share one run of the DUT.
const CASES_PER_PART: usize = 4000;

/// A world, and where its steps come from.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its number among all parts of the run, however that is divided.
    pub index: u64,
    /// Name in results: `seed-7/part-12`, `m1-lengths/3`.
    pub name: String,
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The steps, unless they are to be drawn as the run goes on.
    pub steps: Vec<Step>,
    /// How many traces it counts for: each case of a matrix is one.
    pub traces: u64,
    drawn: Option<(u64, u64)>,
}

impl Part {
    /// The random sequence to draw the steps from, if they are not fixed.
    pub fn sequence<'w>(&self, world: &'w World) -> Option<Sequence<'w, Seeded>> {
        let (seed, index) = self.drawn?;
        Some(Sequence::new(world, Seeded::part(seed, 2 * index + 1)))
    }
}

/// What the stacks of random worlds are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worlds {
    /// Hosts and routers.
    Plain,
    /// Hosts and routers with local sockets.
    Sockets,
    /// Routers that track connections.
    Conntrack,
    /// Routers that translate.
    Nat,
}

/// Random parts without end: number `index` of `seed` is the same on every machine.
pub fn random_parts(seed: u64, first: u64, limits: Limits, worlds: Worlds) -> impl Iterator<Item = Part> {
    (first..).map(move |index| {
        let mut choice = Seeded::part(seed, 2 * index);
        let (world, kind) = match worlds {
            Worlds::Plain => (World::draw(&mut choice, limits), ""),
            Worlds::Sockets => (World::with_sockets(&mut choice, limits), "sockets-"),
            Worlds::Conntrack => (World::tracking(&mut choice, Role::Conntrack, limits), "conntrack-"),
            Worlds::Nat => (World::tracking(&mut choice, Role::Nat, limits), "nat-"),
        };
        let name = format!("{kind}seed-{seed}/part-{index}");
        Part {
            index,
            name,
            scenario: world.scenario,
            steps: Vec::new(),
            traces: 1,
            drawn: Some((seed, index)),
        }
    })
}

/// The cases of the families whose name starts with `prefix`, cut into parts.
pub fn matrix_parts(prefix: &str) -> impl Iterator<Item = Part> + Send + use<> {
    let prefix = prefix.to_owned();
    let families = matrix::families().into_iter().filter(move |family| family.name.starts_with(&prefix));
    let parts = families.flat_map(|family| {
        let mut parts = Vec::new();
        let per_part = if family.isolated { 1 } else { CASES_PER_PART };
        let mut cases = Vec::with_capacity(per_part);
        let mut close = |cases: &mut Vec<matrix::Case>| {
            let name = format!("{}/{}", family.name, parts.len());
            let traces = cases.len() as u64;
            let steps = steps(std::mem::take(cases));
            let scenario = Arc::clone(&family.scenario);
            parts.push(Part { index: 0, name, scenario, steps, traces, drawn: None });
        };
        (family.cases)(&mut |case| {
            cases.push(case);
            if cases.len() == per_part {
                close(&mut cases);
            }
        });
        if !cases.is_empty() {
            close(&mut cases);
        }
        parts
    });
    parts.zip(0..).map(|(part, index)| Part { index, ..part })
}

fn steps(cases: Vec<matrix::Case>) -> Vec<Step> {
    let (mut steps, mut now) = (Vec::new(), Duration::ZERO);
    for case in cases {
        let mut pauses = case.pauses.into_iter().peekable();
        for (index, (interface, frame)) in case.frames.into_iter().enumerate() {
            let mut push = |at, action, comment| {
                let packet = steps.len() as u64 + 1;
                steps.push(Step { at, action, packet, comment });
            };
            if let Some((_, pause)) = pauses.next_if(|(before, _)| *before == index) {
                now += pause;
                push(now, Action::Advance, None);
            }
            let comment = (index == 0).then(|| case.label.clone());
            push(now, Action::Inject { interface, frame }, comment);
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isolated_cases_have_a_part_each() {
        let parts: Vec<_> = matrix_parts("m10-path-0").collect();
        assert!(parts.len() > 3000);
        assert!(parts.iter().all(|part| part.traces == 1 && (2..=3).contains(&part.steps.len())));
    }

    #[test]
    fn a_part_can_be_drawn_alone() {
        let third = random_parts(9, 0, Limits::Open, Worlds::Sockets).nth(2).unwrap();
        let alone = random_parts(9, 2, Limits::Open, Worlds::Sockets).next().unwrap();
        assert_eq!((third.name, third.scenario), (alone.name, alone.scenario));
    }
}
