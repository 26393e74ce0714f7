//! The scenarios that come with netassay: the files of `conformance/scenarios`, built in.

use super::super::scenario::Scenario;
use super::parse;

/// A scenario that has a name on the command line.
#[derive(Clone, Copy, Debug)]
pub struct NamedScenario {
    /// The name, which is also that of the file without `.toml`.
    pub name: &'static str,
    /// The file's contents.
    pub toml: &'static str,
}

impl NamedScenario {
    /// The scenario.
    pub fn scenario(&self) -> Scenario {
        // A test reads every one of them, so this cannot fail in a build that passed it.
        parse(self.name, self.toml).expect("a scenario that is built in is right")
    }
}

macro_rules! named {
    ($($name:literal),* $(,)?) => {
        &[$(NamedScenario {
            name: $name,
            toml: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/", $name, ".toml")),
        }),*]
    };
}

/// All of them: hosts, routers, routers that track, routers that translate.
pub const NAMED: &[NamedScenario] = named![
    "host",
    "host-answers-broadcast",
    "host-default-limits",
    "host-ethernet",
    "host-no-default-route",
    "host-sockets",
    "router",
    "router-dead-ends",
    "router-default-limits",
    "router-ethernet",
    "router-narrow",
    "router-reverse-path",
    "conntrack",
    "conntrack-open",
    "nat",
    "nat-port-forward",
];

/// The scenario called `name`.
pub fn by_name(name: &str) -> Option<&'static NamedScenario> {
    NAMED.iter().find(|named| named.name == name)
}
