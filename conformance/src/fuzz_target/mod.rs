//! Fuzz targets: each joins a generator and an oracle and says what it found. libFuzzer's targets in `fuzz/` are made of
//! these, and `cargo test` replays the corpora through them without any fuzzer.

pub mod linux;
pub mod meter;
mod octets;
mod sequence;
mod trace;

use std::fmt;

use crate::generate::script::Flavor;
use crate::oracle::Objection;

/// Something that a target holds against its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(pub String);

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Finding {}

impl From<Objection> for Finding {
    fn from(objection: Objection) -> Self {
        Self(objection.to_string())
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

/// Every target that needs no live kernel, by name.
pub const TARGETS: &[Target] = &[
    Target { name: "checksum", run: octets::checksum, flavor: None },
    Target { name: "client_reply", run: octets::client_reply, flavor: None },
    Target { name: "conntrack_sequence", run: sequence::conntrack, flavor: Some(Flavor::Conversations) },
    Target { name: "icmp_error_about", run: sequence::errors, flavor: Some(Flavor::Errors) },
    Target { name: "icmp_error_inner", run: octets::icmp_error_inner, flavor: None },
    Target { name: "icmp_message", run: octets::icmp_message, flavor: None },
    Target { name: "ipv4_header", run: octets::ipv4_header, flavor: None },
    Target { name: "ipv4_options", run: octets::ipv4_options, flavor: None },
    Target { name: "nat_sequence", run: sequence::nat, flavor: Some(Flavor::Conversations) },
    Target { name: "parser_agreement", run: octets::parser_agreement, flavor: None },
    Target { name: "rate_limit", run: octets::rate_limit, flavor: None },
    Target { name: "reassembly", run: octets::reassembly, flavor: None },
    Target { name: "stack_sequence", run: sequence::mixed, flavor: Some(Flavor::Mixed) },
    Target { name: "trace_file", run: trace::trace_file, flavor: None },
];

impl Target {
    /// The target called `name`.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Runs it as a fuzzer wants it.
    ///
    /// # Panics
    /// If there is a finding.
    pub fn check(&self, octets: &[u8]) {
        if let Err(finding) = (self.run)(octets) {
            panic!("{}: {finding}", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Choice, Seeded};

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
