//! Rewriting one end of a packet, whole or quoted.

use core::net::Ipv4Addr;

use super::field::{address, follow, follow_address, read, write, write_address};
use super::range::Manip;
use crate::conntrack::{Tuple, has_identifier, protocol};

/// The packet has not the octets that have to be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unwritable;

/// The end that is rewritten: where its address stands, and what becomes of it.
#[derive(Clone, Copy, Debug)]
struct End {
    manip: Manip,
    /// Offset of the address.
    at: usize,
    old: Ipv4Addr,
    new: Ipv4Addr,
    /// New port, identifier or key.
    id: u16,
}

/// Makes one end of the packet whose IP header begins at `header` that of `target`. `protocol` is what the connection
/// says, not the header.
///
/// Nothing of the header is believed but its IHL, which may be below 5 in a quoted packet: then fields of the IP
/// header are taken for the transport header, as Linux does.
pub(super) fn rewrite(
    octets: &mut [u8],
    header: usize,
    target: Tuple,
    manip: Manip,
) -> Result<(), Unwritable> {
    let first = *octets.get(header).ok_or(Unwritable)?;
    octets.get(header..header + 20).ok_or(Unwritable)?;
    let transport = header + usize::from(first & 15) * 4;
    let end = End {
        manip,
        at: header + if manip == Manip::Source { 12 } else { 16 },
        old: address(octets, header + if manip == Manip::Source { 12 } else { 16 }),
        new: if manip == Manip::Source { target.source } else { target.destination },
        id: match (target.protocol, manip) {
            (protocol::ICMP, _) | (_, Manip::Source) => target.source_id,
            (_, Manip::Destination) => target.destination_id,
        },
    };
    rewrite_transport(octets, transport, target.protocol, end)?;
    // Read again: with an odd IHL the transport header may have covered it.
    let old = address(octets, end.at);
    follow_address(octets, header + 10, old, end.new);
    write_address(octets, end.at, end.new);
    Ok(())
}

fn rewrite_transport(octets: &mut [u8], at: usize, protocol: u8, end: End) -> Result<(), Unwritable> {
    // Of other protocols nothing is rewritten, so a quote may end within the options.
    if matches!(protocol, protocol::ICMP | protocol::TCP | protocol::UDP | protocol::UDPLITE | protocol::GRE)
    {
        octets.get(at..at + 8).ok_or(Unwritable)?;
    }
    match protocol {
        protocol::UDP => rewrite_udp(octets, at, end, read(octets, at + 6) != 0),
        protocol::UDPLITE => rewrite_udp(octets, at, end, true),
        protocol::TCP => rewrite_tcp(octets, at, end),
        protocol::ICMP if octets.get(at).is_some_and(|&icmp_type| has_identifier(icmp_type)) => {
            let old = read(octets, at + 4);
            follow(octets, at + 2, old, end.id);
            write(octets, at + 4, end.id);
        }
        protocol::GRE if end.manip == Manip::Destination => match read(octets, at) & 7 {
            0 => {}
            1 => write(octets, at + 6, end.id),
            _ => return Err(Unwritable),
        },
        _ => {}
    }
    Ok(())
}

const fn port_at(transport: usize, end: End) -> usize {
    match end.manip {
        Manip::Source => transport,
        Manip::Destination => transport + 2,
    }
}

fn rewrite_udp(octets: &mut [u8], at: usize, end: End, has_checksum: bool) {
    let port = port_at(at, end);
    if has_checksum {
        let checksum = at + 6;
        follow_address(octets, checksum, end.old, end.new);
        let old = read(octets, port);
        follow(octets, checksum, old, end.id);
        if read(octets, checksum) == 0 {
            // Zero would say that there is none. RFC 768 "Fields".
            write(octets, checksum, 0xffff);
        }
    }
    write(octets, port, end.id);
}

/// The checksum of a quoted segment is followed only if its header is whole.
fn rewrite_tcp(octets: &mut [u8], at: usize, end: End) {
    let port = port_at(at, end);
    let old = read(octets, port);
    write(octets, port, end.id);
    if octets.len() >= at + 20 {
        let now = address(octets, end.at);
        follow_address(octets, at + 16, now, end.new);
        follow(octets, at + 16, old, end.id);
    }
}
