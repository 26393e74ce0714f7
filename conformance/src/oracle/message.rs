//! ICMP messages and their extensions, read octet by octet from RFC 792, RFC 4884 §7 and RFC 8335 §2.

use netassay_stack::wire::extension::{ExtensionView, InterfaceIdentification};
use netassay_stack::wire::icmp::{IcmpHeader, IcmpView};

use super::checksum::{is_intact, naive};
use super::{Objection, hold, same};

/// The clauses: of messages, of extensions.
const MESSAGE: &str = "RFC 792";
const EXTENSION: &str = "RFC 4884 §7";

/// The `len` octets at `at` as a number; octets that are missing make it `None`.
fn number(octets: &[u8], at: usize, len: usize) -> Option<u32> {
    Some(octets.get(at..at + len)?.iter().fold(0, |number, octet| number << 8 | u32::from(*octet)))
}

/// Whether the view takes exactly what has 8 octets, reads each field where it stands, and comes back as the same
/// octets from an owned header.
///
/// # Errors
/// The first rule that is broken.
pub fn view_reads_what_is_there(octets: &[u8]) -> Result<(), Objection> {
    let view = IcmpView::new(octets);
    same(MESSAGE, "a message has 8 octets", view.is_ok(), octets.len() >= 8)?;
    let Ok(view) = view else { return Ok(()) };
    let fields = [
        ("type", u32::from(u8::from(view.icmp_type())), number(octets, 0, 1)),
        ("code", u32::from(view.code()), number(octets, 1, 1)),
        ("checksum", u32::from(view.checksum()), number(octets, 2, 2)),
        ("word", view.word(), number(octets, 4, 4)),
        ("gateway", view.gateway().to_bits(), number(octets, 4, 4)),
        ("identifier", u32::from(view.identifier()), number(octets, 4, 2)),
        ("sequence number", u32::from(view.sequence_number()), number(octets, 6, 2)),
        ("pointer", u32::from(view.pointer()), number(octets, 4, 1)),
        ("length of the quote", u32::from(view.quoted_words()), number(octets, 5, 1)),
        ("next-hop MTU", u32::from(view.next_hop_mtu()), number(octets, 6, 2)),
    ];
    for (field, found, expected) in fields {
        same(MESSAGE, field, Some(found), expected)?;
    }
    same(MESSAGE, "the body follows", view.body(), &octets[8..])?;
    same(MESSAGE, "the message is what it was", view.octets(), octets)?;
    same(MESSAGE, "the checksum is judged as RFC 1071 does", view.is_checksum_valid(), is_intact(octets))?;
    let times = [8, 12, 16].map(|at| number(octets, at, 4));
    same(MESSAGE, "times are there or not", view.timestamps().map(|times| times.map(Some)), all(times))?;
    same(
        MESSAGE,
        "an owned header writes what it was read from",
        &IcmpHeader::from(&view).octets()[..],
        &octets[..8],
    )?;
    checksum_is_written(&view)?;
    extension_is_walked(&view)
}

/// The times if all are there.
fn all(times: [Option<u32>; 3]) -> Option<[Option<u32>; 3]> {
    times.iter().all(Option::is_some).then_some(times)
}

/// Whether writing a header with its checksum changes that alone, and makes it right.
fn checksum_is_written(view: &IcmpView<'_>) -> Result<(), Objection> {
    let mut octets = view.octets().to_vec();
    hold(
        MESSAGE,
        "a header fits its message",
        IcmpHeader::from(view).write_with_checksum(&mut octets),
        String::new,
    )?;
    let mut expected = view.octets().to_vec();
    expected[2..4].fill(0);
    let sum = naive(&expected);
    expected[2..4].copy_from_slice(&sum.to_be_bytes());
    same(MESSAGE, "the checksum alone is written", octets, expected)
}

