//! Systematic families of traces: every combination where that is few, a fixed sample where it is many.
//!
//! What decades of published bugs teach is that most need one to three fields off the beaten path and the right role,
//! not random octets. Each family walks such a table. A [`Case`] is a handful of frames with a label; cases of a family
//! that leave no state behind share one run of the DUT.

mod extension;
mod fragment;
mod length;
mod limit;
mod option;
mod path;
mod quote;
mod silence;
mod track;

use std::sync::Arc;

use crate::model::{Limits, Role, Scenario};

/// A few frames that belong together, and what is special about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The coordinates in the table, such as `ihl=6 total=24 frame=28 protocol=17`.
    pub label: String,
    /// Interface index in the scenario and frame, in order.
    pub frames: Vec<(usize, Vec<u8>)>,
    /// Pauses: before which of the frames, and how long, in order.
    pub pauses: Vec<(usize, std::time::Duration)>,
}

impl Case {
    /// Frames without pauses.
    pub const fn new(label: String, frames: Vec<(usize, Vec<u8>)>) -> Self {
        Self { label, frames, pauses: Vec::new() }
    }
}

/// One systematic family.
pub struct Family {
    /// Short name: `m1-lengths`.
    pub name: &'static str,
    /// What it walks, in one line.
    pub summary: &'static str,
    /// The world around it.
    pub scenario: Arc<Scenario>,
    /// The DUT must start afresh for every case, because a case changes how the stack treats the next one.
    pub isolated: bool,
    /// Hands every case, in order, to the function given.
    pub cases: fn(&mut dyn FnMut(Case)),
}

impl std::fmt::Debug for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Family")
            .field("name", &self.name)
            .field("isolated", &self.isolated)
            .finish_non_exhaustive()
    }
}

/// All families: those of single datagrams, then those of connections.
pub fn families() -> Vec<Family> {
    let host = || world(Role::Host, &[]);
    let router = || world(Role::Router, &[]);
    let routed = || world(Role::Router, &[("net.ipv4.conf.all.accept_source_route", "1")]);
    let probed = || world(Role::Host, &[("net.ipv4.icmp_echo_enable_probe", "1")]);
    let mode = |value| world(Role::Router, &[("net.ipv4.ip_no_pmtu_disc", value)]);
    let family =
        |name, summary, scenario, isolated, cases| Family { name, summary, scenario, isolated, cases };
    let limited = limit::WORLDS.iter().map(|(name, sysctls)| {
        let mut scenario = super::World::plain(Role::Router, Limits::Default);
        scenario.sysctl.extend(sysctls.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let summary = "rate limits: what is sent × to whom × pauses";
        family(*name, summary, Arc::new(scenario), true, limit::cases)
    });
    let mut families = vec![
        family("m1-lengths", "IHL × total length × frame length × protocol", host(), false, length::cases),
        family(
            "m2-options-host",
            "option × length × pointer × place, to the stack",
            host(),
            false,
            option::to_the_stack,
        ),
        family(
            "m2-options-router",
            "option × length × pointer × place, through it",
            routed(),
            false,
            option::through_it,
        ),
        family(
            "m3-fragments",
            "up to five fragments in every order and overlap",
            host(),
            false,
            fragment::cases,
        ),
        family("m4-fragment-limits", "residues, holes, oversize, keys", host(), false, fragment::limits),
        family(
            "m5-silence-host",
            "when not to answer: link × addresses × fragment × ICMP class",
            host(),
            false,
            silence::cases,
        ),
        family("m5-silence-router", "the same, forwarding", router(), false, silence::cases),
        family(
            "m6-quotes",
            "what an error quotes: cause × length × options × interface",
            router(),
            false,
            quote::cases,
        ),
        family("m9-extensions", "RFC 4884 and RFC 8335 structures", probed(), false, extension::cases),
        family(
            "m10-path-0",
            "path MTU and redirect about our own replies, mode 0",
            mode("0"),
            true,
            path::cases,
        ),
        family("m10-path-1", "the same, ip_no_pmtu_disc 1", mode("1"), true, path::cases),
        family("m10-path-2", "the same, ip_no_pmtu_disc 2", mode("2"), true, path::cases),
        family("m10-path-3", "the same, ip_no_pmtu_disc 3", mode("3"), true, path::cases),
    ];
    families.extend(limited);
    families.extend(track::families());
    families
}

fn world(role: Role, sysctls: &[(&str, &str)]) -> Arc<Scenario> {
    let mut scenario = super::World::plain(role, Limits::Open);
    scenario.sysctl.extend(sysctls.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Arc::new(scenario)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use netassay_stack::config::Profile;

    use super::*;
    use crate::dut::Dut;
    use crate::dut::reference::ReferenceDut;

    #[test]
    fn the_reference_takes_every_world() {
        for family in families() {
            let taken = ReferenceDut::new(Profile::Linux).open(&family.scenario);
            assert!(taken.is_ok(), "{}: {taken:?}", family.name);
        }
    }

    #[test]
    fn the_families_hold_200_000_cases() {
        let mut total = 0;
        for family in families() {
            (family.cases)(&mut |_| total += 1);
        }
        assert!(total >= 200_000, "only {total}");
    }

    #[test]
    fn labels_are_unique_within_a_family() {
        for family in families() {
            let mut seen = HashSet::new();
            (family.cases)(&mut |case| {
                assert!(seen.insert(case.label.clone()), "{}: {}", family.name, case.label)
            });
        }
    }

    #[test]
    fn every_frame_names_an_interface_of_its_scenario() {
        for family in families() {
            let count = family.scenario.interfaces.len();
            (family.cases)(&mut |case| assert!(case.frames.iter().all(|(interface, _)| *interface < count)));
        }
    }
}
