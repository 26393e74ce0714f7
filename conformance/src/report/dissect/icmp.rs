//! ICMP messages, the datagram that errors quote and the extensions behind it.

use std::net::Ipv4Addr;

use super::ipv4::{self, Above};
use super::layer::{Cursor, Layer};
use super::{checksum_text, internet_checksum, payload, to_hex};

/// Errors about errors are not sent, but hostile captures hold them; deeper than this they are shown as data.
const MAX_DEPTH: u8 = 3;

/// Decodes a message at nesting `depth`, adds its layers and returns one line about it.
pub(super) fn dissect(message: &Cursor<'_>, above: &Above, depth: u8, layers: &mut Vec<Layer>) -> String {
    let (Some(icmp_type), Some(code)) = (message.read_u8(0), message.read_u8(1)) else {
        payload(message, depth, layers);
        return format!("ICMP, cut off after {} octets", message.len());
    };
    let mut layer = Layer::new("ICMP", depth, message.start());
    layer.u8(message, "type", 0, |value| format!("{value} ({})", type_name(value)));
    layer.u8(message, "code", 1, |value| match code_name(icmp_type, value) {
        Some(name) => format!("{value} ({name})"),
        None => value.to_string(),
    });
    layer.u16(message, "checksum", 2, |found| {
        let whole = above.is_whole && message.len() >= 4;
        checksum_text(
            found,
            whole.then(|| internet_checksum(&[&message.octets()[..2], &message.octets()[4..]])),
        )
    });
    rest_of_header(message, icmp_type, code, &mut layer);
    layer.close(message, 8);
    layers.push(layer);

    let body = message.rest(8);
    let line = line(message, icmp_type, code);
    if !is_error(icmp_type) || depth >= MAX_DEPTH {
        let after_times = if matches!(icmp_type, 13 | 14) { 20 } else { 8 };
        payload(&message.rest(after_times), depth, layers);
        return line;
    }
    let quoted_len = quoted_len(message, icmp_type);
    let quoted = body.first(quoted_len.unwrap_or(body.len()));
    let about = ipv4::dissect(&quoted, depth + 1, layers);
    if quoted_len.is_some() {
        extensions(&body.rest(quoted.len()), depth, layers);
    }
    format!("{line} about [{about}]")
}

fn line(message: &Cursor<'_>, icmp_type: u8, code: u8) -> String {
    let name = type_name(icmp_type);
    match (icmp_type, code_name(icmp_type, code), message.read_u16(4), message.read_u16(6)) {
        (0 | 8 | 13..=18, _, Some(identifier), Some(sequence)) => {
            format!("ICMP {name} id {identifier:#06x} seq {sequence}")
        }
        (_, Some(code_name), ..) => format!("ICMP {name}: {code_name}"),
        _ => format!("ICMP {name} code {code}"),
    }
}

/// Octets 4 to 7, and the timestamps and masks behind them.
fn rest_of_header(message: &Cursor<'_>, icmp_type: u8, code: u8, layer: &mut Layer) {
    let address = |octets: &[u8]| Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).to_string();
    match icmp_type {
        0 | 8 | 13..=18 => {
            layer.u16(message, "identifier", 4, |value| format!("{value:#06x} ({value})"));
            layer.u16(message, "sequence number", 6, |value| value.to_string());
        }
        42 | 43 => {
            layer.u16(message, "identifier", 4, |value| format!("{value:#06x} ({value})"));
            layer.u8(message, "sequence number", 6, |value| value.to_string());
            layer.u8(message, "flags", 7, |value| format!("{value:#04x}"));
        }
        5 => layer.octets(message, "gateway", 4..8, address),
        12 => {
            layer.u8(message, "pointer", 4, |value| value.to_string());
            layer.u8(message, "length", 5, |value| format!("{value} words"));
            layer.u16(message, "unused", 6, |value| format!("{value:#06x}"));
        }
        3 | 11 => {
            layer.u8(message, "unused", 4, |value| format!("{value:#04x}"));
            layer.u8(message, "length", 5, |value| format!("{value} words"));
            let name = if (icmp_type, code) == (3, 4) { "next-hop MTU" } else { "unused" };
            layer.u16(message, name, 6, |value| value.to_string());
        }
        _ => layer.octets(message, "rest of header", 4..8, to_hex),
    }
    let time = |value: u32| match value & 0x8000_0000 {
        0 => format!("{value} ms after midnight"),
        _ => format!("{value:#010x} (not standard time)"),
    };
    match icmp_type {
        13 | 14 => {
            layer.u32(message, "originate timestamp", 8, time);
            layer.u32(message, "receive timestamp", 12, time);
            layer.u32(message, "transmit timestamp", 16, time);
        }
        17 | 18 => layer.octets(message, "address mask", 8..12, address),
        _ => {}
    }
}

