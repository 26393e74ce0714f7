//! Parsing and validating a mix of datagrams, sums included.

use std::hint::black_box;

use netassay_stack::wire::icmp::IcmpType;
use netassay_stack::wire::{IcmpView, Ipv4Options, Ipv4View, Protocol, QuotedView, Sum, UdpView};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    Icmpv4Packet, Icmpv4Repr, IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use crate::datagram::mix;
use crate::measure::Case;

pub(crate) fn cases() -> Vec<Case> {
    let datagrams = mix();
    for datagram in &datagrams {
        assert!(ours(datagram).is_some() && theirs(datagram).is_some(), "both take it");
    }
    let all = |parse: fn(&[u8]) -> Option<u64>| {
        let datagrams = datagrams.clone();
        move |times: u64| {
            for datagram in (0..times).zip(datagrams.iter().cycle()).map(|(_, datagram)| datagram) {
                black_box(parse(black_box(datagram)));
            }
        }
    };
    vec![Case::new("parse mix", "smoltcp", all(theirs)), Case::new("parse mix", "reference", all(ours))]
}

/// What a receiver reads of a datagram, by the views of the reference; a digest, so that nothing is left out.
fn ours(octets: &[u8]) -> Option<u64> {
    let datagram = Ipv4View::verified(octets).ok()?;
    let mut seen = u64::from(datagram.ttl()) ^ u64::from(u32::from(datagram.source()));
    for option in Ipv4Options::new(datagram.options()) {
        seen ^= option.map_or(1, |option| u64::from(u8::from(option.kind)));
    }
    if datagram.is_fragment() {
        return Some(seen ^ datagram.fragment_offset().octets() as u64);
    }
    let payload = datagram.payload();
    match datagram.protocol() {
        Protocol::Icmp => {
            let message = IcmpView::new(payload).ok().filter(IcmpView::is_checksum_valid)?;
            seen ^= u64::from(message.word()) ^ u64::from(message.code());
            if message.icmp_type() == IcmpType::DestinationUnreachable {
                let quoted = QuotedView::new(message.body())?;
                seen ^= u64::from(u32::from(quoted.destination())) ^ u64::from(quoted.identification());
            }
            Some(seen)
        }
        Protocol::Udp => {
            let segment = UdpView::new(payload).ok()?;
            let pseudo = Sum::of_pseudo_header(
                datagram.source(),
                datagram.destination(),
                Protocol::Udp,
                segment.length(),
            );
            let is_intact = segment.checksum() == 0 || (pseudo + Sum::of(payload)).is_intact();
            is_intact.then_some(seen ^ u64::from(segment.destination_port()))
        }
        _ => Some(seen),
    }
}

/// The same by smoltcp.
fn theirs(octets: &[u8]) -> Option<u64> {
    let sums = ChecksumCapabilities::default();
    let datagram = Ipv4Packet::new_checked(octets).ok()?;
    let header = Ipv4Repr::parse(&datagram, &sums).ok()?;
    let mut seen = u64::from(header.hop_limit) ^ u64::from(u32::from(header.src_addr));
    if datagram.more_frags() || datagram.frag_offset() != 0 {
        return Some(seen ^ u64::from(datagram.frag_offset()));
    }
    match header.next_header {
        IpProtocol::Icmp => {
            let message = Icmpv4Packet::new_checked(datagram.payload()).ok()?;
            seen ^= match Icmpv4Repr::parse(&message, &sums).ok()? {
                Icmpv4Repr::EchoRequest { ident, seq_no, .. } => u64::from(ident) ^ u64::from(seq_no),
                Icmpv4Repr::DstUnreachable { header, .. } => u64::from(u32::from(header.dst_addr)),
                _ => 1,
            };
            Some(seen)
        }
        IpProtocol::Udp => {
            let segment = UdpPacket::new_checked(datagram.payload()).ok()?;
            let (source, destination) = (IpAddress::Ipv4(header.src_addr), IpAddress::Ipv4(header.dst_addr));
            let parsed = UdpRepr::parse(&segment, &source, &destination, &sums).ok()?;
            Some(seen ^ u64::from(parsed.dst_port))
        }
        _ => Some(seen),
    }
}
