//! The IPv4 header and its options.

use std::net::Ipv4Addr;

use super::layer::{Cursor, Layer};
use super::{Summary, checksum_text, icmp, internet_checksum, payload, to_hex, transport};

/// What the header says about its payload, for the layers above.
pub(super) struct Above {
    pub(super) source: [u8; 4],
    pub(super) destination: [u8; 4],
    pub(super) protocol: u8,
    /// The payload is all there and no fragment, so that sums over it can be verified.
    pub(super) is_whole: bool,
}

/// Decodes a datagram at nesting `depth`, adds its layers and returns one line about it.
pub(super) fn dissect(datagram: &Cursor<'_>, depth: u8, layers: &mut Vec<Layer>) -> Summary {
    if datagram.len() == 0 {
        return Summary { what: "empty datagram".to_owned(), ..Summary::default() };
    }
    let header_len = usize::from(datagram.read_u8(0).unwrap_or(0) & 15) * 4;
    let mut layer = Layer::new("IPv4", depth, datagram.start());
    fixed_fields(datagram, header_len, &mut layer);
    layer.close(datagram, header_len.max(20));
    if header_len > 20 {
        options(&datagram.first(header_len).rest(20), &mut layer);
    }
    layers.push(layer);

    let fixed = datagram.octets().first_chunk::<20>();
    let (Some(fixed), Some(total_length), Some(fragment)) =
        (fixed, datagram.read_u16(2), datagram.read_u16(6))
    else {
        return Summary { what: "IPv4, cut off".to_owned(), length: datagram.len(), ..Summary::default() };
    };
    let total_length = usize::from(total_length);
    let end = if total_length < header_len { datagram.len() } else { total_length };
    let body = datagram.first(end).rest(header_len.max(20));
    let above = Above {
        source: [fixed[12], fixed[13], fixed[14], fixed[15]],
        destination: [fixed[16], fixed[17], fixed[18], fixed[19]],
        protocol: fixed[9],
        is_whole: fragment & 0x3fff == 0 && (header_len.max(20)..=datagram.len()).contains(&total_length),
    };
    let what = body_line(&body, fragment, &above, depth, layers);
    trailer(&datagram.rest(end), depth, layers);
    let (source, destination) = (Ipv4Addr::from(above.source), Ipv4Addr::from(above.destination));
    Summary { addresses: format!("{source} → {destination}"), what, length: total_length }
}

fn body_line(body: &Cursor<'_>, fragment: u16, above: &Above, depth: u8, layers: &mut Vec<Layer>) -> String {
    let offset = usize::from(fragment & 0x1fff) * 8;
    if offset > 0 {
        payload(body, depth, layers);
        return format!("{} fragment at {offset}", name_of(above.protocol));
    }
    let line = match above.protocol {
        1 => icmp::dissect(body, above, depth, layers),
        6 => transport::tcp(body, above, depth, layers),
        17 | 136 => transport::udp(body, above, depth, layers),
        other => {
            payload(body, depth, layers);
            name_of(other)
        }
    };
    if fragment & 0x2000 != 0 { format!("{line} (first fragment)") } else { line }
}

