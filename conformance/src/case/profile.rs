//! Whose reading counts where RFCs contradict each other.

use std::fmt;
use std::str::FromStr;

use crate::model::{Role, Scenario};

/// A point of view from which cases are judged. Most cases read the same from all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// An Internet host: RFC 1122 and what updates it.
    Rfc1122,
    /// An Internet router: RFC 1812 and what updates it.
    Rfc1812,
    /// A translator: RFC 5508, and RFC 4787 as far as it speaks of ICMP.
    Rfc5508,
    /// The automotive test plan TC8.
    Tc8,
    /// What Linux does on purpose where it departs from the RFCs.
    Linux,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rfc1122, Self::Rfc1812, Self::Rfc5508, Self::Tc8, Self::Linux];

    /// The name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rfc1122 => "rfc1122",
            Self::Rfc1812 => "rfc1812",
            Self::Rfc5508 => "rfc5508",
            Self::Tc8 => "tc8",
            Self::Linux => "linux",
        }
    }

    /// The point of view that fits what the stack is in `scenario`, when none is asked for.
    pub const fn of(scenario: &Scenario) -> Self {
        match scenario.role {
            Role::Host => Self::Rfc1122,
            Role::Router | Role::Conntrack => Self::Rfc1812,
            Role::Nat => Self::Rfc5508,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|profile| profile.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|profile| profile.name()).collect();
            format!("there is no profile `{name}`; profiles are {}", known.join(", "))
        })
    }
}
