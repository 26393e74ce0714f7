//! The fields of a frame by name, as far as they can be told apart. Only ever used where two frames differ.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::layout::{Layout, options, protocol};
use crate::model::LinkKind;

/// A field: its path (`ipv4.ttl`, `icmp.quote.udp.length`) and its value for people.
pub type Field = (String, String);

/// How many octets of a longer value are shown.
const SHOWN: usize = 24;

/// The fields of a frame in the order in which they stand. Every octet belongs to one of them, and
/// no path stands twice.
pub fn fields(frame: &[u8], link: LinkKind) -> Vec<Field> {
    let mut walk = Walk { frame, fields: Vec::new() };
    if link == LinkKind::Ethernet && frame.len() >= 14 {
        walk.octets("ethernet.destination", 0, 6);
        walk.octets("ethernet.source", 6, 12);
        walk.octets("ethernet.type", 12, 14);
    }
    match Layout::of(frame, link) {
        Some(layout) => {
            walk.datagram("", &layout);
            walk.octets("trailer", layout.end, frame.len());
        }
        None => walk.octets("octets", 0, frame.len()),
    }
    walk.fields
}

/// A frame in a few words that do not depend on addresses or lengths: `icmp 3/3`, `udp fragment`, `icmp 8/0`.
pub fn kind(frame: &[u8], link: LinkKind) -> String {
    let Some(layout) = Layout::of(frame, link) else { return "not IPv4".to_owned() };
    let mut kind = protocol_name(layout.protocol(frame));
    if let Some(&[icmp_type, code]) = frame.get(layout.payload()..layout.payload() + 2)
        && layout.icmp_type(frame).is_some()
    {
        let _ = write!(kind, " {icmp_type}/{code}");
    }
    if layout.more_fragments(frame) || layout.fragment_offset(frame) > 0 {
        kind.push_str(" fragment");
    }
    kind
}

/// The name of an IP protocol, `protocol-N` if it has none here.
pub fn protocol_name(number: u8) -> String {
    match number {
        protocol::ICMP => "icmp".to_owned(),
        2 => "igmp".to_owned(),
        4 => "ipip".to_owned(),
        protocol::TCP => "tcp".to_owned(),
        protocol::UDP => "udp".to_owned(),
        47 => "gre".to_owned(),
        132 => "sctp".to_owned(),
        136 => "udplite".to_owned(),
        _ => format!("protocol-{number}"),
    }
}

struct Walk<'f> {
    frame: &'f [u8],
    fields: Vec<Field>,
}

