//! The IPv4 header, read field by field from RFC 791 §3.1.

use netassay_stack::wire::{Ipv4Header, Ipv4View};

use super::checksum::naive;

/// The clause of every rule here.
const CLAUSE: &str = "RFC 791 §3.1";

use super::{Objection, same};

/// Whether `octets` begin with a datagram whose lengths fit together. RFC 791 §3.1, RFC 1122 §3.2.1.1.
pub(super) fn is_datagram(octets: &[u8]) -> bool {
    let Some(first) = octets.first() else { return false };
    let header_len = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header_len < 20 || octets.len() < header_len {
        return false;
    }
    let total_length = number(octets, 2, 2) as usize;
    total_length >= header_len && total_length <= octets.len()
}

/// The `len` octets at `at` as a number.
fn number(octets: &[u8], at: usize, len: usize) -> u32 {
    octets[at..at + len].iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
}

/// Whether the strict view takes exactly what is a datagram, reads each field where RFC 791 puts it, and comes back
/// as the same octets from an owned header.
///
/// # Errors
/// The first rule that is broken.
pub fn view_reads_what_is_there(octets: &[u8]) -> Result<(), Objection> {
    let view = Ipv4View::new(octets);
    same(CLAUSE, "a view exists of datagrams, and of nothing else", view.is_ok(), is_datagram(octets))?;
    let Ok(view) = view else {
        return same(
            CLAUSE,
            "what is no datagram is not verified",
            Ipv4View::verified(octets).is_ok(),
            false,
        );
    };
    let header_len = usize::from(octets[0] & 0x0f) * 4;
    let total_length = number(octets, 2, 2) as usize;
    fields_are_in_place(&view, octets)?;
    same(CLAUSE, "options fill the header", view.options(), &octets[20..header_len])?;
    same(CLAUSE, "payload ends at the total length", view.payload(), &octets[header_len..total_length])?;
    let is_intact = naive(&octets[..header_len]) == 0;
    same(CLAUSE, "header checksum is judged as RFC 1071 does", view.is_checksum_valid(), is_intact)?;
    same(CLAUSE, "verified means intact", Ipv4View::verified(octets).is_ok(), is_intact)?;
    let written = &mut [0; 60][..header_len];
    let written_len = Ipv4Header::from(&view).write(written);
    same(CLAUSE, "an owned header is as long as what it was read from", written_len, Some(header_len))?;
    same(CLAUSE, "an owned header writes what it was read from", &written[..], &octets[..header_len])
}

fn fields_are_in_place(view: &Ipv4View<'_>, octets: &[u8]) -> Result<(), Objection> {
    let word = number(octets, 6, 2);
    let fields = [
        ("type of service", u32::from(view.tos()), number(octets, 1, 1)),
        ("total length", u32::from(view.total_length()), number(octets, 2, 2)),
        ("identification", u32::from(view.identification()), number(octets, 4, 2)),
        ("reserved flag", u32::from(view.reserved_flag()), word >> 15),
        ("don't fragment", u32::from(view.dont_fragment()), word >> 14 & 1),
        ("more fragments", u32::from(view.more_fragments()), word >> 13 & 1),
        ("fragment offset in octets", view.fragment_offset().octets() as u32, (word & 0x1fff) * 8),
        ("time to live", u32::from(view.ttl()), number(octets, 8, 1)),
        ("protocol", u32::from(u8::from(view.protocol())), number(octets, 9, 1)),
        ("header checksum", u32::from(view.header_checksum()), number(octets, 10, 2)),
        ("source", view.source().to_bits(), number(octets, 12, 4)),
        ("destination", view.destination().to_bits(), number(octets, 16, 4)),
    ];
    fields.into_iter().try_for_each(|(field, found, expected)| same(CLAUSE, field, found, expected))
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    quickcheck! {
        fn any_octets(octets: Vec<u8>) -> bool {
            view_reads_what_is_there(&octets).is_ok()
        }

        fn octets_that_pass_for_a_datagram(octets: Vec<u8>, ihl: u8) -> bool {
            let mut octets = octets;
            octets.resize(octets.len().max(60), 0x5a);
            octets[0] = 0x45 + ihl % 11;
            let total_length = octets.len() as u16;
            octets[2..4].copy_from_slice(&total_length.to_be_bytes());
            view_reads_what_is_there(&octets).is_ok()
        }
    }
}
