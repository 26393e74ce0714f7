//! Stimuli: one datagram in its frame, right in everything but what the case says.

use std::net::Ipv4Addr;
use std::ops::Range;

use netassay_stack::wire::Protocol;
use netassay_stack::wire::build::{IcmpBuilder, Layer, TcpBuilder, UdpBuilder};

use super::datagram::Datagram;
use super::world::World;
use crate::model::LinkKind;
use crate::oracle::checksum;

/// What a datagram carries.
#[derive(Clone, Debug)]
pub enum Body {
    /// An ICMP message.
    Icmp(IcmpBuilder),
    /// A UDP datagram.
    Udp(UdpBuilder),
    /// A TCP segment.
    Tcp(TcpBuilder),
    /// Octets of protocol 253, unless the packet says otherwise.
    Octets(Vec<u8>),
}

impl From<IcmpBuilder> for Body {
    fn from(builder: IcmpBuilder) -> Self {
        Self::Icmp(builder)
    }
}

impl From<UdpBuilder> for Body {
    fn from(builder: UdpBuilder) -> Self {
        Self::Udp(builder)
    }
}

impl From<TcpBuilder> for Body {
    fn from(builder: TcpBuilder) -> Self {
        Self::Tcp(builder)
    }
}

impl From<Vec<u8>> for Body {
    fn from(octets: Vec<u8>) -> Self {
        Self::Octets(octets)
    }
}

impl From<&[u8]> for Body {
    fn from(octets: &[u8]) -> Self {
        Self::Octets(octets.to_vec())
    }
}

/// Whom the frame is for on a link with hardware addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkDestination {
    /// The DUT.
    #[default]
    Dut,
    /// Everybody.
    Broadcast,
    /// The group of the destination address. RFC 1112 §6.4.
    Group,
    /// Somebody else.
    Other([u8; 6]),
}

/// One datagram and the link it comes in by.
#[derive(Clone, Debug)]
pub struct Packet {
    version: u8,
    ihl: Option<u8>,
    tos: u8,
    total_length: Option<u16>,
    identification: u16,
    flags: u16,
    offset: u16,
    ttl: u8,
    protocol: Option<u8>,
    header_checksum: Option<u16>,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    options: Vec<u8>,
    body: Body,
    padding: usize,
    /// Octets set after all sums were computed.
    edits: Vec<(usize, u8)>,
    cut: Option<usize>,
    interface: usize,
    link: LinkDestination,
    link_source: Option<[u8; 6]>,
}

const RESERVED: u16 = 0x8000;
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;

impl Packet {
    /// A datagram between unspecified addresses on interface 0: TTL 64, identification 0x1234, no flags.
    pub fn new(body: impl Into<Body>) -> Self {
        Self {
            version: 4,
            ihl: None,
            tos: 0,
            total_length: None,
            identification: 0x1234,
            flags: 0,
            offset: 0,
            ttl: 64,
            protocol: None,
            header_checksum: None,
            source: Ipv4Addr::UNSPECIFIED,
            destination: Ipv4Addr::UNSPECIFIED,
            options: Vec::new(),
            body: body.into(),
            padding: 0,
            edits: Vec::new(),
            cut: None,
            interface: 0,
            link: LinkDestination::Dut,
            link_source: None,
        }
    }

    /// Sets the interface it comes in by.
    #[must_use]
    pub fn on(mut self, interface: usize) -> Self {
        self.interface = interface;
        self
    }

    /// Sets whom the frame is for; needs an Ethernet scenario.
    #[must_use]
    pub fn link(mut self, link: LinkDestination) -> Self {
        self.link = link;
        self
    }

    /// Sends the frame to everybody on the link; needs an Ethernet scenario.
    #[must_use]
    pub fn link_broadcast(self) -> Self {
        self.link(LinkDestination::Broadcast)
    }

    /// Sends the frame to the group of its destination address; needs an Ethernet scenario.
    #[must_use]
    pub fn link_group(self) -> Self {
        self.link(LinkDestination::Group)
    }

    /// Sets the hardware address that the frame comes from; needs an Ethernet scenario.
    #[must_use]
    pub fn link_source(mut self, address: [u8; 6]) -> Self {
        self.link_source = Some(address);
        self
    }

