//! Packet filter, connection tracking and NAT joined: what happens to a packet at each hook, in which order.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::config::Departures;
use crate::conntrack::{
    self, Classification, Confirmation, Conntrack, ConntrackConfig, Entrance, Entry, HashKey, Relation,
    Tracking, protocol,
};
use crate::decision::{Decision, Detail};
use crate::drop_reason::DropReason;
use crate::filter::{self, Action, Rule, Rules, Table, View};
use crate::hook::{Hook, HookVerdict};
use crate::interface::InterfaceId;
use crate::nat::{self, Addresses, Binding, Nat, Request, Translation};
use crate::packet::{Attachment, Packet};
use crate::random::Random;
use crate::time::Instant;
use crate::wire::Ipv4Edit;

/// How long a query is tracked at least, by RFC 5508 §3.2.
const LEAST_QUERY_LIFE_S: u32 = 60;
/// Code of Destination Unreachable: Communication Administratively Prohibited. RFC 1812 §5.2.7.1.
const ADMINISTRATIVELY_PROHIBITED: u8 = 13;

/// Octets of the common header of SCTP. RFC 9260 §3.1.
const SCTP_HEADER_LEN: usize = 12;

/// What is filtered, tracked and translated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetfilterConfig {
    /// Rules, in order.
    pub rules: Vec<Rule>,
    /// Track connections even if no rule asks for it.
    pub tracks: bool,
    /// Give every connection its bindings even if no rule translates, as an empty `nat` chain does.
    pub translates: bool,
    /// Whether somebody listens to events of connections.
    pub listens: bool,
    /// Knobs of connection tracking.
    pub conntrack: ConntrackConfig,
}

impl NetfilterConfig {
    /// Whether nothing has to be done with any packet.
    pub const fn is_empty(&self) -> bool {
        self.rules.is_empty() && !self.tracks && !self.translates
    }
}

/// Packet filter, connection tracking and NAT of a system.
#[derive(Clone, Debug)]
pub struct Netfilter {
    rules: Rules,
    tracks: bool,
    translates: bool,
    conntrack: Conntrack,
    departures: Departures,
    /// What the next datagram whose source is translated is called, where it gets a new identification.
    next_identification: u16,
}

/// What the hooks may use of the system around them.
pub struct Surroundings<'a> {
    /// Now.
    pub now: Instant,
    /// What chance decides.
    pub random: &'a mut Random,
    /// This system's addresses.
    pub addresses: &'a dyn Addresses,
    /// Interface that the packet leaves by, once routed, and the station that it is sent to there.
    pub outgoing: Option<(InterfaceId, Ipv4Addr)>,
    /// Where to write down what was decided, if anybody reads it.
    pub log: Option<&'a mut Vec<Decision>>,
}

impl Surroundings<'_> {
    fn note(&mut self, rule: &'static str, clause: &'static str, text: &'static str) {
        if let Some(log) = &mut self.log {
            log.push(Decision { rule, clause, detail: Detail::Text(text) });
        }
    }
}

/// What is done at a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Rules(Table),
    Classify(Entrance),
    Translate,
    Confirm,
}

/// What is done at each hook, in this order. Reassembly comes before.
const fn stages(hook: Hook) -> &'static [Stage] {
    use Stage::{Classify, Confirm, Rules, Translate};
    match hook {
        Hook::Prerouting => {
            &[Rules(Table::Raw), Classify(Entrance::Prerouting), Rules(Table::Filter), Translate]
        }
        Hook::LocalOut => &[Rules(Table::Raw), Classify(Entrance::LocalOut), Translate, Rules(Table::Filter)],
        Hook::Forward => &[Rules(Table::Raw), Rules(Table::Filter)],
        Hook::LocalIn | Hook::Postrouting => &[Rules(Table::Raw), Rules(Table::Filter), Translate, Confirm],
    }
}

/// What rules see of `packet` at a hook: not every hook knows both interfaces.
fn view<'p>(hook: Hook, packet: &'p Packet, outgoing: Option<(InterfaceId, Ipv4Addr)>) -> View<'p> {
    let outgoing = outgoing.map(|(interface, _)| interface);
    let (incoming, outgoing) = match hook {
        Hook::Prerouting | Hook::LocalIn => (packet.incoming, None),
        Hook::Forward | Hook::Postrouting => (packet.incoming, outgoing),
        Hook::LocalOut => (None, outgoing),
    };
    View::new(packet, incoming, outgoing)
}

/// Forgets where a reassembled datagram was cut when translation needed octets beyond its first fragment.
fn forget_cuts(packet: &mut Packet, is_error: bool, is_rewritten: bool) {
    let reach = nat::reach(&packet.octets, is_error, is_rewritten);
    forget_cuts_within(packet, reach.saturating_sub(packet.header_len()));
}

