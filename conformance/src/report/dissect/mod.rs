//! Frames as fields a person can read: Ethernet, IPv4 with options, ICMP with the quoted datagram, UDP, TCP.
//!
//! Lenient on purpose: whatever is there is shown, however malformed, and what is cut off is said to be. It shares no
//! code with the stack, so that a mistake in the stack's parser cannot hide itself in the report.

mod icmp;
mod ipv4;
mod layer;
mod transport;

use std::fmt::{self, Write as _};

use crate::model::LinkKind;

pub use layer::{Field, Layer};

use layer::Cursor;

/// A frame, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissection {
    /// What it is, in one line.
    pub summary: Summary,
    /// From the outermost header inwards.
    pub layers: Vec<Layer>,
}

/// What a frame is, in one line, in parts for where a line is too long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// `10.0.0.1 → 10.0.0.2`; empty if they cannot be told.
    pub addresses: String,
    /// Kind of message with what identifies it.
    pub what: String,
    /// Length in octets, as its header says.
    pub length: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.addresses.is_empty() { "" } else { " " };
        write!(f, "{}{separator}{}, {} octets", self.addresses, self.what, self.length)
    }
}

/// Decodes `octets` as found on a link of kind `link`.
pub fn dissect(link: LinkKind, octets: &[u8]) -> Dissection {
    let mut layers = Vec::new();
    let summary = match link {
        LinkKind::Ip => ipv4::dissect(&Cursor::new(octets), 0, &mut layers),
        LinkKind::Ethernet => ethernet(&Cursor::new(octets), &mut layers),
    };
    Dissection { summary, layers }
}

/// Guesses the link kind of a frame whose interface is not known: bare IPv4 if it starts like it.
pub fn guess_link(octets: &[u8]) -> LinkKind {
    let looks_like_ethernet =
        octets.get(12..14) == Some(&[8, 0]) && octets.get(14).is_some_and(|b| b >> 4 == 4);
    let looks_like_ipv4 = octets.first().is_none_or(|b| b >> 4 == 4);
    if looks_like_ethernet && !(looks_like_ipv4 && total_length_fits(octets)) {
        LinkKind::Ethernet
    } else {
        LinkKind::Ip
    }
}

fn total_length_fits(octets: &[u8]) -> bool {
    octets
        .get(2..4)
        .is_some_and(|field| usize::from(u16::from_be_bytes([field[0], field[1]])) == octets.len())
}

/// Octets from the hexadecimal form that results use; `None` where it is none.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    digits.chunks_exact(2).map(|pair| Some((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}

/// Octets in the hexadecimal form that results use.
pub fn to_hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn ethernet(frame: &Cursor<'_>, layers: &mut Vec<Layer>) -> Summary {
    let mut layer = Layer::new("Ethernet", 0, frame.start());
    let mac = |octets: &[u8]| octets.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":");
    layer.octets(frame, "destination", 0..6, mac);
    layer.octets(frame, "source", 6..12, mac);
    layer.u16(frame, "type", 12, |value| match value {
        0x0800 => "0x0800 (IPv4)".to_owned(),
        0x0806 => "0x0806 (ARP)".to_owned(),
        0x86dd => "0x86dd (IPv6)".to_owned(),
        _ => format!("{value:#06x}"),
    });
    layer.close(frame, 14);
    layers.push(layer);
    match frame.read_u16(12) {
        Some(0x0800) => ipv4::dissect(&frame.rest(14), 0, layers),
        ethertype => {
            payload(&frame.rest(14), 0, layers);
            let what = match ethertype {
                Some(ethertype) => format!("Ethernet type {ethertype:#06x}"),
                None => "Ethernet, cut off".to_owned(),
            };
            Summary { addresses: String::new(), what, length: frame.len() }
        }
    }
}

/// Shows octets that nothing here decodes.
fn payload(data: &Cursor<'_>, depth: u8, layers: &mut Vec<Layer>) {
    if data.len() == 0 {
        return;
    }
    let mut layer = Layer::new("Data", depth, data.start());
    layer.octets(data, "data", 0..data.len(), |octets| {
        let shown = to_hex(&octets[..octets.len().min(16)]);
        let more = if octets.len() > 16 { "…" } else { "" };
        format!("{} octets: {shown}{more}", octets.len())
    });
    layers.push(layer);
}