    /// Sets the version instead of 4.
    #[must_use]
    pub fn version(mut self, version: u8) -> Self {
        self.version = version;
        self
    }

    /// Sets the header length in words instead of computing it; the options stay as they are.
    #[must_use]
    pub fn ihl(mut self, ihl: u8) -> Self {
        self.ihl = Some(ihl);
        self
    }

    /// Sets type of service, all eight bits.
    #[must_use]
    pub fn tos(mut self, tos: u8) -> Self {
        self.tos = tos;
        self
    }

    /// Sets the total length instead of computing it.
    #[must_use]
    pub fn total_length(mut self, total_length: u16) -> Self {
        self.total_length = Some(total_length);
        self
    }

    /// Sets identification.
    #[must_use]
    pub fn identification(mut self, identification: u16) -> Self {
        self.identification = identification;
        self
    }

    /// Sets the reserved flag.
    #[must_use]
    pub fn reserved_flag(mut self) -> Self {
        self.flags |= RESERVED;
        self
    }

    /// Sets don't fragment.
    #[must_use]
    pub fn dont_fragment(mut self) -> Self {
        self.flags |= DONT_FRAGMENT;
        self
    }

    /// Sets more fragments.
    #[must_use]
    pub fn more_fragments(mut self) -> Self {
        self.flags |= MORE_FRAGMENTS;
        self
    }

    /// Clears more fragments.
    #[must_use]
    pub fn last_fragment(mut self) -> Self {
        self.flags &= !MORE_FRAGMENTS;
        self
    }

    /// Sets the fragment offset in octets, rounded down to a multiple of 8.
    #[must_use]
    pub fn fragment_offset(mut self, octets: usize) -> Self {
        self.offset = (octets / 8) as u16 & 0x1fff;
        self
    }

    /// Sets time to live.
    #[must_use]
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// Sets the protocol instead of that of what is carried.
    #[must_use]
    pub fn protocol(mut self, protocol: u8) -> Self {
        self.protocol = Some(protocol);
        self
    }

    /// Sets the header checksum instead of computing it.
    #[must_use]
    pub fn header_checksum(mut self, header_checksum: u16) -> Self {
        self.header_checksum = Some(header_checksum);
        self
    }

    /// Makes the header checksum wrong by one.
    #[must_use]
    pub fn wrong_header_checksum(self) -> Self {
        let octets = self.build();
        let right = u16::from_be_bytes([octets[10], octets[11]]);
        self.header_checksum(if right == 0xfffe { 1 } else { right.wrapping_add(1) })
    }

    /// Sets the source address.
    #[must_use]
    pub fn source(mut self, source: impl Into<Ipv4Addr>) -> Self {
        self.source = source.into();
        self
    }

    /// Sets the destination address.
    #[must_use]
    pub fn destination(mut self, destination: impl Into<Ipv4Addr>) -> Self {
        self.destination = destination.into();
        self
    }

    /// Sets the options, padded with zeros to a multiple of 4 octets.
    #[must_use]
    pub fn options(mut self, options: impl Into<Vec<u8>>) -> Self {
        self.options = options.into();
        self.options.resize(self.options.len().next_multiple_of(4), 0);
        self
    }

