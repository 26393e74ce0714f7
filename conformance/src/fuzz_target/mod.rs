//! Fuzz targets: each joins a generator and an oracle and says what it found. libFuzzer's targets in `fuzz/` are made of
//! these, and `cargo test` replays the corpora through them without any fuzzer.

mod linux;
pub mod meter;
mod octets;
mod sequence;
mod trace;

use std::fmt;
use std::sync::Arc;

use netassay_stack::config::Profile;

use crate::dut::reference::ReferenceDut;
use crate::generate::script::{Flavor, Script};
use crate::model::{Scenario, Step};
use crate::oracle::Objection;

/// Something that a target holds against its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(Box<str>);

impl Finding {
    /// In one line or more.
    pub fn new(what: impl Into<Box<str>>) -> Self {
        Self(what.into())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Finding {}

impl From<Objection> for Finding {
    #[cold]
    #[inline(never)]
    fn from(objection: Objection) -> Self {
        Self::new(objection.to_string())
    }
}

/// A generator and an oracle, joined.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the target and of its folder in `corpus/`.
    pub name: &'static str,
    /// What it does with octets.
    pub run: fn(&[u8]) -> Result<(), Finding>,
    /// What is mutated into its scripts; `None` if its inputs are no scripts.
    pub flavor: Option<Flavor>,
}

/// Sums and their updates.
pub const CHECKSUM: Target = Target { name: "checksum", run: octets::checksum, flavor: None };
/// Hostile replies.
pub const CLIENT_REPLY: Target = Target { name: "client_reply", run: octets::client_reply, flavor: None };
/// Tracked conversations.
pub const CONNTRACK_SEQUENCE: Target =
    Target { name: "conntrack_sequence", run: sequence::conntrack, flavor: Some(Flavor::Conversations) };
/// Errors about what the stack sent.
pub const ICMP_ERROR_ABOUT: Target =
    Target { name: "icmp_error_about", run: sequence::errors, flavor: Some(Flavor::Errors) };
/// Parsers of quotes.
pub const ICMP_ERROR_INNER: Target =
    Target { name: "icmp_error_inner", run: octets::icmp_error_inner, flavor: None };
/// The parser of ICMP messages.
pub const ICMP_MESSAGE: Target = Target { name: "icmp_message", run: octets::icmp_message, flavor: None };
/// The parser of datagrams.
pub const IPV4_HEADER: Target = Target { name: "ipv4_header", run: octets::ipv4_header, flavor: None };
/// Options.
pub const IPV4_OPTIONS: Target = Target { name: "ipv4_options", run: octets::ipv4_options, flavor: None };
/// Translated conversations.
pub const NAT_SEQUENCE: Target =
    Target { name: "nat_sequence", run: sequence::nat, flavor: Some(Flavor::Conversations) };
/// Our parsers and those of others.
pub const PARSER_AGREEMENT: Target =
    Target { name: "parser_agreement", run: octets::parser_agreement, flavor: None };
/// Rate limits.
pub const RATE_LIMIT: Target = Target { name: "rate_limit", run: octets::rate_limit, flavor: None };
/// Reassembly.
pub const REASSEMBLY: Target = Target { name: "reassembly", run: octets::reassembly, flavor: None };
/// Everything that a stack does.
pub const STACK_SEQUENCE: Target =
    Target { name: "stack_sequence", run: sequence::mixed, flavor: Some(Flavor::Mixed) };
/// Loaders of files.
pub const TRACE_FILE: Target = Target { name: "trace_file", run: trace::trace_file, flavor: None };

/// Everything, held against the live kernel; needs a machine where namespaces may be made.
pub const LINUX_DIFFERENTIAL: Target =
    Target { name: "linux_differential", run: linux::run, flavor: Some(Flavor::Mixed) };

/// Every target that needs no live kernel, by name.
pub const TARGETS: &[Target] = &[
    CHECKSUM,
    CLIENT_REPLY,
    CONNTRACK_SEQUENCE,
    ICMP_ERROR_ABOUT,
    ICMP_ERROR_INNER,
    ICMP_MESSAGE,
    IPV4_HEADER,
    IPV4_OPTIONS,
    NAT_SEQUENCE,
    PARSER_AGREEMENT,
    RATE_LIMIT,
    REASSEMBLY,
    STACK_SEQUENCE,
    TRACE_FILE,
];

/// What [`LINUX_DIFFERENTIAL`] makes of an input: a world, and the steps taken in it. Nothing if there is no such world.
pub fn live_trace(octets: &[u8]) -> Option<(Arc<Scenario>, Vec<Step>)> {
    linux::trace(&mut ReferenceDut::new(Profile::Linux), octets)
}

impl Target {
    /// The script that `octets` are to it, in the world that it wants; `None` if its inputs are no scripts.
    pub fn script(&self, octets: &[u8]) -> Option<Script> {
        let mut script = self.flavor.map(|_| Script::decode(octets))?;
        match self.name {
            "conntrack_sequence" => sequence::track(&mut script.scenario),
            "nat_sequence" => sequence::translate(&mut script.scenario),
            _ => {}
        }
        Some(script)
    }

    /// The target called `name`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        TARGETS.iter().chain([&LINUX_DIFFERENTIAL]).find(|target| target.name == name)
    }

    /// Runs it as a fuzzer wants it.
    ///
    /// # Panics
    /// If there is a finding.
    #[inline]
    pub fn check(&self, octets: &[u8]) {
        if let Err(finding) = (self.run)(octets) {
            self.report(finding);
        }
    }

    #[cold]
    #[inline(never)]
    fn report(&self, finding: Finding) -> ! {
        panic!("{}: {finding}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::script::crafted;
    use crate::generate::{Choice, Seeded};

    #[test]
    fn no_target_objects_to_what_was_crafted() {
        for script in crafted() {
            STACK_SEQUENCE.check(&script.encode());
        }
    }

    #[test]
    fn targets_stand_by_name() {
        assert!(TARGETS.is_sorted_by(|one, other| one.name < other.name));
        assert!(Target::by_name("reassembly").is_some() && Target::by_name("nonsense").is_none());
    }

    #[test]
    fn no_target_objects_to_a_few_octets() {
        for target in TARGETS {
            for seed in 0..60 {
                let mut source = Seeded::new(seed);
                let octets: Vec<u8> = (0..source.below(500)).map(|_| source.octet()).collect();
                target.check(&octets);
            }
        }
    }
}
