//! Packet filter and NAT rules of a scenario, as the reference stack takes them.

use netassay_stack::config::Config;
use netassay_stack::filter::{Action, Conditions, Rule as StackRule, States};
use netassay_stack::hook::Hook as StackHook;
use netassay_stack::interface::InterfaceId;
use netassay_stack::nat::{Binding, Range};

use crate::dut::DutError;
use crate::model::scenario::{Hook, Ports, Translation};
use crate::model::{Role, Rule, RuleAction, Scenario};

/// An interface that does not exist: what is bound to it never matches.
const NOWHERE: InterfaceId = InterfaceId(u16::MAX);

/// Gives `config` the rules of `scenario`.
pub(super) fn add(scenario: &Scenario, config: &mut Config) -> Result<(), DutError> {
    let rules = scenario.rules.iter().map(|it| rule(it, config)).collect::<Result<_, _>>()?;
    config.netfilter.rules = rules;
    config.netfilter.tracks = matches!(scenario.role, Role::Conntrack | Role::Nat);
    config.netfilter.listens = true;
    Ok(())
}

fn rule(rule: &Rule, config: &Config) -> Result<StackRule, DutError> {
    let interface =
        |name: &Option<String>| name.as_ref().map(|name| config.interface_id(name).unwrap_or(NOWHERE));
    let states = rule.ct_state.iter().try_fold(States::default(), |states, name| {
        let state = States::named(name);
        state
            .map(|state| states.with(state))
            .ok_or_else(|| DutError::Unsupported(format!("no connection tracking state is called `{name}`")))
    })?;
    Ok(StackRule {
        hook: match rule.hook {
            Hook::Prerouting => StackHook::Prerouting,
            Hook::Input => StackHook::LocalIn,
            Hook::Forward => StackHook::Forward,
            Hook::Output => StackHook::LocalOut,
            Hook::Postrouting => StackHook::Postrouting,
        },
        conditions: Conditions {
            incoming: interface(&rule.incoming),
            outgoing: interface(&rule.outgoing),
            from: rule.from.map(super::config::prefix),
            to: rule.to.map(super::config::prefix),
            protocol: rule.protocol,
            source_port: rule.source_port,
            destination_port: rule.destination_port,
            icmp_type: rule.icmp_type,
            states,
        },
        action: action(&rule.action),
    })
}

fn action(action: &RuleAction) -> Action {
    match action {
        RuleAction::Accept => Action::Accept,
        RuleAction::Drop => Action::Drop,
        RuleAction::Reject { code } => Action::Reject { code: *code },
        RuleAction::Notrack => Action::Notrack,
        RuleAction::Zone(zone) => Action::Zone(*zone),
        RuleAction::Snat(to) | RuleAction::Dnat(to) => Action::Translate(Binding::To(translation(to))),
        RuleAction::Masquerade(ports) => Action::Translate(Binding::Masquerade(range(ports))),
        RuleAction::Redirect(ports) => Action::Translate(Binding::Redirect(range(ports))),
    }
}

fn translation(translation: &Translation) -> Range {
    let last = translation.last.unwrap_or(translation.first);
    Range { addresses: Some((translation.first, last)), ..range(&translation.ports) }
}

fn range(ports: &Ports) -> Range {
    Range { addresses: None, ids: ports.ports, random: ports.random, persistent: ports.persistent }
}
