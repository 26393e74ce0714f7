//! What a scenario may ask of a stack that is not Linux: knobs and rules of Linux mean nothing to it.
//!
//! A stack that cannot be what the scenario says is not asked at all: an answer from another world would be taken for
//! a statement about its behavior.

use super::DutError;
use crate::model::{LinkKind, Role, RouteKind, Scenario};

/// Hardware address of an Ethernet interface for which the scenario gives none.
pub(super) const DEFAULT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// What a stack can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Abilities {
    /// Name of the stack, for the reason given.
    pub(super) name: &'static str,
    /// Whether it forwards.
    pub(super) forwards: bool,
    /// Sysctls, by their full kernel name, whose value says what the stack does anyway.
    pub(super) sysctls: &'static [(&'static str, &'static str)],
}

/// Opens the door for ping sockets in Linux, and says nothing about what a stack does with datagrams.
const PING_GROUP_RANGE: &str = "net.ipv4.ping_group_range";

impl Abilities {
    /// Whether the stack can be what `scenario` says.
    ///
    /// # Errors
    /// [`DutError::Unsupported`] with the first thing that it cannot be.
    pub(super) fn check(&self, scenario: &Scenario) -> Result<(), DutError> {
        let unsupported = |what: String| Err(DutError::Unsupported(format!("{} {what}", self.name)));
        match scenario.role {
            Role::Host => {}
            Role::Router if self.forwards => {}
            Role::Router => return unsupported("does not forward".to_owned()),
            Role::Conntrack | Role::Nat => return unsupported("does not track connections".to_owned()),
        }
        if !scenario.rules.is_empty() {
            return unsupported("has no packet filter".to_owned());
        }
        for (name, value) in &scenario.sysctl {
            let is_met = |(known, met): &(&str, &str)| known == name && *met == value.trim();
            if name != PING_GROUP_RANGE && !self.sysctls.iter().any(is_met) {
                return unsupported(format!("has no knob for {name} = {value}"));
            }
        }
        for interface in &scenario.interfaces {
            if let Some((name, value)) = interface.sysctl.first_key_value() {
                return unsupported(format!("has no knob for {name} = {value} on {}", interface.name));
            }
        }
        match scenario.routes.iter().find(|route| route.kind != RouteKind::Unicast) {
            Some(route) => unsupported(format!("has no {:?} routes", route.kind)),
            None => Ok(()),
        }
    }
}

/// The hardware address `text` of an interface, or the one for which the scenario gives none.
pub(super) fn mac(text: Option<&str>) -> Result<[u8; 6], DutError> {
    let Some(text) = text else { return Ok(DEFAULT_MAC) };
    let octets: Option<Vec<u8>> = text.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
    octets
        .and_then(|octets| octets.try_into().ok())
        .ok_or_else(|| DutError::Unsupported(format!("`{text}` is not a hardware address")))
}

/// Octets of an Ethernet header.
pub(super) const ETHERNET: usize = 14;

/// Why the link layer of a device would not take `frame`, as [`crate::model::Observation::refused`] says it: an
/// Ethernet device wants a whole header.
pub(super) fn refusal(link: LinkKind, frame: &[u8]) -> Option<String> {
    (link == LinkKind::Ethernet && frame.len() < ETHERNET).then(|| "EINVAL".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Abilities =
        Abilities { name: "toy", forwards: false, sysctls: &[("net.ipv4.ip_default_ttl", "64")] };

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let text = format!("name = 'x'\n{text}\n[[interface]]\nname = 't0'\naddresses = ['10.0.0.1/24']\n");
        let scenario: Scenario = toml::from_str(&text).unwrap();
        let why = HOST.check(&scenario).err().map(|error| error.to_string());
        assert_eq!(why.as_deref(), expected);
    }

    #[test]
    fn what_a_stack_cannot_be_is_said() {
        check("role = 'host'", None);
        check("role = 'host'\nsysctl = { 'net.ipv4.ip_default_ttl' = '64' }", None);
        check("role = 'host'\nsysctl = { 'net.ipv4.ping_group_range' = '0 1' }", None);
        check("role = 'router'", Some("not supported by this DUT: toy does not forward"));
        check("role = 'nat'", Some("not supported by this DUT: toy does not track connections"));
        check(
            "role = 'host'\nsysctl = { 'net.ipv4.ip_default_ttl' = '63' }",
            Some("not supported by this DUT: toy has no knob for net.ipv4.ip_default_ttl = 63"),
        );
    }

    #[test]
    fn hardware_addresses_are_six_octets() {
        assert_eq!(mac(None).unwrap(), DEFAULT_MAC);
        assert_eq!(mac(Some("02:00:00:00:01:0a")).unwrap(), [2, 0, 0, 0, 1, 10]);
        assert!(mac(Some("02:00:00:00:01")).is_err());
    }
}
