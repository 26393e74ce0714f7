//! The first pass: who sends to whom, in bounded memory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;

use super::super::datagrams::{Arrival, CaptureOptions, Header, Source, needs_link};
use super::super::error::CaptureError;
use super::super::link::LinkClass;

/// So many addresses and flows are remembered; packets beyond follow the prefixes of those.
const MOST_ADDRESSES: usize = 65_536;
const MOST_FLOWS: usize = 262_144;
/// So many destinations of link-layer broadcasts are remembered as possible subnet broadcast addresses.
const MOST_BROADCASTS: usize = 64;

/// What an address is, without knowing any subnet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressKind {
    /// May be a host's.
    Unicast,
    /// 224.0.0.0/4.
    Multicast,
    /// 255.255.255.255.
    LimitedBroadcast,
    /// 127.0.0.0/8.
    Loopback,
    /// 0.0.0.0/8, and 240.0.0.0/4 but for the limited broadcast address.
    Martian,
}

impl AddressKind {
    pub(super) fn of(address: Ipv4Addr) -> Self {
        match address.octets() {
            [255, 255, 255, 255] => Self::LimitedBroadcast,
            [0 | 240..=255, ..] => Self::Martian,
            [127, ..] => Self::Loopback,
            [224..=239, ..] => Self::Multicast,
            _ => Self::Unicast,
        }
    }
}

/// What was counted of a unicast address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Packets to it.
    pub(super) received: u64,
    /// Packets from it.
    pub(super) sent: u64,
}

/// What a capture holds, as far as making a scenario needs it.
#[derive(Clone, Debug)]
pub struct Survey {
    pub(super) source: Source,
    /// Packets read, up to the end or to where the file breaks its format.
    pub(super) packets: u64,
    /// Packets with a datagram to use.
    pub(super) usable: u64,
    pub(super) addresses: BTreeMap<Ipv4Addr, Traffic>,
    /// Packets by source and destination, both unicast and different.
    pub(super) flows: BTreeMap<(Ipv4Addr, Ipv4Addr), u64>,
    /// Unicast destinations of link-layer broadcasts.
    pub(super) broadcasts: BTreeSet<Ipv4Addr>,
    pub(super) to_multicast: u64,
    pub(super) to_broadcast: u64,
    pub(super) to_loopback: u64,
    pub(super) to_martian: u64,
    /// From an address that no host has, to a unicast one.
    pub(super) from_nobody: u64,
    /// Source and destination are the same, or both loopback.
    pub(super) to_itself: u64,
    /// Too short for a header, or of another version.
    pub(super) unreadable: u64,
    /// Sent to a link-layer group or to all.
    pub(super) not_link_unicast: u64,
    /// Flows that were not remembered.
    pub(super) forgotten: u64,
    /// Octets of the longest datagram.
    pub(super) longest: usize,
}

impl Survey {
    /// Reads the whole file once. A file that breaks its format later on is surveyed up to there; the second pass
    /// reports the error where it is.
    ///
    /// # Errors
    /// If the file cannot be opened, is no capture, or the filter is none.
    pub fn of(path: &Path, options: &CaptureOptions) -> Result<Self, CaptureError> {
        let source = Source { path: path.to_owned(), options: options.clone() };
        let mut reader = source.open()?;
        let mut survey = Self::empty(source);
        loop {
            match reader.next() {
                Ok(Some(arrival)) => survey.add(&arrival),
                Ok(None) | Err(CaptureError::Malformed { .. }) => return Ok(survey),
                Err(error) => return Err(error),
            }
        }
    }

    /// Packets in the file, as far as it can be read.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets that hold a datagram to use.
    pub fn usable(&self) -> u64 {
        self.usable
    }

    fn empty(source: Source) -> Self {
        Self {
            source,
            packets: 0,
            usable: 0,
            addresses: BTreeMap::new(),
            flows: BTreeMap::new(),
            broadcasts: BTreeSet::new(),
            to_multicast: 0,
            to_broadcast: 0,
            to_loopback: 0,
            to_martian: 0,
            from_nobody: 0,
            to_itself: 0,
            unreadable: 0,
            not_link_unicast: 0,
            forgotten: 0,
            longest: 0,
        }
    }

    fn add(&mut self, arrival: &Arrival<'_>) {
        self.packets += 1;
        let Ok(datagram) = arrival.datagram else { return };
        self.usable += 1;
        self.longest = self.longest.max(datagram.octets.len());
        self.not_link_unicast += u64::from(needs_link(datagram.class));
        match Header::of(datagram.octets) {
            Some(header) => self.add_header(header, datagram.class),
            None => self.unreadable += 1,
        }
    }

    fn add_header(&mut self, header: Header, class: LinkClass) {
        let Header { source, destination, .. } = header;
        let (from, to) = (AddressKind::of(source), AddressKind::of(destination));
        if source == destination || (from == AddressKind::Loopback && to == AddressKind::Loopback) {
            self.to_itself += 1;
        }
        match to {
            AddressKind::Unicast => {}
            AddressKind::Multicast => self.to_multicast += 1,
            AddressKind::LimitedBroadcast => self.to_broadcast += 1,
            AddressKind::Loopback => self.to_loopback += 1,
            AddressKind::Martian => self.to_martian += 1,
        }
        if from == AddressKind::Unicast
            && let Some(traffic) = self.traffic(source)
        {
            traffic.sent += 1;
        }
        if to != AddressKind::Unicast {
            return;
        }
        if let Some(traffic) = self.traffic(destination) {
            traffic.received += 1;
        }
        if class == LinkClass::Broadcast && self.broadcasts.len() < MOST_BROADCASTS {
            self.broadcasts.insert(destination);
        }
        if from != AddressKind::Unicast {
            self.from_nobody += 1;
        } else if source != destination {
            self.add_flow(source, destination);
        }
    }

    /// The counts of `address`, unless too many are known already.
    fn traffic(&mut self, address: Ipv4Addr) -> Option<&mut Traffic> {
        if self.addresses.len() >= MOST_ADDRESSES && !self.addresses.contains_key(&address) {
            return None;
        }
        Some(self.addresses.entry(address).or_default())
    }

    fn add_flow(&mut self, source: Ipv4Addr, destination: Ipv4Addr) {
        let knows = |address| self.addresses.contains_key(&address);
        let is_known = knows(source) && knows(destination);
        let has_room = self.flows.len() < MOST_FLOWS || self.flows.contains_key(&(source, destination));
        if is_known && has_room {
            *self.flows.entry((source, destination)).or_default() += 1;
        } else {
            self.forgotten += 1;
        }
    }
}
