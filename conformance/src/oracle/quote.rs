//! Quotes: the strict view, the lax one and the owned header agree about a datagram that an ICMP error cut off.

use netassay_stack::wire::{Ipv4Header, Ipv4View, QuotedView};

use super::{Objection, same};

/// The clause of every rule here.
const CLAUSE: &str = "RFC 792 \"Destination Unreachable Message\"";

/// The `len` octets at `at` as a number.
fn number(octets: &[u8], at: usize, len: usize) -> u32 {
    octets[at..at + len].iter().fold(0, |number, octet| number << 8 | u32::from(*octet))
}

/// Whether the lax view takes exactly what has 20 octets and reads what is there, and whether the strict view and the
/// owned header say the same wherever `octets` is a whole datagram.
///
/// # Errors
/// The first rule that is broken.
pub fn readings_agree(octets: &[u8]) -> Result<(), Objection> {
    let quoted = QuotedView::new(octets);
    same(CLAUSE, "a quote has 20 octets", quoted.is_some(), octets.len() >= 20)?;
    let Some(quoted) = quoted else {
        return same(CLAUSE, "what is no quote is no datagram", Ipv4View::new(octets).is_ok(), false);
    };
    lax_reads_what_is_there(&quoted, octets)?;
    let Ok(strict) = Ipv4View::new(octets) else { return Ok(()) };
    let pairs = [
        ("version", u32::from(quoted.version()), 4),
        ("header length", quoted.header_len() as u32, strict.header().len() as u32),
        ("type of service", u32::from(quoted.tos()), u32::from(strict.tos())),
        ("total length", u32::from(quoted.total_length()), u32::from(strict.total_length())),
        ("identification", u32::from(quoted.identification()), u32::from(strict.identification())),
        ("don't fragment", u32::from(quoted.dont_fragment()), u32::from(strict.dont_fragment())),
        ("more fragments", u32::from(quoted.more_fragments()), u32::from(strict.more_fragments())),
        ("offset", quoted.fragment_offset().octets() as u32, strict.fragment_offset().octets() as u32),
        ("time to live", u32::from(quoted.ttl()), u32::from(strict.ttl())),
        ("protocol", u32::from(u8::from(quoted.protocol())), u32::from(u8::from(strict.protocol()))),
        ("checksum", u32::from(quoted.header_checksum()), u32::from(strict.header_checksum())),
        ("source", quoted.source().to_bits(), strict.source().to_bits()),
        ("destination", quoted.destination().to_bits(), strict.destination().to_bits()),
    ];
    pairs.into_iter().try_for_each(|(field, lax, strict)| same(CLAUSE, field, lax, strict))?;
    same(CLAUSE, "options are the same", quoted.options(), strict.options())?;
    let payload = &quoted.payload()[..strict.payload().len().min(quoted.payload().len())];
    same(CLAUSE, "the payload is the same, and perhaps more", payload, strict.payload())?;
    let mut written = vec![0; strict.header().len()];
    same(CLAUSE, "an owned header fits", Ipv4Header::from(&strict).write(&mut written), Some(written.len()))?;
    let again =
        QuotedView::new(&written).map(|again| (again.source(), again.ihl(), again.options().to_vec()));
    same(
        CLAUSE,
        "an owned header reads as the quote did",
        again,
        Some((quoted.source(), quoted.ihl(), quoted.options().to_vec())),
    )
}

/// Whether each getter of the lax view gives what stands in `octets`, as far as they go.
fn lax_reads_what_is_there(quoted: &QuotedView<'_>, octets: &[u8]) -> Result<(), Objection> {
    let claimed = usize::from(octets[0] & 15) * 4;
    same(CLAUSE, "the header is as long as claimed", quoted.header_len(), claimed)?;
    same(CLAUSE, "identification", u32::from(quoted.identification()), number(octets, 4, 2))?;
    same(CLAUSE, "source", quoted.source().to_bits(), number(octets, 12, 4))?;
    same(CLAUSE, "destination", quoted.destination().to_bits(), number(octets, 16, 4))?;
    let options = octets.get(20..claimed.min(octets.len())).unwrap_or_default();
    same(CLAUSE, "options end with the header or the quote", quoted.options(), options)?;
    let payload = octets.get(claimed..).unwrap_or_default();
    same(CLAUSE, "the payload follows the header", quoted.payload(), payload)?;
    let ports = payload.get(..4).map(|ports| (number(ports, 0, 2) as u16, number(ports, 2, 2) as u16));
    same(CLAUSE, "ports are there or not", quoted.ports(), ports)?;
    same(CLAUSE, "the quote is what it was", quoted.octets(), octets)
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::generate::{Seeded, datagram};

    quickcheck! {
        fn any_octets(octets: Vec<u8>) -> bool {
            readings_agree(&octets).is_ok()
        }

        fn generated_datagrams_cut_off(seed: u64, keep: usize) -> bool {
            let octets = datagram::datagram(&mut Seeded::new(seed), &[]);
            readings_agree(&octets[..keep % (octets.len() + 1)]).is_ok()
        }
    }

    #[test]
    fn a_wrong_reading_is_seen() {
        let (one, mut other) = ([0x45; 28], [0x45; 28]);
        other[12] ^= 1;
        let quoted = QuotedView::new(&one).unwrap();
        assert!(lax_reads_what_is_there(&quoted, &other).is_err());
    }
}
