//! Cost: what one step spends is at most a fixed amount and what its input and output are worth, whatever the tables
//! hold; and the tables hold no more than they may.

use netassay_stack::stack::Footprint;

use super::{Objection, hold};
use crate::model::{Observation, Scenario};

/// The clause of every rule here: resources are to be guarded against exhaustion.
const CLAUSE: &str = "RFC 4732 §2";

/// Rules that may fire, and blocks that may be allocated, in a step without output.
const FIXED: u64 = 400;
/// The same for each frame, delivery, drop, error or event.
const EACH: u64 = 40;
/// Octets that may be allocated in a step without output: the tables grow by doubling, and the largest has room for
/// some thousands of entries.
const FIXED_OCTETS: u64 = 4 << 20;
/// Octets that may be allocated for each octet that goes in or comes out.
const OCTETS_EACH: u64 = 64;

/// The peers that a rate limit remembers at most.
const MOST_PEERS: usize = 8192;
/// What a fragment may add to what reassembly holds already.
const ONE_FRAGMENT: usize = 1 << 18;

/// What a step has spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Rules that fired.
    pub decisions: u64,
    /// Blocks allocated.
    pub blocks: u64,
    /// Octets allocated.
    pub octets: u64,
}

/// Judges what a step has spent; `input` is the length of what went in.
///
/// # Errors
/// What was too dear.
pub fn judge(spent: Spent, input: usize, observation: &Observation) -> Result<(), Objection> {
    let count = observation.frames.len()
        + observation.deliveries.len()
        + observation.drops.len()
        + observation.socket_errors.len()
        + observation.conntrack_events.len();
    let output: usize = observation.frames.iter().map(|frame| frame.octets.len()).sum();
    let most = FIXED + EACH * count as u64;
    // A fragment is held in blocks of its own, and its datagram is put together of all of them.
    let most_blocks = most + input as u64 / 8;
    hold(CLAUSE, "the rules that fire are few", spent.decisions <= most, || format!("{spent:?} of {most}"))?;
    hold(CLAUSE, "the blocks allocated are few", spent.blocks <= most_blocks, || {
        format!("{spent:?} of {most_blocks}")
    })?;
    let most = FIXED_OCTETS + OCTETS_EACH * (input + output) as u64;
    hold(CLAUSE, "the octets allocated are few", spent.octets <= most, || format!("{spent:?} of {most}"))
}

/// What the tables may hold at most in one scenario.
#[derive(Clone, Copy, Debug)]
pub struct Caps {
    reassembly_octets: usize,
    connections: usize,
}

impl Caps {
    /// Those of `scenario`, which its knobs set.
    pub fn of(scenario: &Scenario) -> Self {
        let knob = |name: &str, default: usize| {
            scenario.sysctl.get(name).and_then(|value| value.trim().parse().ok()).unwrap_or(default)
        };
        let threshold = knob("net.ipv4.ipfrag_high_thresh", 4 << 20);
        let most =
            knob("net.netfilter.nf_conntrack_max", 262_144).min(knob("net.nf_conntrack_max", usize::MAX));
        Self {
            reassembly_octets: threshold.saturating_add(ONE_FRAGMENT),
            // No limit is written as 0. An entry that is on its way through the hooks is not counted yet.
            connections: if most == 0 { usize::MAX } else { most.saturating_add(1) },
        }
    }

    /// Judges what the tables hold.
    ///
    /// # Errors
    /// The table that holds too much.
    pub fn judge(self, footprint: Footprint) -> Result<(), Objection> {
        let within = |what: &str, found: usize, most: usize| {
            hold(CLAUSE, what, found <= most, || format!("{found} of {most}"))
        };
        let most = self.reassembly_octets;
        within("reassembly holds what it may", footprint.reassembly_octets, most)?;
        within("datagrams cost something each", footprint.reassembly_datagrams, most / 200)?;
        within("connections are as many as may be", footprint.connections, self.connections)?;
        within("peers are as many as may be", footprint.peers, MOST_PEERS)?;
        within("nothing is left to be looped back", footprint.looped, 0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::scenario_file;

    #[rstest]
    #[case::nothing(Spent::default(), true)]
    #[case::little(Spent { decisions: 30, blocks: 20, octets: 10_000 }, true)]
    #[case::rules_without_end(Spent { decisions: 10_000, blocks: 0, octets: 0 }, false)]
    #[case::blocks_without_end(Spent { decisions: 0, blocks: 10_000, octets: 0 }, false)]
    #[case::octets_without_end(Spent { decisions: 0, blocks: 0, octets: 1 << 30 }, false)]
    fn steps(#[case] spent: Spent, #[case] is_right: bool) {
        assert_eq!(judge(spent, 100, &Observation::default()).is_ok(), is_right);
    }

    #[rstest]
    #[case::empty(Footprint::default(), true)]
    #[case::fragments(Footprint { reassembly_octets: 5 << 20, ..Footprint::default() }, false)]
    #[case::connections(Footprint { connections: 300_000, ..Footprint::default() }, false)]
    #[case::peers(Footprint { peers: 8193, ..Footprint::default() }, false)]
    #[case::looped(Footprint { looped: 1, ..Footprint::default() }, false)]
    fn full_tables(#[case] footprint: Footprint, #[case] is_right: bool) {
        let scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        assert_eq!(Caps::of(&scenario).judge(footprint).is_ok(), is_right);
    }
}
