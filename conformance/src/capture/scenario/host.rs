//! The DUT as a host: which of a capture's addresses it takes over.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::super::datagrams::Header;
use super::super::skip::SkipReason;
use super::cover::Cover;
use super::sides::Sides;
use super::survey::{AddressKind, Survey};
use crate::model::{Interface, Prefix, Route, RouteKind};

/// So many addresses are put on the interface; further ones become local routes.
const MOST_ADDRESSES: usize = 16;
/// So many local routes are made.
const MOST_ROUTES: usize = 256;
/// A local route is never wider, so that it holds few addresses that nobody sent to.
const SHORTEST_LOCAL: u8 = 16;
/// Where a capture names nobody to be: the network for tests of RFC 2544.
const FALLBACK: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// What the DUT owns as a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostPlan {
    /// On the interface, the busiest first.
    pub(super) addresses: Vec<Prefix>,
    /// By local routes.
    pub(super) routed: Cover,
    /// Packets that will be injected.
    pub(super) injected: u64,
    /// Whether most packets go from an address to itself, so that the DUT has to take packets from its own addresses.
    pub(super) talks_to_itself: bool,
    /// Destinations that would have been taken over but for the cap on routes.
    pub(super) left_out: usize,
}

impl HostPlan {
    pub(super) fn of(survey: &Survey) -> Self {
        if survey.to_itself * 2 > survey.usable {
            return Self::owning(survey, senders(survey), true);
        }
        // The best of three answers: destinations one by one, and either side of the traffic as a whole.
        let sides = Sides::of(survey);
        let mut best = Self::owning(survey, choose(survey), false);
        for side in [sides.inside, sides.outside] {
            let mut destinations: Vec<_> =
                side.into_iter().filter(|address| is_destination(survey, *address)).collect();
            destinations.sort_by_key(|address| (std::cmp::Reverse(received(survey, *address)), *address));
            let other = Self::owning(survey, destinations, false);
            if other.useful(survey) > best.useful(survey) {
                best = other;
            }
        }
        best
    }

    /// The DUT with the addresses `chosen`, the busiest first.
    fn owning(survey: &Survey, mut chosen: Vec<Ipv4Addr>, talks_to_itself: bool) -> Self {
        if chosen.is_empty() {
            // Nobody is sent to but all: be somebody who hears that.
            let broadcast = survey.broadcasts.iter().find(|address| is_broadcast(survey, **address));
            chosen.push(broadcast.and_then(|broadcast| beside(survey, *broadcast)).unwrap_or(FALLBACK));
        }
        let mut plan = Self { talks_to_itself, ..Self::default() };
        let on_interface = chosen.len().min(MOST_ADDRESSES);
        for address in &chosen[..on_interface] {
            plan.addresses.push(Prefix::new(*address, subnet_length(survey, *address)));
        }
        let mut routed = chosen[on_interface..].to_vec();
        routed.sort();
        let owned: BTreeSet<_> = chosen.iter().copied().collect();
        let others: Vec<_> =
            survey.addresses.keys().filter(|address| !owned.contains(address)).copied().collect();
        plan.routed = Cover::of(&routed, &others, SHORTEST_LOCAL);
        let weight = |prefix: Prefix| {
            let covered = survey.addresses.range(prefix.network()..=prefix.broadcast());
            covered.map(|(_, traffic)| traffic.received).sum()
        };
        plan.left_out = plan.routed.keep_heaviest(MOST_ROUTES, weight);
        plan.injected = plan.count_injected(survey);
        plan
    }

    /// Packets that are injected and not between two addresses of the DUT, which it refuses.
    fn useful(&self, survey: &Survey) -> u64 {
        let flows = survey.flows.iter();
        let spoiled: u64 = flows
            .filter(|((source, destination), _)| self.owns(*source) && self.owns(*destination))
            .map(|(_, packets)| packets)
            .sum();
        self.injected.saturating_sub(spoiled)
    }

    /// Whether the DUT would take `address` as its own.
    fn owns(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|prefix| prefix.address == address) || self.routed.contains(address)
    }

    /// Whether `address` is the broadcast address of a subnet of the DUT.
    fn is_subnet_broadcast(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|prefix| prefix.length < 31 && prefix.broadcast() == address)
    }

    /// Why a datagram is not for the DUT; `None` if it is to be injected. What cannot be read is for the DUT to judge.
    pub(super) fn refuse(&self, octets: &[u8]) -> Option<SkipReason> {
        let Header { source, destination, .. } = Header::of(octets)?;
        if self.owns(destination) || self.talks_to_itself {
            return None;
        }
        if self.owns(source) {
            return Some(SkipReason::SentByTheDut);
        }
        let is_special =
            AddressKind::of(destination) != AddressKind::Unicast || self.is_subnet_broadcast(destination);
        if is_special { None } else { Some(SkipReason::NotToTheDut) }
    }

    /// About how many packets [`HostPlan::refuse`] lets through, from the counts of the survey alone.
    fn count_injected(&self, survey: &Survey) -> u64 {
        if self.talks_to_itself {
            return survey.usable;
        }
        let to_the_dut: u64 = survey
            .addresses
            .iter()
            .filter(|(address, _)| self.owns(**address) || self.is_subnet_broadcast(**address))
            .map(|(_, traffic)| traffic.received)
            .sum();
        let to_all = survey.to_multicast + survey.to_broadcast + survey.to_loopback + survey.to_martian;
        to_the_dut + to_all + survey.unreadable
    }

    /// The interface of the DUT, but for what the link asks for.
    pub(super) fn interface(&self) -> Interface {
        let mut sysctl = BTreeMap::new();
        if self.talks_to_itself {
            sysctl.insert("accept_local".to_owned(), "1".to_owned());
            sysctl.insert("route_localnet".to_owned(), "1".to_owned());
        }
        Interface {
            name: "t0".to_owned(),
            link: crate::model::LinkKind::Ip,
            mac: None,
            addresses: self.addresses.clone(),
            mtu: 1500,
            up: true,
            sysctl,
            groups: Vec::new(),
        }
    }

    /// Local routes, and a default route without gateway: every source can be answered.
    pub(super) fn routes(&self) -> Vec<Route> {
        let local = self
            .routed
            .prefixes()
            .iter()
            .map(|prefix| Route { kind: RouteKind::Local, ..route_to(*prefix, "lo") });
        let default = route_to(Prefix::new(Ipv4Addr::UNSPECIFIED, 0), "t0");
        local.chain(std::iter::once(default)).collect()
    }
}

