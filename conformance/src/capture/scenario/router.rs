//! The DUT as a router: its two sides, and by which a packet of the capture comes in.

use std::net::Ipv4Addr;

use super::super::datagrams::Header;
use super::cover::Cover;
use super::host::route_to;
use super::sides::Sides;
use super::survey::{AddressKind, Survey};
use crate::model::{Interface, LinkKind, Prefix, Route};

/// So many routes to prefixes of one side are made.
const MOST_ROUTES: usize = 1024;
/// A route is never wider, so that it says something of the addresses it covers.
const SHORTEST_ROUTE: u8 = 8;

/// Names of the interfaces. Their indices in the scenario are those of this list.
pub(super) const NAMES: [&str; 2] = ["lan", "wan"];
pub(super) const INSIDE: usize = 0;
pub(super) const OUTSIDE: usize = 1;

/// Where the addresses of a capture are, seen from a router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RouterPlan {
    pub(super) sides: Sides,
    /// The side that has routes; the other one has the default route.
    pub(super) listed_side: usize,
    pub(super) listed: Cover,
    /// Routes that were left out by the cap.
    pub(super) left_out: usize,
    /// The DUT's own address and subnet on either side.
    pub(super) own: [Prefix; 2],
}

impl RouterPlan {
    /// Divides the addresses. `outside_is_default`: the outside gets the default route whatever that costs.
    pub(super) fn of(survey: &Survey, outside_is_default: bool) -> Self {
        let sides = Sides::of(survey);
        let inside = Cover::of(&sides.inside, &sides.outside, SHORTEST_ROUTE);
        let outside = Cover::of(&sides.outside, &sides.inside, SHORTEST_ROUTE);
        let lists_inside = outside_is_default || inside.prefixes().len() <= outside.prefixes().len();
        let (listed_side, mut listed) = if lists_inside { (INSIDE, inside) } else { (OUTSIDE, outside) };
        let weight = |prefix: Prefix| {
            let from = survey.addresses.range(prefix.network()..=prefix.broadcast());
            from.map(|(_, traffic)| traffic.received + traffic.sent).sum()
        };
        let left_out = listed.keep_heaviest(MOST_ROUTES, weight);
        let own = [free_subnet(survey, 18), free_subnet(survey, 19)];
        Self { sides, listed_side, listed, left_out, own }
    }

    /// The side of an address, as the DUT's routes have it.
    pub(super) fn side(&self, address: Ipv4Addr) -> usize {
        match self.own.iter().position(|subnet| subnet.contains(address)) {
            Some(side) => side,
            None if self.listed.contains(address) => self.listed_side,
            None => 1 - self.listed_side,
        }
    }

    /// The interface a datagram comes in by: the side of its source; where no host can have that source, the side
    /// across from its destination; else the inside.
    pub(super) fn enters_by(&self, octets: &[u8]) -> usize {
        let Some(Header { source, destination, .. }) = Header::of(octets) else { return INSIDE };
        if AddressKind::of(source) == AddressKind::Unicast {
            self.side(source)
        } else if AddressKind::of(destination) == AddressKind::Unicast {
            1 - self.side(destination)
        } else {
            INSIDE
        }
    }

    pub(super) fn interfaces(&self) -> Vec<Interface> {
        let interface = |side: usize| Interface {
            name: NAMES[side].to_owned(),
            link: LinkKind::Ip,
            mac: None,
            addresses: vec![self.own[side]],
            mtu: 1500,
            up: true,
            sysctl: std::collections::BTreeMap::new(),
            groups: Vec::new(),
        };
        vec![interface(INSIDE), interface(OUTSIDE)]
    }

    pub(super) fn routes(&self) -> Vec<Route> {
        let listed = self.listed.prefixes().iter().map(|prefix| route_to(*prefix, NAMES[self.listed_side]));
        let default = route_to(Prefix::new(Ipv4Addr::UNSPECIFIED, 0), NAMES[1 - self.listed_side]);
        listed.chain(std::iter::once(default)).collect()
    }
}

/// The first address of a subnet of 198.18.0.0/15, the network for tests (RFC 2544), that no address of the capture
/// is in; the last one tried if there is none.
fn free_subnet(survey: &Survey, second: u8) -> Prefix {
    let subnet = |third: u8| Prefix::new(Ipv4Addr::new(198, second, third, 1), 24);
    let is_free =
        |subnet: &Prefix| survey.addresses.range(subnet.network()..=subnet.broadcast()).next().is_none();
    (0..=254).map(subnet).find(is_free).unwrap_or(subnet(255))
}