fn fixed_fields(datagram: &Cursor<'_>, header_len: usize, layer: &mut Layer) {
    layer.u8(datagram, "version", 0, |byte| (byte >> 4).to_string());
    layer.u8(datagram, "IHL", 0, |byte| format!("{} ({header_len} octets)", byte & 15));
    layer.u8(datagram, "DSCP", 1, |byte| format!("{:#04x}", byte >> 2));
    layer.u8(datagram, "ECN", 1, |byte| {
        ["Not-ECT", "ECT(1)", "ECT(0)", "CE"][usize::from(byte & 3)].to_owned()
    });
    layer.u16(datagram, "total length", 2, |value| match usize::from(value).cmp(&datagram.len()) {
        std::cmp::Ordering::Greater => format!("{value} ({} are there)", datagram.len()),
        _ => value.to_string(),
    });
    layer.u16(datagram, "identification", 4, |value| format!("{value:#06x} ({value})"));
    layer.u16(datagram, "flags", 6, |value| {
        let names = [(0x8000, "reserved"), (0x4000, "DF"), (0x2000, "MF")];
        let set: Vec<_> = names.iter().filter(|(bit, _)| value & bit != 0).map(|(_, name)| *name).collect();
        if set.is_empty() { "none".to_owned() } else { set.join(" ") }
    });
    layer.u16(datagram, "fragment offset", 6, |value| match value & 0x1fff {
        0 => "0".to_owned(),
        units => format!("{units} ({} octets)", usize::from(units) * 8),
    });
    layer.u8(datagram, "TTL", 8, |value| value.to_string());
    layer.u8(datagram, "protocol", 9, |value| match protocol_name(value) {
        Some(name) => format!("{value} ({name})"),
        None => value.to_string(),
    });
    layer.u16(datagram, "checksum", 10, |found| {
        let header = datagram.octets().get(..header_len.max(20));
        checksum_text(found, header.map(|h| internet_checksum(&[&h[..10], &h[12..]])))
    });
    let address = |octets: &[u8]| Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).to_string();
    layer.octets(datagram, "source", 12..16, address);
    layer.octets(datagram, "destination", 16..20, address);
}

/// Walks the options as RFC 791 §3.1 lays them out and stops where a length makes no sense.
fn options(area: &Cursor<'_>, layer: &mut Layer) {
    let mut at = 0;
    let mut number = 1;
    while let Some(kind) = area.read_u8(at) {
        let single = kind < 2;
        let len = if single { 1 } else { usize::from(area.read_u8(at + 1).unwrap_or(0)) };
        let is_sound = single || len >= 2 && at + len <= area.len();
        let end = if is_sound { at + len } else { area.len() };
        layer.octets(area, format!("option {number}"), at..end, |octets| {
            if is_sound {
                option_text(octets)
            } else {
                format!("{}, length {len} makes no sense", option_name(kind))
            }
        });
        if kind == 0 || !is_sound {
            if end < area.len() {
                layer.octets(area, "option padding", end..area.len(), to_hex);
            }
            return;
        }
        at = end;
        number += 1;
    }
}

fn option_text(octets: &[u8]) -> String {
    let name = option_name(octets[0]);
    match (octets[0], octets.get(2..)) {
        (0 | 1, _) | (_, None) => name,
        (7 | 131 | 137, Some([pointer, route @ ..])) => {
            let hops: Vec<_> = route
                .chunks_exact(4)
                .map(|hop| Ipv4Addr::new(hop[0], hop[1], hop[2], hop[3]).to_string())
                .collect();
            format!("{name}, pointer {pointer}, {}", hops.join(" "))
        }
        (68, Some([pointer, flags, entries @ ..])) => {
            let (overflow, flag) = (flags >> 4, flags & 15);
            format!("{name}, pointer {pointer}, overflow {overflow}, flag {flag}, {}", to_hex(entries))
        }
        (_, Some(data)) => format!("{name}, {}", to_hex(data)),
    }
}

fn option_name(kind: u8) -> String {
    let known = match kind {
        0 => "end of options",
        1 => "no operation",
        7 => "record route",
        68 => "timestamp",
        130 => "security",
        131 => "loose source route",
        133 => "extended security",
        134 => "commercial security",
        136 => "stream identifier",
        137 => "strict source route",
        148 => "router alert",
        _ => return format!("option type {kind}"),
    };
    known.to_owned()
}

fn trailer(rest: &Cursor<'_>, depth: u8, layers: &mut Vec<Layer>) {
    if rest.len() > 0 {
        let mut layer = Layer::new("Trailer", depth, rest.start());
        layer.octets(rest, "beyond total length", 0..rest.len(), |octets| format!("{} octets", octets.len()));
        layers.push(layer);
    }
}

fn name_of(protocol: u8) -> String {
    protocol_name(protocol).map_or_else(|| format!("protocol {protocol}"), str::to_owned)
}

fn protocol_name(protocol: u8) -> Option<&'static str> {
    let name = match protocol {
        1 => "ICMP",
        2 => "IGMP",
        4 => "IP in IP",
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        41 => "IPv6",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        89 => "OSPF",
        103 => "PIM",
        132 => "SCTP",
        136 => "UDP-Lite",
        _ => return None,
    };
    Some(name)
}
