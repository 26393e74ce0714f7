//! UDP and TCP headers.

use super::ipv4::Above;
use super::layer::{Cursor, Layer};
use super::{checksum_text, internet_checksum, payload, to_hex};

/// Decodes a UDP (or UDP-Lite) datagram and returns one line about it.
pub(super) fn udp(datagram: &Cursor<'_>, above: &Above, depth: u8, layers: &mut Vec<Layer>) -> String {
    let name = if above.protocol == 136 { "UDP-Lite" } else { "UDP" };
    let mut layer = Layer::new(name, depth, datagram.start());
    layer.u16(datagram, "source port", 0, |value| value.to_string());
    layer.u16(datagram, "destination port", 2, |value| value.to_string());
    layer.u16(datagram, if above.protocol == 136 { "coverage" } else { "length" }, 4, |value| {
        value.to_string()
    });
    layer.u16(datagram, "checksum", 6, |found| {
        let length = datagram.read_u16(4).map_or(0, usize::from);
        match found {
            0 if above.protocol == 17 => "0x0000 (none)".to_owned(),
            _ if above.protocol == 17 && length <= datagram.len() => {
                let right = pseudo_checksum(&datagram.first(length), above, 6).map(|sum| match sum {
                    0 => 0xffff, // RFC 768: zero means that no sum was made, so it is sent as all ones.
                    sum => sum,
                });
                checksum_text(found, right)
            }
            _ => checksum_text(found, None),
        }
    });
    layer.close(datagram, 8);
    layers.push(layer);
    payload(&datagram.rest(8), depth, layers);
    ports_line(name, datagram)
}

/// Decodes a TCP segment and returns one line about it.
pub(super) fn tcp(segment: &Cursor<'_>, above: &Above, depth: u8, layers: &mut Vec<Layer>) -> String {
    let header_len = segment.read_u8(12).map_or(20, |byte| usize::from(byte >> 4) * 4);
    let mut layer = Layer::new("TCP", depth, segment.start());
    layer.u16(segment, "source port", 0, |value| value.to_string());
    layer.u16(segment, "destination port", 2, |value| value.to_string());
    layer.u32(segment, "sequence number", 4, |value| value.to_string());
    layer.u32(segment, "acknowledgment number", 8, |value| value.to_string());
    layer.u8(segment, "data offset", 12, |value| format!("{} ({header_len} octets)", value >> 4));
    layer.u8(segment, "flags", 13, flags);
    layer.u16(segment, "window", 14, |value| value.to_string());
    layer.u16(segment, "checksum", 16, |found| checksum_text(found, pseudo_checksum(segment, above, 16)));
    layer.u16(segment, "urgent pointer", 18, |value| value.to_string());
    layer.close(segment, header_len.max(20));
    if header_len > 20 {
        options(&segment.first(header_len).rest(20), &mut layer);
    }
    layers.push(layer);
    payload(&segment.rest(header_len.max(20)), depth, layers);
    let line = ports_line("TCP", segment);
    segment.read_u8(13).map_or(line.clone(), |byte| format!("{line} {}", flags(byte)))
}

fn flags(byte: u8) -> String {
    const NAMES: [&str; 8] = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
    let set: Vec<_> =
        NAMES.iter().enumerate().filter(|(bit, _)| byte >> bit & 1 == 1).map(|(_, name)| *name).collect();
    if set.is_empty() { "none".to_owned() } else { set.join(" ") }
}

/// Walks the options as RFC 9293 §3.1 lays them out and stops where a length makes no sense.
fn options(area: &Cursor<'_>, layer: &mut Layer) {
    let mut at = 0;
    let mut number = 1;
    while let Some(kind) = area.read_u8(at) {
        let single = kind < 2;
        let len = if single { 1 } else { usize::from(area.read_u8(at + 1).unwrap_or(0)) };
        let is_sound = single || len >= 2 && at + len <= area.len();
        let end = if is_sound { at + len } else { area.len() };
        layer.octets(area, format!("option {number}"), at..end, |octets| match (kind, octets.get(2..)) {
            _ if !is_sound => format!("option kind {kind}, length {len} makes no sense"),
            (0, _) => "end of options".to_owned(),
            (1, _) => "no operation".to_owned(),
            (2, Some([high, low])) => {
                format!("maximum segment size {}", u16::from_be_bytes([*high, *low]))
            }
            (3, Some([shift])) => format!("window scale {shift}"),
            (4, Some([])) => "SACK permitted".to_owned(),
            (5, Some(blocks)) => format!("SACK {}", to_hex(blocks)),
            (8, Some(times)) => format!("timestamps {}", to_hex(times)),
            (_, data) => format!("option kind {kind}, {}", to_hex(data.unwrap_or(&[]))),
        });
        if kind == 0 || !is_sound {
            return;
        }
        at = end;
        number += 1;
    }
}

/// The sum over pseudo header and segment without the field at `field`, if all of it is there. RFC 9293 §3.1.
fn pseudo_checksum(segment: &Cursor<'_>, above: &Above, field: usize) -> Option<u16> {
    let octets = segment.octets();
    if !above.is_whole || octets.len() < field + 2 {
        return None;
    }
    let length = u16::try_from(octets.len()).ok()?.to_be_bytes();
    let tail = [0, above.protocol, length[0], length[1]];
    Some(internet_checksum(&[
        &above.source,
        &above.destination,
        &tail,
        &octets[..field],
        &octets[field + 2..],
    ]))
}

fn ports_line(name: &str, segment: &Cursor<'_>) -> String {
    match (segment.read_u16(0), segment.read_u16(2)) {
        (Some(source), Some(destination)) => format!("{name} {source} → {destination}"),
        _ => format!("{name}, cut off after {} octets", segment.len()),
    }
}
