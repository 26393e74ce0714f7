//! Which numbers NAT may draw, by the rules of a scenario.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use crate::differential::layout::protocol;
use crate::model::observation::TrackedTuple;
use crate::model::scenario::{Hook, Ports};
use crate::model::{Role, Rule, RuleAction, Scenario};

/// What can be drawn for the flows that a rule matches.
#[derive(Clone, Debug)]
struct Choice {
    /// The rule; `None` is the binding of flows that no rule matches (spec/linux-conntrack-nat.md §7.3).
    rule: Option<Rule>,
    ports: Ports,
}

/// What speaks for two different numbers of one flow where a free number is kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Excuse {
    /// Each side that does not keep the number with which a flow came has given it to another, or knows a flow that came
    /// from where the answers would come, or has a mapping of the same source already.
    pub(super) is_clear: bool,
    /// Which side did not search: it keeps the number or has the mapping.
    pub(super) is_given: [bool; 2],
}

/// Everything that a scenario leaves to chance.
#[derive(Clone, Debug, Default)]
pub(super) struct Choices {
    source: Vec<Choice>,
    destination: Vec<Choice>,
    /// Addresses at which flows end here, where rules for what leaves do not see them.
    own: Vec<Ipv4Addr>,
}

impl Choices {
    /// What the rules of `scenario` leave open; nothing if it does not translate.
    pub(super) fn of(scenario: &Scenario) -> Self {
        let (mut source, mut destination) = (Vec::new(), Vec::new());
        for rule in &scenario.rules {
            let choice = |ports: &Ports| Choice { rule: Some(rule.clone()), ports: ports.clone() };
            match &rule.action {
                RuleAction::Snat(to) => source.push(choice(&to.ports)),
                RuleAction::Masquerade(ports) => source.push(choice(ports)),
                RuleAction::Dnat(to) => destination.push(choice(&to.ports)),
                RuleAction::Redirect(ports) => destination.push(choice(ports)),
                _ => {}
            }
        }
        if scenario.role == Role::Nat || !source.is_empty() || !destination.is_empty() {
            source.push(Choice { rule: None, ports: Ports::default() });
        }
        let addresses = scenario.interfaces.iter().flat_map(|interface| &interface.addresses);
        Self { source, destination, own: addresses.map(|prefix| prefix.address).collect() }
    }

    /// Whether nothing can be drawn at all.
    pub(super) const fn is_empty(&self) -> bool {
        self.source.is_empty() && self.destination.is_empty()
    }

    /// Whether the two sides may have drawn `translated` for a flow that came as `original`: only ports or identifiers
    /// differ, and one rule admits both.
    pub(super) fn admit(
        &self,
        protocol: u8,
        original: TrackedTuple,
        translated: [TrackedTuple; 2],
        excuse: Excuse,
    ) -> bool {
        let [a, b] = translated;
        (a.source_id == b.source_id
            || self.may_draw_source((protocol, original), a.destination, [a.source_id, b.source_id], excuse))
            && (a.destination_id == b.destination_id
                || self.may_draw_destination(protocol, original, [a.destination_id, b.destination_id]))
    }

    /// Whether one rule may have drawn all of `drawn` as source port or query identifier of a flow that goes to
    /// `destination`.
    pub(super) fn may_draw_source(
        &self,
        (protocol, original): (u8, TrackedTuple),
        destination: Ipv4Addr,
        drawn: [u16; 2],
        excuse: Excuse,
    ) -> bool {
        let came = original.source_id;
        // A query identifier can be translated as part of the destination as well, at random only on request.
        let is_bound = !self.own.contains(&destination)
            && self.source.iter().any(|choice| choice.surely_matches(protocol, original));
        self.source
            .iter()
            .filter(|choice| !is_bound || choice.rule.is_some())
            .any(|choice| choice.admits_source(protocol, original, drawn, excuse))
            || (protocol == protocol::ICMP
                && self
                    .destination
                    .iter()
                    .any(|choice| choice.admits_destination(protocol, original, came, drawn)))
    }

