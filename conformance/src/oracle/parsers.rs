//! Other parsers: what etherparse and smoltcp make of a datagram is what we make of it, except where one of them does
//! not look.

use etherparse::{Icmpv4Slice, Ipv4HeaderSlice, TcpHeaderSlice, UdpHeaderSlice};
use netassay_stack::wire::{IcmpView, Ipv4View, TcpView, UdpView};
use smoltcp::wire::{Icmpv4Packet, Ipv4Packet, TcpPacket, UdpPacket};

use super::{Objection, hold, same};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 791 §3.1";

/// Whether all three parsers agree about `octets`, and about the protocol inside.
///
/// # Errors
/// The first field that is read in two ways.
pub fn agree(octets: &[u8]) -> Result<(), Objection> {
    etherparse_agrees(octets)?;
    smoltcp_agrees(octets)?;
    let Ok(view) = Ipv4View::new(octets) else { return Ok(()) };
    if view.is_fragment() {
        return Ok(());
    }
    match u8::from(view.protocol()) {
        1 => icmp_agrees(view.payload()),
        6 => tcp_agrees(view.payload()),
        17 => udp_agrees(view.payload()),
        _ => Ok(()),
    }
}

/// etherparse looks at the header alone: the total length may be anything.
fn etherparse_agrees(octets: &[u8]) -> Result<(), Objection> {
    let theirs = Ipv4HeaderSlice::from_slice(octets);
    let Ok(ours) = Ipv4View::new(octets) else {
        let Ok(theirs) = theirs else { return Ok(()) };
        let total = usize::from(theirs.total_len());
        let is_length = total < theirs.slice().len() || total > octets.len();
        return hold(CLAUSE, "etherparse takes what we do not", is_length, || format!("{octets:02x?}"));
    };
    let theirs =
        theirs.map_err(|error| Objection::new(CLAUSE, format!("etherparse does not take it: {error}")))?;
    let pairs = [
        ("header length", ours.header().len() as u32, theirs.slice().len() as u32),
        (
            "type of service",
            u32::from(ours.tos()),
            u32::from(theirs.dcp().value() << 2 | theirs.ecn().value()),
        ),
        ("total length", u32::from(ours.total_length()), u32::from(theirs.total_len())),
        ("identification", u32::from(ours.identification()), u32::from(theirs.identification())),
        ("don't fragment", u32::from(ours.dont_fragment()), u32::from(theirs.dont_fragment())),
        ("more fragments", u32::from(ours.more_fragments()), u32::from(theirs.more_fragments())),
        ("offset", ours.fragment_offset().octets() as u32 / 8, u32::from(theirs.fragments_offset().value())),
        ("time to live", u32::from(ours.ttl()), u32::from(theirs.ttl())),
        ("protocol", u32::from(u8::from(ours.protocol())), u32::from(theirs.protocol().0)),
        ("checksum", u32::from(ours.header_checksum()), u32::from(theirs.header_checksum())),
        ("source", ours.source().to_bits(), u32::from_be_bytes(theirs.source())),
        ("destination", ours.destination().to_bits(), u32::from_be_bytes(theirs.destination())),
    ];
    pairs.into_iter().try_for_each(|(field, ours, theirs)| same(CLAUSE, field, ours, theirs))?;
    same(CLAUSE, "options", ours.options(), theirs.options())?;
    if ours.reserved_flag() {
        // Its owned header has no room for the reserved flag, so that its sum lacks it.
        return Ok(());
    }
    let sum = theirs.to_header().calc_header_checksum();
    let is_right = is_same_sum(sum, ours.header_checksum());
    same(CLAUSE, "the checksum is right or wrong", ours.is_checksum_valid(), is_right)
}

/// Zero has two forms in ones' complement. RFC 1624 §3.
fn is_same_sum(one: u16, other: u16) -> bool {
    one == other || (one == 0 && other == 0xffff) || (one == 0xffff && other == 0)
}

