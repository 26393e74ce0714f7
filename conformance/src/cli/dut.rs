//! DUTs by the names that a command line gives them. No other place parses such a name.

use std::collections::BTreeMap;
use std::fmt;

use super::failure::Failure;
use crate::dut::Dut;
use crate::dut::linux::LinuxDut;
use crate::model::Dimension;

/// A DUT as named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DutName {
    /// `linux`: the kernel that this process runs on.
    Linux,
}

/// What `netassay list duts` says.
pub(super) const KNOWN: &[(&str, &str)] =
    &[("linux", "the kernel of this machine, in network namespaces of its own")];

/// A DUT that has not been opened yet.
pub(super) struct Made {
    pub(super) dut: Box<dyn Dut>,
    /// Why dimensions cannot be observed, where that is known.
    pub(super) reasons: BTreeMap<Dimension, String>,
}

impl std::str::FromStr for DutName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "linux" => Ok(Self::Linux),
            _ => {
                let known: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
                Err(format!("there is no DUT `{name}`; DUTs are {}", known.join(", ")))
            }
        }
    }
}

impl fmt::Display for DutName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linux => f.write_str("linux"),
        }
    }
}

impl DutName {
    /// The DUT, not yet opened.
    pub(super) fn make(&self) -> Result<Made, Failure> {
        match self {
            Self::Linux => {
                let dut = LinuxDut::new();
                let blind = dut.why_no_drops().map(|why| (Dimension::Drops, why.to_owned()));
                Ok(Made { reasons: blind.into_iter().collect(), dut: Box::new(dut) })
            }
        }
    }
}