impl Walk<'_> {
    fn push(&mut self, path: &str, value: impl ToString) {
        self.fields.push((path.to_owned(), value.to_string()));
    }

    /// Octets from `from` to `to` in hexadecimal; nothing if there are none.
    fn octets(&mut self, path: &str, from: usize, to: usize) {
        if let Some(octets) = self.frame.get(from..to).filter(|octets| !octets.is_empty()) {
            self.push(path, hex_shortened(octets));
        }
    }

    /// The 16-bit field at `at`, or what is left of it.
    fn number(&mut self, path: &str, at: usize, end: usize) {
        match self.frame.get(at..at + 2).filter(|_| at + 2 <= end) {
            Some(octets) => self.push(path, u16::from_be_bytes([octets[0], octets[1]])),
            None => self.octets(path, at, end.max(at)),
        }
    }

    /// The checksum at `at`.
    fn checksum(&mut self, path: &str, at: usize, end: usize) {
        self.octets(path, at, (at + 2).min(end).max(at));
    }

    fn datagram(&mut self, prefix: &str, layout: &Layout) {
        let (ip, frame) = (layout.ip, self.frame);
        let name = |field: &str| format!("{prefix}ipv4.{field}");
        self.push(&name("header_length"), layout.header_len);
        self.push(&name("tos"), format!("{:#04x}", frame[ip + 1]));
        self.number(&name("total_length"), ip + 2, layout.end);
        self.number(&name("identification"), ip + 4, layout.end);
        self.push(&name("flags"), format!("{:#03b}", frame[ip + 6] >> 5));
        self.push(&name("fragment_offset"), layout.fragment_offset(frame));
        self.push(&name("ttl"), layout.ttl(frame));
        self.push(&name("protocol"), layout.protocol(frame));
        self.checksum(&name("checksum"), ip + 10, layout.end);
        self.push(&name("source"), layout.source(frame));
        self.push(&name("destination"), layout.destination(frame));
        self.options(&name("options"), layout);
        if layout.fragment_offset(frame) > 0 {
            self.octets(&format!("{prefix}payload"), layout.payload(), layout.end);
            return;
        }
        match layout.protocol(frame) {
            protocol::ICMP => self.icmp(prefix, layout),
            protocol::UDP => self.udp(prefix, layout.payload(), layout.end),
            protocol::TCP => self.tcp(prefix, layout.payload(), layout.end),
            _ => self.octets(&format!("{prefix}payload"), layout.payload(), layout.end),
        }
    }

    fn options(&mut self, path: &str, layout: &Layout) {
        let mut end = layout.ip + 20;
        for (index, option) in options(self.frame, layout).enumerate() {
            let name = match option.kind {
                0 => "end".to_owned(),
                1 => "nop".to_owned(),
                7 => "record-route".to_owned(),
                68 => "timestamp".to_owned(),
                131 => "loose-source-route".to_owned(),
                137 => "strict-source-route".to_owned(),
                148 => "router-alert".to_owned(),
                kind => kind.to_string(),
            };
            end = option.at + option.len;
            self.octets(&format!("{path}[{index}].{name}"), option.at, end);
        }
        self.octets(&format!("{path}.rest"), end, layout.payload());
    }

    fn icmp(&mut self, prefix: &str, layout: &Layout) {
        let (at, end, frame) = (layout.payload(), layout.end, self.frame);
        let name = |field: &str| format!("{prefix}icmp.{field}");
        let Some(icmp_type) = layout.icmp_type(frame) else { return };
        self.push(&name("type"), icmp_type);
        self.octets(&name("code"), at + 1, (at + 2).min(end));
        self.checksum(&name("checksum"), at + 2, end);
        match icmp_type {
            3 => {
                self.number(&name("unused"), at + 4, end);
                self.number(&name("mtu"), at + 6, end);
            }
            5 => match frame.get(at + 4..at + 8).filter(|_| at + 8 <= end) {
                Some(a) => self.push(&name("gateway"), Ipv4Addr::new(a[0], a[1], a[2], a[3])),
                None => self.octets(&name("gateway"), at + 4, end),
            },
            11 | 12 => {
                self.octets(&name("pointer"), at + 4, (at + 5).min(end));
                self.octets(&name("unused"), at + 5, (at + 8).min(end));
            }
            _ => {
                self.number(&name("identifier"), at + 4, end);
                self.number(&name("sequence"), at + 6, end);
            }
        }
        match layout.quote(frame) {
            Some(quote) => self.datagram(&name("quote."), &quote),
            None => self.octets(&name("payload"), at + 8, end),
        }
    }

    fn udp(&mut self, prefix: &str, at: usize, end: usize) {
        let name = |field: &str| format!("{prefix}udp.{field}");
        self.number(&name("source_port"), at, end);
        self.number(&name("destination_port"), at + 2, end);
        self.number(&name("length"), at + 4, end);
        self.checksum(&name("checksum"), at + 6, end);
        self.octets(&name("payload"), at + 8, end);
    }

    fn tcp(&mut self, prefix: &str, at: usize, end: usize) {
        let name = |field: &str| format!("{prefix}tcp.{field}");
        let header_end = self.frame.get(at + 12).map_or(end, |octet| at + usize::from(octet >> 4) * 4);
        self.number(&name("source_port"), at, end);
        self.number(&name("destination_port"), at + 2, end);
        self.octets(&name("sequence"), at + 4, (at + 8).min(end));
        self.octets(&name("acknowledgment"), at + 8, (at + 12).min(end));
        self.octets(&name("data_offset"), at + 12, (at + 13).min(end));
        self.octets(&name("flags"), at + 13, (at + 14).min(end));
        self.number(&name("window"), at + 14, end);
        self.checksum(&name("checksum"), at + 16, end);
        self.number(&name("urgent"), at + 18, end);
        let header_end = header_end.clamp(at + 20, end.max(at + 20));
        self.octets(&name("options"), at + 20, header_end.min(end).max(at + 20));
        self.octets(&name("payload"), header_end, end);
    }
}

/// Octets in hexadecimal.
pub fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Octets in hexadecimal; of long values the beginning, the length and a mark of the rest.
pub fn hex_shortened(octets: &[u8]) -> String {
    if octets.len() <= SHOWN {
        return hex(octets);
    }
    // FNV-1a tells apart values that begin alike.
    let mark = octets
        .iter()
        .fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193));
    format!("{}… ({} octets, #{mark:08x})", hex(&octets[..SHOWN]), octets.len())
}

#[cfg(test)]
mod tests {
    use super::super::rule::tests_support::{icmp, identified};
    use super::*;

    fn value(frame: &[u8], path: &str) -> Option<String> {
        fields(frame, LinkKind::Ip).into_iter().find(|(name, _)| name == path).map(|(_, value)| value)
    }

    #[test]
    fn quoted_fields_are_named() {
        let quoted = identified(17, 77, 0, &[0, 53, 0, 54, 0, 8, 0, 0]);
        let mut message = vec![3, 3, 0, 0, 0, 0, 5, 220];
        message.extend(quoted);
        let frame = icmp(&message);
        assert_eq!(value(&frame, "icmp.mtu").as_deref(), Some("1500"));
        assert_eq!(value(&frame, "icmp.quote.ipv4.identification").as_deref(), Some("77"));
        assert_eq!(value(&frame, "icmp.quote.udp.destination_port").as_deref(), Some("54"));
        assert_eq!(kind(&frame, LinkKind::Ip), "icmp 3/3");
    }

    #[test]
    fn any_cut_of_a_frame_has_fields() {
        let mut message = vec![12, 0, 0, 0, 7, 0, 0, 0];
        message.extend(identified(6, 1, 0, &[1; 24]));
        let frame = icmp(&message);
        for len in 0..frame.len() {
            assert_eq!(fields(&frame[..len], LinkKind::Ip).is_empty(), len == 0);
        }
    }

    #[test]
    fn long_values_that_differ_look_different() {
        let (a, mut b) = (vec![7; 100], vec![7; 100]);
        b[99] = 8;
        assert_ne!(hex_shortened(&a), hex_shortened(&b));
    }
}