/// smoltcp looks at neither version nor the least header length.
fn smoltcp_agrees(octets: &[u8]) -> Result<(), Objection> {
    let theirs = Ipv4Packet::new_checked(octets);
    let Ok(ours) = Ipv4View::new(octets) else {
        let Ok(theirs) = theirs else { return Ok(()) };
        let is_unseen = theirs.version() != 4 || theirs.header_len() < 20;
        return hold(CLAUSE, "smoltcp takes what we do not", is_unseen, || format!("{octets:02x?}"));
    };
    let theirs =
        theirs.map_err(|error| Objection::new(CLAUSE, format!("smoltcp does not take it: {error}")))?;
    let pairs = [
        ("header length", ours.header().len() as u32, u32::from(theirs.header_len())),
        ("total length", u32::from(ours.total_length()), u32::from(theirs.total_len())),
        ("identification", u32::from(ours.identification()), u32::from(theirs.ident())),
        ("don't fragment", u32::from(ours.dont_fragment()), u32::from(theirs.dont_frag())),
        ("more fragments", u32::from(ours.more_fragments()), u32::from(theirs.more_frags())),
        ("offset", ours.fragment_offset().octets() as u32, u32::from(theirs.frag_offset())),
        ("time to live", u32::from(ours.ttl()), u32::from(theirs.hop_limit())),
        ("protocol", u32::from(u8::from(ours.protocol())), u32::from(u8::from(theirs.next_header()))),
        ("source", ours.source().to_bits(), theirs.src_addr().to_bits()),
        ("destination", ours.destination().to_bits(), theirs.dst_addr().to_bits()),
    ];
    pairs.into_iter().try_for_each(|(field, ours, theirs)| same(CLAUSE, field, ours, theirs))?;
    let is_right = theirs.verify_checksum() && (smoltcp_looks_at_checksums() || ours.is_checksum_valid());
    same(CLAUSE, "the checksum is right or wrong", ours.is_checksum_valid(), is_right)?;
    same(CLAUSE, "payload", ours.payload(), theirs.payload())
}

/// Built for a fuzzer, smoltcp takes every checksum for right.
fn smoltcp_looks_at_checksums() -> bool {
    const WRONG: [u8; 20] = [0x45, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    !Ipv4Packet::new_unchecked(&WRONG[..]).verify_checksum()
}

fn icmp_agrees(payload: &[u8]) -> Result<(), Objection> {
    let clause = "RFC 792";
    let Ok(ours) = IcmpView::new(payload) else {
        return same(
            clause,
            "etherparse takes what is too short",
            Icmpv4Slice::from_slice(payload).is_ok(),
            false,
        );
    };
    let fields = (u8::from(ours.icmp_type()), ours.code(), ours.checksum(), ours.word());
    if let Ok(theirs) = Icmpv4Slice::from_slice(payload) {
        let word = u32::from_be_bytes(theirs.bytes5to8());
        same(
            clause,
            "etherparse reads",
            fields,
            (theirs.type_u8(), theirs.code_u8(), theirs.checksum(), word),
        )?;
    }
    if let Ok(theirs) = Icmpv4Packet::new_checked(payload) {
        let (kind, code) = (u8::from(theirs.msg_type()), theirs.msg_code());
        same(clause, "smoltcp reads", (fields.0, fields.1, fields.2), (kind, code, theirs.checksum()))?;
        let is_right = theirs.verify_checksum() && (smoltcp_looks_at_checksums() || ours.is_checksum_valid());
        same(clause, "the checksum is right or wrong", ours.is_checksum_valid(), is_right)?;
    }
    Ok(())
}

fn udp_agrees(payload: &[u8]) -> Result<(), Objection> {
    let clause = "RFC 768 \"Fields\"";
    let Ok(ours) = UdpView::new(payload) else { return Ok(()) };
    let fields = (ours.source_port(), ours.destination_port());
    if let Ok(theirs) = UdpHeaderSlice::from_slice(payload) {
        same(clause, "etherparse reads", fields, (theirs.source_port(), theirs.destination_port()))?;
    }
    if let Ok(theirs) = UdpPacket::new_checked(payload) {
        same(clause, "smoltcp reads", fields, (theirs.src_port(), theirs.dst_port()))?;
    }
    Ok(())
}

fn tcp_agrees(payload: &[u8]) -> Result<(), Objection> {
    let clause = "RFC 9293 §3.1";
    let Ok(ours) = TcpView::new(payload) else { return Ok(()) };
    let fields = (ours.source_port(), ours.destination_port());
    if let Ok(theirs) = TcpHeaderSlice::from_slice(payload) {
        same(clause, "etherparse reads", fields, (theirs.source_port(), theirs.destination_port()))?;
    }
    if let Ok(theirs) = TcpPacket::new_checked(payload) {
        same(clause, "smoltcp reads", fields, (theirs.src_port(), theirs.dst_port()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::generate::{Seeded, datagram};

    quickcheck! {
        fn any_octets(octets: Vec<u8>) -> bool {
            agree(&octets).is_ok()
        }
    }

    #[test]
    fn generated_datagrams() {
        for seed in 0..20_000 {
            let octets = datagram::datagram(&mut Seeded::new(seed), &[]);
            assert_eq!(agree(&octets), Ok(()), "seed {seed}: {octets:02x?}");
        }
    }

    #[test]
    fn a_disagreement_is_seen() {
        // Equal sums in both forms of zero are the only two that count as one.
        assert!(is_same_sum(0, 0xffff) && is_same_sum(7, 7) && !is_same_sum(1, 0xfffe));
        assert!(same(CLAUSE, "field", 1, 2).is_err());
    }
}
