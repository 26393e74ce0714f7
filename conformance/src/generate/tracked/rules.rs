//! Random rules: what a firewall or a NAT router is told to do, with every condition and flag now and then.

use std::net::Ipv4Addr;

use crate::generate::choice::Choice;
use crate::model::scenario::{Hook, Ports, Translation};
use crate::model::{Prefix, Role, Rule, RuleAction};

const INTERFACES: &[&str] = &["t0", "t1", "p0"];
/// Subnets and hosts of every world.
const PREFIXES: &[([u8; 4], u8)] = &[
    ([10, 0, 0, 0], 24),
    ([10, 1, 0, 0], 24),
    ([10, 2, 0, 0], 24),
    ([20, 0, 0, 0], 8),
    ([10, 0, 0, 2], 32),
    ([8, 8, 8, 8], 32),
];
/// What destinations are translated to.
const SERVERS: &[[u8; 4]] = &[[10, 0, 0, 2], [10, 1, 0, 5], [10, 2, 0, 5], [20, 0, 0, 1]];
/// What sources wear, and what destinations are translated.
const OWN: &[[u8; 4]] = &[[10, 0, 0, 1], [10, 0, 0, 11], [10, 1, 0, 1], [10, 2, 0, 1]];
/// Codes that the rule language knows by number.
const CODES: &[u8] = &[0, 1, 2, 3, 9, 10, 13];
const STATES: &[&str] = &["new", "established", "related", "invalid", "untracked"];

/// Draws the rules of a world. The role `nat` has one that translates at least.
pub(super) fn draw(choice: &mut impl Choice, role: Role) -> Vec<Rule> {
    let mut rules = Vec::new();
    for _ in 0..*choice.pick(&[0, 0, 0, 1, 2]) {
        rules.push(raw(choice));
    }
    for _ in 0..choice.below(5) {
        rules.push(filter(choice));
    }
    if role == Role::Nat {
        for _ in 0..choice.below(3) {
            rules.push(destination(choice));
        }
        for _ in 0..choice.between(1, 3) {
            rules.push(source(choice));
        }
    }
    rules
}

/// A rule at `hook` with few conditions.
fn conditions(choice: &mut impl Choice, hook: Hook, action: RuleAction) -> Rule {
    let mut rule = Rule::new(hook, action);
    let knows_in = !matches!(hook, Hook::Output | Hook::Postrouting);
    let knows_out = !matches!(hook, Hook::Prerouting | Hook::Input);
    if knows_in && choice.chance(1, 3) {
        rule.incoming = Some((*choice.pick(INTERFACES)).to_owned());
    }
    if knows_out && choice.chance(1, 3) {
        rule.outgoing = Some((*choice.pick(INTERFACES)).to_owned());
    }
    if choice.chance(1, 4) {
        rule.from = Some(prefix(choice));
    }
    if choice.chance(1, 4) {
        rule.to = Some(prefix(choice));
    }
    if choice.chance(1, 3) {
        rule.protocol = Some(*choice.pick(&[1, 1, 6, 17, 17, 47, 99]));
        match rule.protocol {
            Some(1) if choice.chance(1, 3) => rule.icmp_type = Some(*choice.pick(&[0, 3, 8, 11, 13])),
            Some(6 | 17) if choice.chance(1, 3) => rule.destination_port = Some(*choice.pick(&[7, 53, 80])),
            _ => {}
        }
    }
    rule
}

fn prefix(choice: &mut impl Choice) -> Prefix {
    let (address, length) = *choice.pick(PREFIXES);
    Prefix::new(Ipv4Addr::from(address), length)
}

fn raw(choice: &mut impl Choice) -> Rule {
    let action =
        if choice.chance(1, 2) { RuleAction::Notrack } else { RuleAction::Zone(choice.below(3) as u16) };
    let hook = *choice.pick(&[Hook::Prerouting, Hook::Prerouting, Hook::Output]);
    let mut rule = conditions(choice, hook, action);
    // Without a condition nothing would be left to track.
    rule.protocol = rule.protocol.or(Some(*choice.pick(&[1, 17, 99])));
    rule
}

fn filter(choice: &mut impl Choice) -> Rule {
    let action = match choice.below(4) {
        0..=1 => RuleAction::Accept,
        2 => RuleAction::Drop,
        _ => RuleAction::Reject { code: *choice.pick(CODES) },
    };
    let hook = *choice.pick(&[Hook::Forward, Hook::Forward, Hook::Input, Hook::Output]);
    let mut rule = conditions(choice, hook, action);
    if choice.chance(1, 2) {
        let first = choice.below(STATES.len() as u32) as usize;
        let count = choice.between(1, 2) as usize;
        rule.ct_state = STATES.iter().cycle().skip(first).take(count).map(|it| (*it).to_owned()).collect();
    }
    rule
}

fn source(choice: &mut impl Choice) -> Rule {
    let masquerades = choice.chance(1, 2);
    let hook = if masquerades || choice.chance(7, 8) { Hook::Postrouting } else { Hook::Input };
    let mut rule = conditions(choice, hook, RuleAction::Accept);
    let ports = ports(choice, rule.protocol);
    rule.action = if masquerades {
        RuleAction::Masquerade(ports)
    } else {
        let first = Ipv4Addr::from(*choice.pick(OWN));
        let last = choice.chance(1, 4).then(|| Ipv4Addr::from_bits(first.to_bits() + choice.below(8)));
        // Where each destination may mean another address of a pool, a port that chance has taken decides which one.
        let draws = !matches!(rule.protocol, Some(47 | 99));
        let persistent = ports.persistent || (last.is_some() && draws);
        RuleAction::Snat(Translation { first, last, ports: Ports { persistent, ..ports } })
    };
    rule
}

fn destination(choice: &mut impl Choice) -> Rule {
    let hook = *choice.pick(&[Hook::Prerouting, Hook::Prerouting, Hook::Prerouting, Hook::Output]);
    let redirects = choice.chance(1, 4);
    let mut rule = conditions(choice, hook, RuleAction::Accept);
    let ports = ports(choice, rule.protocol);
    rule.action = if redirects {
        RuleAction::Redirect(ports)
    } else {
        rule.to = Some(Prefix::new(Ipv4Addr::from(*choice.pick(OWN)), 32));
        let first = Ipv4Addr::from(*choice.pick(SERVERS));
        let last = choice.chance(1, 4).then(|| Ipv4Addr::from_bits(first.to_bits() + choice.below(4)));
        RuleAction::Dnat(Translation { first, last, ports })
    };
    rule
}

/// Ranges and flags, where the protocol has ports or identifiers.
fn ports(choice: &mut impl Choice, protocol: Option<u8>) -> Ports {
    const RANGES: &[(u16, u16)] = &[(3000, 3003), (3100, 3100), (600, 640)];
    let has_range = matches!(protocol, Some(1 | 6 | 17)) && choice.chance(1, 4);
    Ports {
        ports: has_range.then(|| *choice.pick(RANGES)),
        random: choice.chance(1, 16),
        persistent: choice.chance(1, 8),
    }
}