/// Whether the extension structure of an error is found where its length says, and its objects one after the other.
fn extension_is_walked(view: &IcmpView<'_>) -> Result<(), Objection> {
    let (words, body) = (usize::from(view.octets()[5]), &view.octets()[8..]);
    let is_there = words >= 32 && body.len() >= words * 4 + 4;
    let extension = ExtensionView::of_error(view);
    same(EXTENSION, "a structure is there if its length says so", extension.is_some(), is_there)?;
    let Some(extension) = extension else { return Ok(()) };
    let octets = &body[words * 4..];
    same(EXTENSION, "the structure is all that follows", extension.octets(), octets)?;
    same(EXTENSION, "version", extension.version(), octets[0] >> 4)?;
    let is_right = octets[2..4] == [0, 0] || is_intact(octets);
    same(EXTENSION, "a checksum is right or absent", extension.is_checksum_valid(), is_right)?;
    let mut at = 4;
    for object in extension.objects() {
        let len = number(octets, at, 2).unwrap_or(0) as usize;
        let is_whole = len >= 4 && at + len <= octets.len();
        same(EXTENSION, "an object is whole or broken", object.is_ok(), is_whole)?;
        let Ok(object) = object else { return Ok(()) };
        same(EXTENSION, "class", u8::from(object.class), octets[at + 2])?;
        same(EXTENSION, "C-type", object.c_type, octets[at + 3])?;
        same(EXTENSION, "data", object.data, &octets[at + 4..at + len])?;
        identification_is_read(object.c_type, object.data)?;
        at += len;
    }
    same(EXTENSION, "the walk ends where the structure does", at, octets.len())
}

/// Whether an interface is identified as the data says. RFC 8335 §2.1.
///
/// # Errors
/// The first rule that is broken.
pub fn identification_is_read(c_type: u8, data: &[u8]) -> Result<(), Objection> {
    let clause = "RFC 8335 §2.1";
    let found = InterfaceIdentification::new(c_type, data);
    let is_right = match found {
        Some(InterfaceIdentification::Name(name)) => {
            c_type == 1 && data.starts_with(name) && !name.contains(&0) && data.len() < 16
        }
        Some(InterfaceIdentification::Index(index)) => c_type == 2 && data == index.to_be_bytes(),
        Some(InterfaceIdentification::Ipv4(address)) => {
            c_type == 3 && data.len() == 8 && data[4..] == address.octets() && data[..3] == [0, 1, 4]
        }
        Some(InterfaceIdentification::Ipv6(address)) => {
            c_type == 3 && data.len() == 20 && data[4..] == address.octets() && data[..3] == [0, 2, 16]
        }
        None => !matches!((c_type, data.len()), (1, 0..=15) | (2, 4)),
    };
    hold(clause, "an interface is identified as the data says", is_right, || {
        format!("{found:?} of {data:02x?}")
    })
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    quickcheck! {
        fn any_octets(octets: Vec<u8>) -> bool {
            view_reads_what_is_there(&octets).is_ok()
        }

        fn octets_with_an_extension(octets: Vec<u8>, objects: Vec<u8>) -> bool {
            let mut message = vec![11, 0, 0, 0, 0, 32, 0, 0];
            message.extend(octets.iter().cycle().chain(&[0]).take(128));
            message.resize(8 + 128, 0);
            message.extend([0x20, 0, 0, 0]);
            for chunk in objects.chunks(7) {
                message.extend([0, 4 + chunk.len() as u8, 3, chunk[0] & 3]);
                message.extend(chunk);
            }
            view_reads_what_is_there(&message).is_ok()
        }

        fn any_identification(c_type: u8, data: Vec<u8>) -> bool {
            identification_is_read(c_type % 5, &data).is_ok()
        }
    }

    #[test]
    fn a_wrong_reading_is_seen() {
        // What the view of one message says is held against another.
        assert!(same(MESSAGE, "word", IcmpView::new(&[0; 8]).unwrap().word(), 1).is_err());
    }
}