/// Forgets where a reassembled datagram was cut if its first fragment held less than `len` octets of its payload.
fn forget_cuts_within(packet: &mut Packet, len: usize) {
    let Some(reassembled) = packet.reassembled.as_mut() else { return };
    if reassembled.layout.first().is_some_and(|first| usize::from(*first) < len) {
        reassembled.layout.clear();
    }
}

impl Netfilter {
    /// What `config` asks for. `key` is the secret of the connection table.
    pub fn new(config: &NetfilterConfig, key: HashKey) -> Self {
        let rules = Rules::from(config.rules.clone());
        let mut conntrack = Conntrack::new(config.conntrack, key);
        conntrack.has_listener = config.listens;
        Self {
            tracks: config.tracks || rules.needs_tracking(),
            translates: config.translates || rules.needs_translation(),
            rules,
            conntrack,
            departures: Departures::LINUX,
            next_identification: 0,
        }
    }

    /// The same with `departures` from Linux. Identifications that are renewed begin with `first_identification`.
    #[must_use]
    pub fn following(mut self, departures: Departures, first_identification: u16) -> Self {
        self.departures = departures;
        self.next_identification = first_identification;
        if departures.query_mapping_lives_a_minute {
            let timeout = &mut self.conntrack.config.icmp_timeout;
            *timeout = (*timeout).max(LEAST_QUERY_LIFE_S);
        }
        self
    }

    /// The connections.
    pub const fn conntrack(&self) -> &Conntrack {
        &self.conntrack
    }

    /// The connections, to change.
    pub const fn conntrack_mut(&mut self) -> &mut Conntrack {
        &mut self.conntrack
    }

    /// Whether fragments are reassembled where packets enter.
    pub const fn defragments(&self) -> bool {
        self.tracks
    }

    /// Whether connection tracking summed up the transport part of a packet when it came in.
    pub fn has_summed(&self, packet: &Packet) -> bool {
        self.tracks
            && self.conntrack.config.checksum
            && packet.incoming.is_some()
            && Tracking::of(packet.conntrack) != Tracking::Untracked
            && conntrack::is_summed(&packet.octets)
    }

    /// Whether the modeled kernel sums up the SCTP packet in a datagram, for which it moves its header together.
    fn has_summed_chunks(&self, packet: &Packet) -> bool {
        packet.protocol() == protocol::SCTP
            && packet.payload().len() >= SCTP_HEADER_LEN
            && self.conntrack.config.checksum
            && packet.conntrack == Attachment::NONE
    }

    /// Whether a packet is not what its sender made of it, so that nobody would be helped by an error about it.
    fn is_spoiled(&self, packet: &Packet) -> bool {
        !filter::is_answerable(packet, self.has_summed(packet) && !packet.sum_failed)
    }

    /// Shows a packet to everything at a hook.
    pub fn pass(&mut self, hook: Hook, packet: &mut Packet, around: &mut Surroundings<'_>) -> HookVerdict {
        for stage in stages(hook) {
            let verdict = match *stage {
                Stage::Rules(table) => self.ask(table, hook, packet, around),
                Stage::Classify(entrance) => self.classify(entrance, packet, around),
                Stage::Translate => self.translate(hook, packet, around),
                Stage::Confirm => self.confirm(packet, around.now),
            };
            if verdict != HookVerdict::Accept {
                return verdict;
            }
        }
        HookVerdict::Accept
    }

    fn ask(
        &self,
        table: Table,
        hook: Hook,
        packet: &mut Packet,
        around: &mut Surroundings<'_>,
    ) -> HookVerdict {
        if self.rules.is_empty() {
            return HookVerdict::Accept;
        }
        let view = view(hook, packet, around.outgoing);
        let is_fresh = view.tracking == Tracking::Invalid;
        let decided = self.rules.decide(table, hook, &view);
        if let Some(action) = decided {
            around.note("filter rule", "", action.name());
        }
        match decided {
            Some(Action::Drop) => return HookVerdict::Drop(DropReason::FilterDropped),
            Some(Action::Reject { .. }) if self.is_spoiled(packet) => {
                return HookVerdict::Drop(DropReason::FilterDropped);
            }
            Some(Action::Reject { code }) => {
                return HookVerdict::Reject { reason: DropReason::FilterDropped, code };
            }
            // What is tracked already stays so.
            Some(Action::Notrack) if is_fresh => packet.conntrack = Tracking::Untracked.attach(),
            Some(Action::Zone(zone)) if is_fresh => packet.zone = zone,
            _ => {}
        }
        HookVerdict::Accept
    }

