//! A datagram on its way through the stack: its octets and what the stack has found out about them.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use crate::interface::{InterfaceId, LinkClass};
use crate::ip::options::OptionRecord;
use crate::ip::route::Route;
use crate::wire::ipv4::HEADER_LEN;

/// A datagram under way. The octets start with the IP header and are at least as long as it once validated.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    /// The octets; from validation on, exactly as many as the total length says.
    pub octets: Vec<u8>,
    /// The octets as they came in, where errors are to quote those.
    pub original: Option<Box<[u8]>>,
    /// Interface it came in by; the loopback interface for what this system sends to itself, `None` for what it
    /// makes.
    pub incoming: Option<InterfaceId>,
    /// How its frame was addressed.
    pub link: PacketLink,
    /// Where it goes, once routed.
    pub route: Option<Route>,
    /// What reception found in its options.
    pub options: OptionRecord,
    /// What connection tracking attached; only that module reads it.
    pub conntrack: Attachment,
    /// Tracking zone.
    pub zone: u16,
    /// Whether connection tracking found that its transport checksum is wrong.
    pub sum_failed: bool,
    /// How it was put together, if it was.
    pub reassembled: Option<Box<Reassembled>>,
    /// Whether a copy of a broadcast or multicast of ours is not wanted (`IP_MULTICAST_LOOP` off).
    pub no_loop_back: bool,
    /// Whether only the MTU of the interface counts, not what was learned about the path.
    pub probes_mtu: bool,
    /// MTU of the way for which it was made, where translation has sent it another way.
    pub made_for_mtu: Option<usize>,
    /// Fragment on output even with DF set.
    pub ignore_df: bool,
    /// Whether it was sent by a socket that wants its fragments left alone (`IP_NODEFRAG`).
    pub nodefrag: bool,
}

/// How a datagram was put together from fragments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reassembled {
    /// Octets of the largest fragment, header included.
    pub largest_fragment: u16,
    /// Whether that largest fragment had DF.
    pub largest_had_df: bool,
    /// Payload lengths of the fragments in order of offset; empty once the layout of the datagram has changed.
    pub layout: Vec<u16>,
}

/// How a packet was addressed at the link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PacketLink {
    /// As a frame from outside was.
    Frame(LinkClass),
    /// It is the copy of a broadcast or multicast of ours.
    LoopedBack,
    /// It was made here.
    #[default]
    Made,
}

impl PacketLink {
    /// Whether the frame was addressed to this station alone. What this system sends to itself over the loopback
    /// interface counts as that.
    pub const fn is_host(self) -> bool {
        matches!(self, Self::Frame(LinkClass::Host) | Self::Made)
    }
}

/// What connection tracking keeps with a packet: a number whose meaning is its own; 0 is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attachment(pub u64);

impl Attachment {
    /// Nothing attached.
    pub const NONE: Self = Self(0);
}

impl Packet {
    /// Source address; 0.0.0.0 while there is no header.
    pub fn source(&self) -> Ipv4Addr {
        self.address_at(12)
    }

    /// Destination address; 0.0.0.0 while there is no header.
    pub fn destination(&self) -> Ipv4Addr {
        self.address_at(16)
    }

    fn address_at(&self, offset: usize) -> Ipv4Addr {
        match self.octets.get(offset..offset + 4) {
            Some(&[a, b, c, d]) => Ipv4Addr::new(a, b, c, d),
            _ => Ipv4Addr::UNSPECIFIED,
        }
    }

    /// Octet `offset` of the header, 0 beyond the end.
    fn octet(&self, offset: usize) -> u8 {
        self.octets.get(offset).copied().unwrap_or(0)
    }

    /// Length of the header in octets, never beyond the octets there are.
    pub fn header_len(&self) -> usize {
        (usize::from(self.octet(0) & 0x0f) * 4).min(self.octets.len())
    }

    /// What follows the header.
    pub fn payload(&self) -> &[u8] {
        self.octets.get(self.header_len()..).unwrap_or(&[])
    }

    /// The options, none if there is no header.
    pub fn options_mut(&mut self) -> &mut [u8] {
        let end = self.header_len();
        self.octets.get_mut(HEADER_LEN..end).unwrap_or(&mut [])
    }

    /// Protocol number.
    pub fn protocol(&self) -> u8 {
        self.octet(9)
    }

    /// Type of service, ECN bits included.
    pub fn tos(&self) -> u8 {
        self.octet(1)
    }

    /// Time to live, in hops.
    pub fn ttl(&self) -> u8 {
        self.octet(8)
    }

    /// Identification.
    pub fn identification(&self) -> u16 {
        u16::from_be_bytes([self.octet(4), self.octet(5)])
    }

    /// Flags and fragment offset as they stand in the header.
    pub fn fragment_word(&self) -> u16 {
        u16::from_be_bytes([self.octet(6), self.octet(7)])
    }

    /// Whether DF is set.
    pub fn dont_fragment(&self) -> bool {
        self.octet(6) & 0x40 != 0
    }

    /// Whether it is a fragment: MF set or an offset.
    pub fn is_fragment(&self) -> bool {
        self.fragment_word() & 0x3fff != 0
    }

    /// Whether it is a fragment other than the first.
    pub fn has_offset(&self) -> bool {
        self.fragment_word() & 0x1fff != 0
    }
}
