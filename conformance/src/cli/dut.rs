//! DUTs by the names that a command line gives them. No other place parses such a name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use netassay_stack::config::Profile;

use super::failure::Failure;
use super::interrupt;
use crate::dut::Dut;
use crate::dut::exec::ExecDut;
use crate::dut::linux::LinuxDut;
use crate::dut::lwip::LwipDut;
use crate::dut::recorded::Recorded;
use crate::dut::reference::ReferenceDut;
use crate::dut::smoltcp::SmoltcpDut;
use crate::dut::tap::TapDut;
use crate::dut::uml::UmlDut;
use crate::model::Dimension;

/// A DUT as named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DutName {
    /// `reference`, `reference:rfc`: the reference stack in one of its profiles.
    Reference(Profile),
    /// `reference:seed=N`: the same, doing as Linux does, with other luck.
    Seeded(u64),
    /// `linux`: the kernel that this process runs on.
    Linux,
    /// `uml`: the kernel of User-mode Linux.
    Uml,
    /// `smoltcp`: that stack, in process.
    Smoltcp,
    /// `lwip`: the system's library, behind a program built when it is asked for.
    Lwip,
    /// `tap:NAME,…`: whatever is behind interfaces that are there already.
    Tap(Vec<String>),
    /// `exec:COMMAND`: a stack in a program that speaks the protocol of `dut::exec`.
    Exec(String),
    /// `recorded:DIR`: what another DUT was seen to do.
    Recorded(PathBuf),
}

/// What `netassay list duts` says.
pub(super) const KNOWN: &[(&str, &str)] = &[
    ("reference", "the reference stack, doing as Linux does"),
    ("reference:rfc", "the reference stack, following the RFCs where Linux departs from them"),
    (
        "reference:seed=N",
        "the reference stack with other luck: beside `reference`, chance is all that differs",
    ),
    ("linux", "the kernel of this machine, in network namespaces of its own"),
    ("uml", "another Linux kernel, User-mode Linux (user-mode-linux), booted for the run"),
    ("smoltcp", "smoltcp, a stack for embedded systems, in process and in virtual time"),
    ("lwip", "lwIP (liblwip-dev), built into a program of its own and in virtual time"),
    ("tap:NAMES", "whatever is behind TAP devices, one name for each interface of the scenario"),
    (
        "exec:COMMAND",
        "the stack in a program that takes frames on its standard input (see PROTOCOL.md in src/dut/exec)",
    ),
    ("recorded:DIR", "what another DUT was seen to do, from the records below DIR"),
];

/// A DUT that has not been opened yet.
pub(super) struct Made {
    pub(super) dut: Box<dyn Dut>,
    /// Why dimensions cannot be observed, where that is known.
    pub(super) reasons: BTreeMap<Dimension, String>,
}

impl std::str::FromStr for DutName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if let Some(seed) = name.strip_prefix("reference:seed=").and_then(|seed| seed.parse().ok()) {
            return Ok(Self::Seeded(seed));
        }
        match name.split_once(':') {
            None if name == "reference" => Ok(Self::Reference(Profile::Linux)),
            Some(("reference", "rfc")) => Ok(Self::Reference(Profile::Rfc)),
            None if name == "linux" => Ok(Self::Linux),
            None if name == "uml" => Ok(Self::Uml),
            None if name == "smoltcp" => Ok(Self::Smoltcp),
            None if name == "lwip" => Ok(Self::Lwip),
            Some(("tap", names)) if names.split(',').all(|name| !name.is_empty()) => {
                Ok(Self::Tap(names.split(',').map(str::to_owned).collect()))
            }
            Some(("exec", command)) if !command.trim().is_empty() => Ok(Self::Exec(command.to_owned())),
            Some(("recorded", directory)) if !directory.is_empty() => Ok(Self::Recorded(directory.into())),
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
            Self::Reference(Profile::Linux) => f.write_str("reference"),
            Self::Reference(Profile::Rfc) => f.write_str("reference:rfc"),
            Self::Seeded(seed) => write!(f, "reference:seed={seed}"),
            Self::Linux => f.write_str("linux"),
            Self::Uml => f.write_str("uml"),
            Self::Smoltcp => f.write_str("smoltcp"),
            Self::Lwip => f.write_str("lwip"),
            Self::Tap(names) => write!(f, "tap:{}", names.join(",")),
            Self::Exec(command) => write!(f, "exec:{command}"),
            Self::Recorded(directory) => write!(f, "recorded:{}", directory.display()),
        }
    }
}

impl DutName {
    /// The DUT, not yet opened.
    ///
    /// # Errors
    /// If there is no record where one is named.
    pub(super) fn make(&self) -> Result<Made, Failure> {
        let mut reasons = BTreeMap::new();
        let dut: Box<dyn Dut> = match self {
            Self::Reference(profile) => Box::new(ReferenceDut::new(*profile)),
            Self::Seeded(seed) => Box::new(ReferenceDut::new(Profile::Linux).drawing_from(*seed)),
            Self::Linux => {
                let mut dut = LinuxDut::new();
                if let Some(flag) = interrupt::flag_in_use() {
                    dut.stop_when(flag);
                }
                reasons.extend(dut.why_no_drops().map(|why| (Dimension::Drops, why.to_owned())));
                Box::new(dut)
            }
            Self::Smoltcp => Box::new(SmoltcpDut::new()),
            Self::Uml => {
                let booted = UmlDut::new();
                Box::new(booted.map_err(|error| Failure::of_dut("uml", &error))?)
            }
            Self::Lwip => {
                let started = LwipDut::new();
                Box::new(started.map_err(|error| Failure::of_dut("lwip", &error))?)
            }
            Self::Tap(names) => {
                let opened = TapDut::new(names);
                Box::new(opened.map_err(|error| Failure::of_dut(&self.to_string(), &error))?)
            }
            Self::Exec(command) => {
                let started = ExecDut::new(command);
                Box::new(started.map_err(|error| Failure::of_dut(&self.to_string(), &error))?)
            }
            Self::Recorded(directory) => {
                let recorded = Recorded::new(directory);
                Box::new(recorded.map_err(|error| Failure::of_dut(&self.to_string(), &error))?)
            }
        };
        Ok(Made { dut, reasons })
    }
}

/// Dimensions that are not compared, and why.
pub(super) fn missing(a: &Made, b: &Made) -> BTreeMap<String, String> {
    let lacking = |made: &Made, dimension: Dimension| {
        (!made.dut.dimensions().contains(dimension)).then(|| match made.reasons.get(&dimension) {
            Some(why) => format!("{}: {why}", made.dut.name()),
            None => format!("{} does not show it", made.dut.name()),
        })
    };
    let why =
        |dimension| [lacking(a, dimension), lacking(b, dimension)].into_iter().flatten().collect::<Vec<_>>();
    Dimension::ALL
        .into_iter()
        .map(|dimension| (dimension.to_string(), why(dimension).join("; ")))
        .filter(|(_, why)| !why.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for name in [
            "reference",
            "reference:rfc",
            "reference:seed=7",
            "linux",
            "uml",
            "smoltcp",
            "lwip",
            "exec:a --b",
            "recorded:some/where",
        ] {
            assert_eq!(name.parse::<DutName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn unknown_names_are_told_the_known_ones() {
        for name in
            ["", "Linux", "reference:", "reference:seed=", "linux:6", "recorded:", "tap:", "tap:a,", "exec: "]
        {
            let error = name.parse::<DutName>().unwrap_err();
            assert!(error.starts_with(&format!("there is no DUT `{name}`; DUTs are reference, ")), "{error}");
        }
    }
}