/// How long the quoted datagram is, if the message says so. RFC 4884 §3.
fn quoted_len(message: &Cursor<'_>, icmp_type: u8) -> Option<usize> {
    let words = usize::from(message.read_u8(5)?);
    (matches!(icmp_type, 3 | 11 | 12) && words > 0).then_some(words * 4)
}

/// The extension structure behind the quoted datagram. RFC 4884 §7.
fn extensions(area: &Cursor<'_>, depth: u8, layers: &mut Vec<Layer>) {
    if area.len() == 0 {
        return;
    }
    let mut layer = Layer::new("ICMP extensions", depth, area.start());
    layer.u8(area, "version", 0, |value| (value >> 4).to_string());
    layer.u16(area, "checksum", 2, |found| {
        checksum_text(
            found,
            (area.len() >= 4).then(|| internet_checksum(&[&area.octets()[..2], &area.octets()[4..]])),
        )
    });
    layer.close(area, 4);
    let mut at = 4;
    while let (Some(length), Some(class), Some(kind)) =
        (area.read_u16(at), area.read_u8(at + 2), area.read_u8(at + 3))
    {
        let end = (at + usize::from(length).max(4)).min(area.len());
        layer.octets(area, format!("object class {class} type {kind}"), at..end, |octets| {
            to_hex(&octets[4..])
        });
        at = end;
    }
    layers.push(layer);
}

fn is_error(icmp_type: u8) -> bool {
    matches!(icmp_type, 3 | 4 | 5 | 11 | 12)
}

/// The name of an ICMP type.
pub(super) fn type_name(icmp_type: u8) -> &'static str {
    match icmp_type {
        0 => "echo reply",
        3 => "destination unreachable",
        4 => "source quench",
        5 => "redirect",
        8 => "echo request",
        9 => "router advertisement",
        10 => "router solicitation",
        11 => "time exceeded",
        12 => "parameter problem",
        13 => "timestamp request",
        14 => "timestamp reply",
        15 => "information request",
        16 => "information reply",
        17 => "address mask request",
        18 => "address mask reply",
        42 => "extended echo request",
        43 => "extended echo reply",
        _ => "type not assigned",
    }
}

fn code_name(icmp_type: u8, code: u8) -> Option<&'static str> {
    const UNREACHABLE: [&str; 16] = [
        "network unreachable",
        "host unreachable",
        "protocol unreachable",
        "port unreachable",
        "fragmentation needed",
        "source route failed",
        "destination network unknown",
        "destination host unknown",
        "source host isolated",
        "network administratively prohibited",
        "host administratively prohibited",
        "network unreachable for type of service",
        "host unreachable for type of service",
        "communication administratively prohibited",
        "host precedence violation",
        "precedence cutoff in effect",
    ];
    const REDIRECT: [&str; 4] =
        ["for network", "for host", "for type of service and network", "for type of service and host"];
    const EXCEEDED: [&str; 2] = ["TTL exceeded in transit", "fragment reassembly time exceeded"];
    const PROBLEM: [&str; 3] = ["pointer indicates the error", "required option missing", "bad length"];
    let names: &[&str] = match icmp_type {
        3 => &UNREACHABLE,
        5 => &REDIRECT,
        11 => &EXCEEDED,
        12 => &PROBLEM,
        _ => return None,
    };
    names.get(usize::from(code)).copied()
}