    fn classify(
        &mut self,
        entrance: Entrance,
        packet: &mut Packet,
        around: &mut Surroundings<'_>,
    ) -> HookVerdict {
        // A fragment comes here only if its sender wants it left alone.
        if !self.tracks || packet.is_fragment() {
            return HookVerdict::Accept;
        }
        if entrance == Entrance::Prerouting
            && let Some(reason) = filter::clause::refusal(&self.departures, packet)
        {
            return HookVerdict::Drop(reason);
        }
        if entrance == Entrance::Prerouting && self.has_summed_chunks(packet) {
            forget_cuts_within(packet, SCTP_HEADER_LEN);
        }
        let Packet { octets, zone, conntrack, .. } = packet;
        match self.conntrack.classify(around.now, entrance, octets, *zone, conntrack) {
            Classification::TableFull => return self.refuse_untracked(packet),
            Classification::Invalid(why) => {
                packet.sum_failed = why.is_checksum();
                // The zone goes with what is attached, which is nothing; whoever tracks it next asks in the zone of all.
                packet.zone = 0;
                around.note("not part of a connection", "", why.name());
                let is_dropped = self.translates && self.departures.unmapped_error_is_dropped;
                if is_dropped && entrance == Entrance::Prerouting && filter::clause::is_error(packet) {
                    return HookVerdict::Drop(DropReason::ErrorWithoutMapping);
                }
            }
            Classification::Tracked(tracked) => around.note("connection", "", tracked.relation.name()),
            Classification::Skipped => {}
        }
        HookVerdict::Accept
    }

    /// What becomes of a packet for which there is no room in the table.
    fn refuse_untracked(&self, packet: &Packet) -> HookVerdict {
        let reason = DropReason::ConntrackTableFull;
        if self.departures.full_table_is_told && !self.is_spoiled(packet) {
            return HookVerdict::Reject { reason, code: ADMINISTRATIVELY_PROHIBITED };
        }
        HookVerdict::Drop(reason)
    }

    /// Gives a datagram that may be fragmented further on an identification of its own: others with the same source may
    /// have the one it came with.
    fn renew_identification(&mut self, packet: &mut Packet) {
        if packet.dont_fragment() {
            return;
        }
        let Some(mut edit) = Ipv4Edit::new(&mut packet.octets) else { return };
        edit.set_identification(self.next_identification);
        edit.rewrite_checksum();
        self.next_identification = self.next_identification.wrapping_add(1);
    }

    fn translate(&mut self, hook: Hook, packet: &mut Packet, around: &mut Surroundings<'_>) -> HookVerdict {
        let Tracking::Tracked(tracked) = Tracking::of(packet.conntrack) else { return HookVerdict::Accept };
        if !self.translates {
            return HookVerdict::Accept;
        }
        // Only first packets are bound.
        let rule = match tracked.relation {
            Relation::New => self.binding(hook, &view(hook, packet, around.outgoing)),
            _ => None,
        };
        let request =
            Request { now: around.now, hook, tracked, incoming: packet.incoming, outgoing: around.outgoing };
        let mut nat =
            Nat { conntrack: &mut self.conntrack, random: around.random, addresses: around.addresses };
        let translation = nat.translate(&request, &mut packet.octets, rule);
        if translation == Translation::Drop {
            return HookVerdict::Drop(DropReason::NatUntranslatable);
        }
        if translation == Translation::Rewritten {
            around.note("translate", "", "rewritten");
            if hook == Hook::Postrouting && self.departures.translation_renews_identification {
                self.renew_identification(packet);
            }
        }
        let is_error = tracked.relation == Relation::Related && packet.protocol() == protocol::ICMP;
        forget_cuts(packet, is_error, translation == Translation::Rewritten);
        HookVerdict::Accept
    }

    /// Whether the connection of a datagram of ours has another address where it goes than where its answers come from.
    /// The addresses in the datagram do not matter: an error with a source route goes to the first hop of that, and on
    /// its way it is given the destination of the connection.
    pub fn sends_elsewhere(&self, packet: &Packet) -> bool {
        let Tracking::Tracked(tracked) = Tracking::of(packet.conntrack) else { return false };
        let is_sent_elsewhere = |entry: &Entry| {
            let there = entry.tuple(tracked.direction);
            there.destination != entry.tuple(tracked.direction.opposite()).source
        };
        self.translates && self.conntrack.entry(tracked).is_some_and(is_sent_elsewhere)
    }

    fn binding(&self, hook: Hook, view: &View<'_>) -> Option<Binding> {
        match self.rules.decide(Table::Nat, hook, view) {
            Some(Action::Translate(binding)) => Some(binding),
            _ => None,
        }
    }

    fn confirm(&mut self, packet: &mut Packet, now: Instant) -> HookVerdict {
        match self.conntrack.confirm(now, &mut packet.conntrack) {
            Confirmation::Accept => HookVerdict::Accept,
            Confirmation::Clash => HookVerdict::Drop(DropReason::ConntrackClash),
        }
    }
}