    /// Carries something else.
    #[must_use]
    pub fn carry(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds zeros behind the total length, as a link does.
    #[must_use]
    pub fn padding(mut self, len: usize) -> Self {
        self.padding = len;
        self
    }

    /// Sets one octet of the datagram after all lengths and sums were computed.
    #[must_use]
    pub fn octet(mut self, at: usize, value: u8) -> Self {
        self.edits.push((at, value));
        self
    }

    /// Keeps only the first `len` octets of the datagram: the rest is lost on the link.
    #[must_use]
    pub fn cut(mut self, len: usize) -> Self {
        self.cut = Some(len);
        self
    }

    /// The fragment that carries `range` of the payload: more fragments is set unless it is the last.
    #[must_use]
    pub fn fragment(&self, range: Range<usize>) -> Self {
        let payload = self.payload();
        let protocol = self.protocol.unwrap_or_else(|| self.body_protocol());
        let piece = payload.get(range.start..range.end.min(payload.len())).unwrap_or_default().to_vec();
        let fragment = self.clone().carry(piece).protocol(protocol).fragment_offset(range.start);
        if range.end < payload.len() { fragment.more_fragments() } else { fragment }
    }

    /// Fragments that carry the payload cut at `cuts`, in order.
    #[must_use]
    pub fn fragments(&self, cuts: &[usize]) -> Vec<Self> {
        let end = self.payload().len();
        let starts = std::iter::once(0).chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain(std::iter::once(end));
        starts.zip(ends).map(|(start, end)| self.fragment(start..end)).collect()
    }

    /// The octets behind the header.
    pub fn payload(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.body {
            Body::Icmp(builder) => builder.append(self.source, self.destination, &mut out),
            Body::Udp(builder) => builder.append(self.source, self.destination, &mut out),
            Body::Tcp(builder) => builder.append(self.source, self.destination, &mut out),
            Body::Octets(octets) => out.extend_from_slice(octets),
        }
        out
    }

    fn body_protocol(&self) -> u8 {
        match &self.body {
            Body::Icmp(_) => Protocol::Icmp.into(),
            Body::Udp(_) => Protocol::Udp.into(),
            Body::Tcp(_) => Protocol::Tcp.into(),
            Body::Octets(_) => 253,
        }
    }

    /// The datagram as it arrives.
    pub fn build(&self) -> Vec<u8> {
        let header_len = 20 + self.options.len();
        let ihl = self.ihl.unwrap_or((header_len / 4).min(15) as u8);
        let payload = self.payload();
        let total_length = self.total_length.unwrap_or((header_len + payload.len()) as u16);
        let mut out = vec![self.version << 4 | ihl & 15, self.tos];
        out.extend(total_length.to_be_bytes());
        out.extend(self.identification.to_be_bytes());
        out.extend((self.flags | self.offset).to_be_bytes());
        out.extend([self.ttl, self.protocol.unwrap_or_else(|| self.body_protocol()), 0, 0]);
        out.extend(self.source.octets());
        out.extend(self.destination.octets());
        out.extend_from_slice(&self.options);
        out.extend(payload);
        // The sum covers the header that the IHL claims, as far as it is there: that is what a receiver verifies.
        let claimed = (usize::from(ihl) * 4).min(out.len());
        let sum = self.header_checksum.unwrap_or_else(|| checksum::naive(&out[..claimed]));
        out[10..12].copy_from_slice(&sum.to_be_bytes());
        out.resize(out.len() + self.padding, 0);
        for (at, value) in &self.edits {
            if let Some(octet) = out.get_mut(*at) {
                *octet = *value;
            }
        }
        out.truncate(self.cut.unwrap_or(usize::MAX));
        out
    }

    /// The interface it comes in by.
    pub fn interface(&self) -> usize {
        self.interface
    }

    /// Whether it can be said only where the link has addresses.
    pub fn needs_ethernet(&self) -> bool {
        self.link != LinkDestination::Dut || self.link_source.is_some()
    }

    /// The frame as on its link in `world`.
    pub fn frame(&self, world: &World) -> Vec<u8> {
        let datagram = self.build();
        let Some(link) = world.links.get(self.interface).filter(|link| link.kind == LinkKind::Ethernet)
        else {
            return datagram;
        };
        let group = self.destination.octets();
        let to = match self.link {
            LinkDestination::Dut => link.mac,
            LinkDestination::Broadcast => [0xff; 6],
            LinkDestination::Group => [1, 0, 0x5e, group[1] & 0x7f, group[2], group[3]],
            LinkDestination::Other(address) => address,
        };
        let mut frame = to.to_vec();
        frame.extend(self.link_source.unwrap_or([2, 0, 0, 0, 0xee, self.interface as u8]));
        frame.extend([8, 0]);
        frame.extend(datagram);
        frame
    }

    /// A datagram that goes back to where `seen` came from, by the interface that `seen` left by.
    #[must_use]
    pub fn back_to(seen: &Datagram, body: impl Into<Body>) -> Self {
        Self::new(body).source(seen.destination()).destination(seen.source()).on(seen.interface)
    }
}
