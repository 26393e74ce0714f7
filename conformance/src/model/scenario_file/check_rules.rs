//! Contradictions in packet filter and NAT rules.

use super::super::scenario::{Hook, Ports, Role, Rule, RuleAction, Translation};
use super::check::Checker;
use super::position::Part;

/// Connection tracking states by name.
const STATES: [&str; 5] = ["new", "established", "related", "invalid", "untracked"];
/// ICMP, and protocols with ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
const ICMP: u8 = 1;
const WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];

/// Notes what is wrong with the rules.
pub(super) fn check(checker: &mut Checker<'_>) {
    let scenario = checker.scenario;
    for (index, rule) in scenario.rules.iter().enumerate() {
        let base: [Part<'_>; 2] = ["rule".into(), index.into()];
        check_hook(checker, rule, base);
        check_interfaces(checker, rule, base);
        check_protocol(checker, rule, base);
        check_states(checker, rule, base);
        check_action(checker, rule, base);
    }
    let translates = scenario.rules.iter().any(|rule| is_nat(&rule.action));
    checker.require(
        scenario.role != Role::Nat || translates,
        &["role".into()],
        "a NAT router needs a rule that translates",
    );
}

/// Whether it translates.
pub(super) fn is_nat(action: &RuleAction) -> bool {
    matches!(
        action,
        RuleAction::Snat(_) | RuleAction::Dnat(_) | RuleAction::Masquerade(_) | RuleAction::Redirect(_)
    )
}

fn is_raw(action: &RuleAction) -> bool {
    matches!(action, RuleAction::Notrack | RuleAction::Zone(_))
}

/// An action belongs to a table, a table to some hooks, and connection tracking to some roles.
fn check_hook(checker: &mut Checker<'_>, rule: &Rule, base: [Part<'_>; 2]) {
    let hooks: &[Hook] = match rule.action {
        RuleAction::Accept | RuleAction::Drop | RuleAction::Reject { .. } => {
            &[Hook::Input, Hook::Forward, Hook::Output]
        }
        RuleAction::Notrack | RuleAction::Zone(_) => &[Hook::Prerouting, Hook::Output],
        RuleAction::Snat(_) => &[Hook::Postrouting, Hook::Input],
        RuleAction::Dnat(_) | RuleAction::Redirect(_) => &[Hook::Prerouting, Hook::Output],
        RuleAction::Masquerade(_) => &[Hook::Postrouting],
    };
    let path = [base[0], base[1], "hook".into()];
    checker.require(
        hooks.contains(&rule.hook),
        &path,
        format!("this action has no place in {}, only in {}", name(rule.hook), names(hooks)),
    );
    let role = checker.scenario.role;
    let path = [base[0], base[1], "action".into()];
    checker.require(
        !is_nat(&rule.action) || role == Role::Nat,
        &path,
        "only the role `nat` has rules that translate",
    );
    checker.require(
        !is_raw(&rule.action) || matches!(role, Role::Conntrack | Role::Nat),
        &path,
        "only the roles `conntrack` and `nat` track, so only they can leave out or divide",
    );
}

fn name(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
    }
}

fn names(hooks: &[Hook]) -> String {
    hooks.iter().map(|hook| name(*hook)).collect::<Vec<_>>().join(" and ")
}

fn check_interfaces(checker: &mut Checker<'_>, rule: &Rule, base: [Part<'_>; 2]) {
    let directions = [
        ("in", &rule.incoming, [Hook::Output, Hook::Postrouting]),
        ("out", &rule.outgoing, [Hook::Prerouting, Hook::Input]),
    ];
    for (key, interface, unknown_at) in directions {
        let Some(interface) = interface else { continue };
        let path = [base[0], base[1], key.into()];
        checker.require(
            checker.has_interface(interface) || interface == "lo",
            &path,
            format!("there is no interface `{interface}`"),
        );
        checker.require(
            !unknown_at.contains(&rule.hook),
            &path,
            format!("`{key}` is not known in {}", name(rule.hook)),
        );
    }
}