/// The one's complement sum of `parts`, as if they stood one after the other, each at an even offset. RFC 1071.
pub(crate) fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u64 = words.map(|word| u64::from(word[0]) << 8 | u64::from(*word.get(1).unwrap_or(&0))).sum();
    let mut folded = sum;
    while folded > 0xffff {
        folded = (folded & 0xffff) + (folded >> 16);
    }
    !(folded as u16)
}

/// A checksum field with what it should be. `recomputed` is the sum over everything with the field itself zeroed.
fn checksum_text(found: u16, recomputed: Option<u16>) -> String {
    match recomputed {
        Some(right) if right == found => format!("{found:#06x} (correct)"),
        Some(right) => format!("{found:#06x} (wrong, should be {right:#06x})"),
        None => format!("{found:#06x} (not verifiable)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo request from a ping of 8 octets, written down octet by octet from RFC 791 and RFC 792; the sums were
    /// done by hand: 4500+0024+1234+4000+4001+0a00+0001+0a00+0002 = eb5c, and 0800+1234+0001+0102+0304+0506+0708.
    const ECHO: &str = "450000241234400040 0114a30a0000010a000002 0800d5b612340001 0102030405060708";

    fn check(link: LinkKind, hex: &str) -> Dissection {
        dissect(link, &from_hex(&hex.replace(' ', "")).unwrap())
    }

    fn value<'a>(dissection: &'a Dissection, layer: &str, field: &str) -> &'a str {
        let layer = dissection.layers.iter().find(|l| l.name == layer).expect("layer");
        &layer.fields.iter().find(|f| f.name == field).expect("field").value
    }

    #[test]
    fn echo_request_is_decoded_field_by_field() {
        let echo = check(LinkKind::Ip, ECHO);
        assert_eq!(value(&echo, "IPv4", "source"), "10.0.0.1");
        assert_eq!(value(&echo, "IPv4", "flags"), "DF");
        assert_eq!(value(&echo, "IPv4", "checksum"), "0x14a3 (correct)");
        assert_eq!(value(&echo, "ICMP", "type"), "8 (echo request)");
        assert_eq!(value(&echo, "ICMP", "checksum"), "0xd5b6 (correct)");
        assert_eq!(
            echo.summary.to_string(),
            "10.0.0.1 → 10.0.0.2 ICMP echo request id 0x1234 seq 1, 36 octets"
        );
    }

    #[test]
    fn every_prefix_and_every_single_octet_change_is_decoded_without_panic() {
        let whole = from_hex(&ECHO.replace(' ', "")).unwrap();
        for length in 0..=whole.len() {
            for link in [LinkKind::Ip, LinkKind::Ethernet] {
                let _ = dissect(link, &whole[..length]);
            }
        }
        for (position, change) in (0..whole.len()).flat_map(|at| (0..=255).map(move |value| (at, value))) {
            let mut changed = whole.clone();
            changed[position] = change;
            let _ = dissect(LinkKind::Ip, &changed);
        }
    }

    #[test]
    fn fields_lie_inside_the_frame() {
        quickcheck::quickcheck(within as fn(Vec<u8>, bool) -> bool);
        fn within(octets: Vec<u8>, ethernet: bool) -> bool {
            let link = if ethernet { LinkKind::Ethernet } else { LinkKind::Ip };
            let dissection = dissect(link, &octets);
            dissection.layers.iter().flat_map(|l| &l.fields).all(|f| f.offset + f.len <= octets.len())
        }
    }

    #[test]
    fn cut_off_header_is_said_to_be() {
        let cut = check(LinkKind::Ip, "45000024");
        assert_eq!(value(&cut, "IPv4", "cut off"), "after 4 of 20 octets");
    }

    #[test]
    fn link_kind_is_guessed_from_the_octets() {
        let datagram = from_hex(&ECHO.replace(' ', "")).unwrap();
        let mut frame = from_hex("4000000000010200000000020800").unwrap();
        frame.extend(&datagram);
        assert_eq!(guess_link(&datagram), LinkKind::Ip);
        assert_eq!(guess_link(&frame), LinkKind::Ethernet);
    }

    #[test]
    fn hexadecimal_is_read_back() {
        assert_eq!(from_hex("00fF"), Some(vec![0, 255]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("zz"), None);
        assert_eq!(from_hex("é"), None);
    }
}