/// A unicast route to `to` by `dev`, without gateway.
pub(super) fn route_to(to: Prefix, dev: &str) -> Route {
    Route { dev: Some(dev.to_owned()), ..Route::new(to, RouteKind::Unicast) }
}

/// Unicast addresses that send to themselves or at all, the busiest first.
fn senders(survey: &Survey) -> Vec<Ipv4Addr> {
    let mut senders: Vec<_> = survey.addresses.iter().filter(|(_, traffic)| traffic.sent > 0).collect();
    senders.sort_by_key(|(address, traffic)| (std::cmp::Reverse(traffic.received), **address));
    senders.into_iter().map(|(address, _)| *address).collect()
}

/// Destinations, the busiest first, each taken while it brings more packets than it spoils: what an owned address
/// sends to another one cannot be replayed, because the DUT refuses packets from itself.
fn choose(survey: &Survey) -> Vec<Ipv4Addr> {
    let mut sends_to: BTreeMap<Ipv4Addr, Vec<(Ipv4Addr, u64)>> = BTreeMap::new();
    let mut hears_from: BTreeMap<Ipv4Addr, Vec<(Ipv4Addr, u64)>> = BTreeMap::new();
    for ((source, destination), packets) in &survey.flows {
        sends_to.entry(*source).or_default().push((*destination, *packets));
        hears_from.entry(*destination).or_default().push((*source, *packets));
    }
    let mut candidates: Vec<_> =
        survey.addresses.iter().filter(|(address, _)| is_destination(survey, **address)).collect();
    candidates.sort_by_key(|(address, traffic)| (std::cmp::Reverse(traffic.received), **address));
    let mut chosen = Vec::new();
    let mut owned = BTreeSet::new();
    for (address, traffic) in candidates {
        let with_owned = |flows: &BTreeMap<Ipv4Addr, Vec<(Ipv4Addr, u64)>>| -> u64 {
            let ends = flows.get(address).into_iter().flatten();
            ends.filter(|(other, _)| owned.contains(other)).map(|(_, packets)| packets).sum()
        };
        let (lost_to_it, spoiled) = (with_owned(&hears_from), with_owned(&sends_to));
        if traffic.received > lost_to_it + spoiled {
            owned.insert(*address);
            chosen.push(*address);
        }
    }
    chosen
}

/// Packets to `address`.
fn received(survey: &Survey, address: Ipv4Addr) -> u64 {
    survey.addresses.get(&address).map_or(0, |traffic| traffic.received)
}

/// Whether `address` is sent to and may be a host's.
fn is_destination(survey: &Survey, address: Ipv4Addr) -> bool {
    received(survey, address) > 0 && !is_broadcast(survey, address)
}

/// Whether frames to `address` were broadcast on the link, nobody sends from it, and it looks like the last address of
/// a subnet.
fn is_broadcast(survey: &Survey, address: Ipv4Addr) -> bool {
    let sends = survey.addresses.get(&address).is_some_and(|traffic| traffic.sent > 0);
    survey.broadcasts.contains(&address) && !sends && address.octets()[3] & 3 == 3
}

/// An address of the subnet of `broadcast` that nobody in the capture has.
fn beside(survey: &Survey, broadcast: Ipv4Addr) -> Option<Ipv4Addr> {
    let subnet = Prefix::new(broadcast, broadcast_length(broadcast));
    let first = subnet.network().to_bits() + 1;
    (first..broadcast.to_bits()).map(Ipv4Addr::from_bits).find(|one| !survey.addresses.contains_key(one))
}

/// The length of the subnet that `address` is put into: what a broadcast address of the capture tells; 24 where that
/// makes no address of the capture a broadcast address; else the address stands alone.
fn subnet_length(survey: &Survey, address: Ipv4Addr) -> u8 {
    let broadcasts = survey.broadcasts.iter().filter(|broadcast| is_broadcast(survey, **broadcast));
    let told = broadcasts.map(|broadcast| Prefix::new(*broadcast, broadcast_length(*broadcast)));
    if let Some(subnet) = told.filter(|subnet| subnet.contains(address)).max_by_key(|subnet| subnet.length) {
        return subnet.length;
    }
    let subnet = Prefix::new(address, 24);
    let ends = [subnet.network(), subnet.broadcast()];
    if ends.iter().any(|end| survey.addresses.contains_key(end)) { 32 } else { 24 }
}

/// The likeliest length of the subnet whose broadcast address this is: 8, 16 or 24 bits if whole octets are ones,
/// else as many host bits as there are ones at the end.
fn broadcast_length(broadcast: Ipv4Addr) -> u8 {
    let ones = broadcast.to_bits().trailing_ones();
    let host_bits = match ones {
        24.. => 24,
        16.. => 16,
        8.. => 8,
        fewer => fewer,
    };
    32 - host_bits as u8
}