fn check_protocol(checker: &mut Checker<'_>, rule: &Rule, base: [Part<'_>; 2]) {
    let has_ports = rule.protocol.is_some_and(|protocol| WITH_PORTS.contains(&protocol));
    for (key, port) in [("source-port", rule.source_port), ("destination-port", rule.destination_port)] {
        checker.require(
            port.is_none() || has_ports,
            &[base[0], base[1], key.into()],
            format!("`{key}` needs a `protocol` with ports"),
        );
    }
    checker.require(
        rule.icmp_type.is_none() || rule.protocol == Some(ICMP),
        &[base[0], base[1], "icmp-type".into()],
        "`icmp-type` needs `protocol = 1`",
    );
    for (key, prefix) in [("from", rule.from), ("to", rule.to)] {
        if let Some(prefix) = prefix {
            checker.require(
                prefix.network() == prefix.address,
                &[base[0], base[1], key.into()],
                format!("{prefix} has host bits; the network is {}", prefix.network()),
            );
        }
    }
}

fn check_states(checker: &mut Checker<'_>, rule: &Rule, base: [Part<'_>; 2]) {
    for (number, state) in rule.ct_state.iter().enumerate() {
        let path = [base[0], base[1], "ct-state".into(), number.into()];
        checker.require(
            STATES.contains(&state.as_str()),
            &path,
            format!("`{state}` is no state; there are {}", STATES.join(", ")),
        );
        checker.require(
            !rule.ct_state[..number].contains(state),
            &path,
            format!("state `{state}` is given twice"),
        );
    }
    if rule.ct_state.is_empty() {
        return;
    }
    let path = [base[0], base[1], "ct-state".into()];
    checker.require(
        matches!(checker.scenario.role, Role::Conntrack | Role::Nat),
        &path,
        "only the roles `conntrack` and `nat` track connections",
    );
    checker.require(!is_raw(&rule.action), &path, "this action comes before tracking: there is no state yet");
}

fn check_action(checker: &mut Checker<'_>, rule: &Rule, base: [Part<'_>; 2]) {
    let path = [base[0], base[1], "action".into()];
    match &rule.action {
        RuleAction::Accept | RuleAction::Drop | RuleAction::Notrack | RuleAction::Zone(_) => {}
        RuleAction::Reject { code } => {
            // The codes that the kernel's reject expression can send.
            checker.require(
                matches!(code, 0..=3 | 9 | 10 | 13..=15),
                &path,
                format!("a rule cannot reject with code {code}, only with 0 to 3, 9, 10 or 13 to 15"),
            );
        }
        RuleAction::Snat(translation) | RuleAction::Dnat(translation) => {
            check_translation(checker, translation, &path);
            check_ports(checker, rule, &translation.ports, &path);
        }
        RuleAction::Masquerade(ports) | RuleAction::Redirect(ports) => {
            check_ports(checker, rule, ports, &path);
        }
    }
}

fn check_translation(checker: &mut Checker<'_>, translation: &Translation, path: &[Part<'_>]) {
    let first = translation.first;
    let last = translation.last.unwrap_or(first);
    checker.require(first <= last, path, format!("the range from {first} to {last} is empty"));
    checker.require(
        !(first.is_unspecified() || first.is_multicast() || last.is_multicast() || last.is_broadcast()),
        path,
        "an address of the range is no address of a host",
    );
}

fn check_ports(checker: &mut Checker<'_>, rule: &Rule, ports: &Ports, path: &[Part<'_>]) {
    let Some((first, last)) = ports.ports else { return };
    checker.require(first <= last, path, format!("the range of ports from {first} to {last} is empty"));
    let has_ids = rule.protocol.is_some_and(|protocol| protocol == ICMP || WITH_PORTS.contains(&protocol));
    checker.require(has_ids, path, "a range of ports needs a `protocol` with ports or identifiers");
}
