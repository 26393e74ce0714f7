//! Conversations through a stack that tracks and translates: worlds with random rules, and steps that answer, report
//! about and repeat what the stack really emitted or was given.
//!
//! Numbers are chosen so that chance decides little: where two sources want one port, that port is of a class of which
//! NAT draws none that a conversation begins with.

mod ambiguous;
mod rules;
mod talk;

pub use ambiguous::Ambiguous;
pub use talk::Memory;

use std::sync::Arc;

use super::choice::Choice;
use super::world::{World, turn};
use crate::model::{Limits, Role};

/// A knob of connection tracking and the values worth trying, the default among them.
const KNOBS: &[(&str, &[&str])] = &[
    ("net.netfilter.nf_conntrack_acct", &["0", "1"]),
    ("net.netfilter.nf_conntrack_tcp_loose", &["1", "0"]),
    ("net.netfilter.nf_conntrack_tcp_be_liberal", &["0", "1"]),
    ("net.netfilter.nf_conntrack_tcp_ignore_invalid_rst", &["0", "1"]),
    ("net.netfilter.nf_conntrack_tcp_max_retrans", &["3", "1", "0"]),
];

impl World {
    /// Draws a world whose stack tracks or translates (`role`). Every third keeps the knobs at their defaults.
    pub fn tracking(choice: &mut impl Choice, role: Role, limits: Limits) -> Self {
        const MTUS: &[u32] = &[1500, 1500, 1500, 1500, 296, 576, 1006, 9000];
        let mut scenario = Self::plain(role, limits);
        for interface in &mut scenario.interfaces {
            interface.mtu = *choice.pick(MTUS);
        }
        if !choice.chance(1, 3) {
            if choice.chance(1, 2) {
                turn(choice, &mut scenario);
            }
            for (name, values) in KNOBS {
                if choice.chance(1, 3) {
                    scenario.sysctl.insert((*name).to_owned(), (*choice.pick(values)).to_owned());
                }
            }
        }
        scenario.rules = rules::draw(choice, role);
        Self { scenario: Arc::new(scenario) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Seeded;
    use crate::model::scenario_file::problems;

    #[test]
    fn drawn_worlds_are_without_contradiction() {
        for seed in 0..500 {
            for role in [Role::Conntrack, Role::Nat] {
                let world = World::tracking(&mut Seeded::new(seed), role, Limits::Open);
                let found = problems(&world.scenario);
                assert!(found.is_empty(), "{seed}: {found:?}\n{:#?}", world.scenario.rules);
            }
        }
    }
}
