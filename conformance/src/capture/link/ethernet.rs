//! Ethernet and the other IEEE 802 links: EtherType, IEEE 802.3 length with LLC and SNAP, VLAN tags, MPLS, PPPoE.

use super::{Datagram, LinkClass, SkipReason, ppp, skip, take};

/// The largest value of the type field that is a length instead. IEEE 802.3 §3.2.6.
const LARGEST_LENGTH: u16 = 0x05dc;

/// An Ethernet frame from destination address to payload.
pub(super) fn frame(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let (header, rest) = take::<14>(frame)?;
    let (destination, _) = take::<6>(header)?;
    let octets = by_ether_type(u16::from_be_bytes([header[12], header[13]]), rest)?;
    Ok(Datagram { octets, class: LinkClass::of_mac(destination) })
}

/// An FDDI frame; only its LLC frames carry data. RFC 1390.
pub(super) fn fddi(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let (header, rest) = take::<13>(frame)?;
    if header[0] & 0xf0 != 0x50 {
        return Err(SkipReason::Protocol("fddi-control"));
    }
    let (destination, _) = take::<6>(&header[1..])?;
    Ok(Datagram { octets: llc(rest)?, class: LinkClass::of_mac(destination) })
}

/// A Token Ring frame, with a routing information field where the source address announces one. RFC 1042.
pub(super) fn token_ring(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let (header, mut rest) = take::<14>(frame)?;
    if header[1] & 0xc0 != 0x40 {
        return Err(SkipReason::Protocol("token-ring-control"));
    }
    if header[8] & 0x80 != 0 {
        let (control, _) = take::<2>(rest)?;
        rest = skip(rest, usize::from(control[0] & 0x1f))?;
    }
    let class = match header[2..8] {
        // The functional address that stands for broadcast on a ring.
        [0xc0, 0x00, 0xff, 0xff, 0xff, 0xff] | [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => LinkClass::Broadcast,
        // Bits are in the order of transmission here, so the group bit is the highest.
        [first, ..] if first & 0x80 != 0 => LinkClass::Multicast,
        _ => LinkClass::Unicast,
    };
    Ok(Datagram { octets: llc(rest)?, class })
}

/// What follows an EtherType: IPv4, or tags and shims with IPv4 behind them.
pub(super) fn by_ether_type(ether_type: u16, rest: &[u8]) -> Result<&[u8], SkipReason> {
    let (mut ether_type, mut rest) = (ether_type, rest);
    // Each round consumes a tag of four octets, so the loop ends.
    while matches!(ether_type, 0x8100 | 0x88a8 | 0x9100 | 0x9200) {
        let (tag, inner) = take::<4>(rest)?;
        (ether_type, rest) = (u16::from_be_bytes([tag[2], tag[3]]), inner);
    }
    match ether_type {
        0x0800 => Ok(rest),
        0x0806 => Err(SkipReason::Protocol("arp")),
        0x8035 => Err(SkipReason::Protocol("rarp")),
        0x86dd => Err(SkipReason::Protocol("ipv6")),
        0x8847 | 0x8848 => mpls(rest),
        0x8863 => Err(SkipReason::Protocol("pppoe-discovery")),
        0x8864 => ppp::pppoe_session(rest),
        0x888e => Err(SkipReason::Protocol("eapol")),
        0x88cc => Err(SkipReason::Protocol("lldp")),
        // Linux cooked captures name raw IEEE 802.3 and LLC by these two; no length field precedes them.
        0x0001 => Err(SkipReason::Protocol("novell")),
        0x0004 => llc(rest),
        length if length <= LARGEST_LENGTH => {
            // Linux trims to the length field before it looks at the LLC payload.
            llc(&rest[..rest.len().min(usize::from(length))])
        }
        other => Err(SkipReason::EtherType(other)),
    }
}

/// An IEEE 802.2 LLC header: SNAP, or IP by its own service access point. RFC 1042.
pub(super) fn llc(rest: &[u8]) -> Result<&[u8], SkipReason> {
    let (header, payload) = take::<3>(rest)?;
    match *header {
        [0xaa, 0xaa, 0x03] => {
            let (snap, payload) = take::<5>(payload)?;
            match *snap {
                // RFC 1042 encapsulation, and the bridge tunnel form of IEEE 802.1H.
                [0, 0, 0 | 0xf8, high, low] => match u16::from_be_bytes([high, low]) {
                    length if length <= LARGEST_LENGTH => Err(SkipReason::EtherType(length)),
                    ether_type => by_ether_type(ether_type, payload),
                },
                _ => Err(SkipReason::Protocol("snap")),
            }
        }
        [0x06, 0x06, 0x03] => Ok(payload),
        [0x42, 0x42, _] => Err(SkipReason::Protocol("spanning-tree")),
        [0xf0, ..] => Err(SkipReason::Protocol("netbeui")),
        [0xe0, ..] | [0xff, 0xff, _] => Err(SkipReason::Protocol("novell")),
        [0xfe, 0xfe, _] => Err(SkipReason::Protocol("osi")),
        _ => Err(SkipReason::Protocol("llc")),
    }
}

/// An MPLS label stack. What is below is not named, so the version nibble tells. RFC 3032, RFC 4928 §3.
pub(super) fn mpls(rest: &[u8]) -> Result<&[u8], SkipReason> {
    let mut rest = rest;
    loop {
        let (entry, below) = take::<4>(rest)?;
        rest = below;
        if entry[2] & 1 != 0 {
            break;
        }
    }
    match rest.first().map(|first| first >> 4) {
        Some(4) => Ok(rest),
        Some(6) => Err(SkipReason::Protocol("ipv6")),
        _ => Err(SkipReason::Protocol("mpls")),
    }
}
