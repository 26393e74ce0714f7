//! M9: extension structures. RFC 4884 in errors that quote our own replies; RFC 8335 requests of every shape.

use netassay_stack::wire::checksum;

use super::Case;
use crate::generate::datagram::{Draft, filler};

pub(super) fn cases(give: &mut dyn FnMut(Case)) {
    quoted(give);
    probes(give);
}

/// RFC 4884 length × ICMP type × quote length × version and checksum × object.
fn quoted(give: &mut dyn FnMut(Case)) {
    for icmp_type in [3, 11, 12] {
        for length in 0..=255u8 {
            for quote_len in [28usize, 128, 200, 548] {
                let turn = usize::from(length) + quote_len;
                let version = [2, 1, 0, 15][turn % 4];
                let object = [0usize, 1, 3, 4, 8, 64][turn % 6];
                give(quoted_case(icmp_type, length, quote_len, version, turn % 3, object));
            }
        }
    }
}

fn quoted_case(icmp_type: u8, length: u8, quote_len: usize, version: u8, sum: usize, object: usize) -> Case {
    let reply = draft([10, 0, 0, 1], [10, 0, 0, 2], vec![0, 0, 0, 0, 0, 1, 0, 1]);
    let mut quote = reply.octets();
    quote.extend(filler(1, quote_len - quote.len()));
    quote.extend(structure(version, sum, object as u16, 1, 1, &filler(4, 8).collect::<Vec<_>>()));
    let mut message = vec![icmp_type, 0, 0, 0, 0, length, 0, 0];
    message.extend(quote);
    fill_checksum(&mut message);
    let label = format!(
        "type={icmp_type} length={length} quote={quote_len} version={version} sum={sum} object={object}"
    );
    Case::new(label, vec![(0, draft([10, 0, 0, 2], [10, 0, 0, 1], message).octets())])
}

/// Extended Echo Requests: C-type × identifier length × object length × code × structure.
fn probes(give: &mut dyn FnMut(Case)) {
    for c_type in 0..=4u8 {
        for data_len in 0..=28usize {
            for length_error in [-4i32, -1, 0, 1, 8] {
                for code in [0, 1, 5] {
                    give(probe_case(c_type, data_len, length_error, code));
                }
            }
        }
    }
    for (name, c_type, data) in identifiers() {
        for class in 0..=8u8 {
            for flags in [0x0101u16, 0x0100, 0xffff, 0x0001] {
                let len = 4 + data.len() as u16;
                give(request(
                    format!("identifier={name} class={class} flags={flags:#06x}"),
                    0,
                    flags,
                    structure(2, 0, len, class, c_type, &data),
                ));
            }
        }
    }
}

fn identifiers() -> Vec<(&'static str, u8, Vec<u8>)> {
    let address = |afi: u8, len: u8, octets: &[u8]| [&[0, afi, len, 0], octets].concat();
    vec![
        ("t0", 1, b"t0\0\0".to_vec()),
        ("lo", 1, b"lo".to_vec()),
        ("none", 1, b"none".to_vec()),
        ("t0-unterminated", 1, b"t0".to_vec()),
        ("t0-long-padding", 1, b"t0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        ("index-1", 2, vec![0, 0, 0, 1]),
        ("index-2", 2, vec![0, 0, 0, 2]),
        ("index-0", 2, vec![0; 4]),
        ("index-big", 2, vec![0xff; 4]),
        ("own", 3, address(1, 4, &[10, 0, 0, 1])),
        ("other", 3, address(1, 4, &[10, 0, 0, 9])),
        ("loopback", 3, address(1, 4, &[127, 0, 0, 1])),
        ("broadcast", 3, address(1, 4, &[10, 0, 0, 255])),
        ("any", 3, address(1, 4, &[0; 4])),
        ("v6", 3, address(2, 16, &[0; 16])),
        ("afi-3", 3, address(3, 4, &[10, 0, 0, 1])),
        ("mac", 3, address(1, 6, &[2, 0, 0, 0, 0, 1])),
        ("short", 3, address(1, 4, &[10, 0])),
    ]
}

fn probe_case(c_type: u8, data_len: usize, length_error: i32, code: u8) -> Case {
    let data: Vec<u8> = filler(0, data_len).collect();
    let length = (4 + data_len as i32 + length_error).max(0) as u16;
    let label = format!("ctype={c_type} data={data_len} error={length_error} code={code}");
    request(label, code, 0x0101, structure(2, 0, length, 3, c_type, &data))
}

fn request(label: String, code: u8, flags: u16, body: Vec<u8>) -> Case {
    let mut message = vec![42, code, 0, 0, 0x42, 0x42];
    message.extend(flags.to_be_bytes());
    message.extend(body);
    fill_checksum(&mut message);
    Case::new(label, vec![(0, draft([10, 0, 0, 2], [10, 0, 0, 1], message).octets())])
}

/// An extension structure with one object. `sum`: 0 right, 1 zero, 2 wrong. RFC 4884 §7.
fn structure(version: u8, sum: usize, length: u16, class: u8, c_type: u8, data: &[u8]) -> Vec<u8> {
    let mut octets = vec![version << 4, 0, 0, 0];
    octets.extend(length.to_be_bytes());
    octets.extend([class, c_type]);
    octets.extend(data);
    let right = checksum::checksum(&octets);
    let value = [right, 0, right ^ 0x55][sum];
    octets[2..4].copy_from_slice(&value.to_be_bytes());
    octets
}

fn fill_checksum(message: &mut [u8]) {
    let sum = checksum::checksum(message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

fn draft(source: [u8; 4], destination: [u8; 4], payload: Vec<u8>) -> Draft {
    Draft {
        tos: 0,
        identification: 0x4d39,
        flags_and_offset: 0,
        ttl: 64,
        protocol: 1,
        source: source.into(),
        destination: destination.into(),
        options: Vec::new(),
        payload,
    }
}