    /// Whether one rule may have drawn all of `drawn` as destination port.
    pub(super) fn may_draw_destination(&self, protocol: u8, original: TrackedTuple, drawn: [u16; 2]) -> bool {
        let came = original.destination_id;
        protocol != protocol::ICMP
            && self
                .destination
                .iter()
                .any(|choice| choice.admits_destination(protocol, original, came, drawn))
    }

    /// Whether a destination rule draws a number for what comes as `original`, at random.
    pub(super) fn draws_at_entrance(&self, protocol: u8, original: TrackedTuple) -> bool {
        self.destination.iter().any(|choice| choice.ports.random && choice.matches(protocol, original))
    }

    /// Whether source and destination number of `translated` were drawn for a flow that came as `original`.
    pub(super) fn drawn(&self, protocol: u8, original: TrackedTuple, translated: TrackedTuple) -> [bool; 2] {
        [
            self.may_draw_source(
                (protocol, original),
                translated.destination,
                [translated.source_id; 2],
                Excuse::default(),
            ),
            self.may_draw_destination(protocol, original, [translated.destination_id; 2]),
        ]
    }
}

impl Choice {
    fn admits_source(&self, protocol: u8, original: TrackedTuple, drawn: [u16; 2], excuse: Excuse) -> bool {
        let range = self.ports.ports.map_or_else(|| class(protocol, original.source_id), ordered);
        // Without a wish for chance a free port is kept, so one side alone draws only where it is not free.
        let is_kept = drawn.contains(&original.source_id) && !self.ports.random && !excuse.is_clear;
        // What was not searched for need not be among the numbers that a search without a range looks at.
        let is_given = excuse.is_given.map(|given| given && excuse.is_clear && self.ports.ports.is_none());
        let mut ports = drawn.iter().zip(is_given);
        self.matches(protocol, original)
            && !is_kept
            && ports.all(|(port, is_given)| is_given || range.contains(port))
    }

    /// A destination is searched from the first port of a range on unless chance is wished for (§7.4).
    fn admits_destination(&self, protocol: u8, original: TrackedTuple, came: u16, drawn: [u16; 2]) -> bool {
        let range = match self.ports.ports {
            Some(ports) => ordered(ports),
            None if protocol == protocol::ICMP => 0..=u16::MAX,
            None => came..=came,
        };
        self.ports.random && self.matches(protocol, original) && drawn.iter().all(|port| range.contains(port))
    }

    /// Whether the rule matches a flow whatever else it may look at, so that it is not left without a rule.
    fn surely_matches(&self, protocol: u8, original: TrackedTuple) -> bool {
        self.rule.as_ref().is_some_and(|rule| {
            rule.hook == Hook::Postrouting
                && rule.outgoing.is_none()
                && rule.incoming.is_none()
                && rule.to.is_none()
                && rule.destination_port.is_none()
                && rule.icmp_type.is_none()
                && rule.ct_state.is_empty()
        }) && self.matches(protocol, original)
    }

    /// Whether the rule may match a flow: what is not told by how it came is taken to fit.
    fn matches(&self, protocol: u8, original: TrackedTuple) -> bool {
        self.rule.as_ref().is_none_or(|rule| {
            rule.protocol.is_none_or(|wanted| wanted == protocol)
                && rule.from.is_none_or(|prefix| prefix.contains(original.source))
                && rule.source_port.is_none_or(|port| port == original.source_id)
        })
    }
}

fn ordered((first, last): (u16, u16)) -> RangeInclusive<u16> {
    first.min(last)..=first.max(last)
}

/// The numbers among which a source port is searched without a range (spec/linux-conntrack-nat.md §7.4e).
fn class(protocol: u8, original: u16) -> RangeInclusive<u16> {
    match (protocol, original) {
        (protocol::ICMP, _) => 0..=u16::MAX,
        (_, 0..=511) => 1..=511,
        (_, 512..=1023) => 600..=1023,
        (_, 1024..) => 1024..=u16::MAX,
    }
}
