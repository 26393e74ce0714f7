//! The IPv4 header, read field by field from RFC 791 §3.1.

use netassay_stack::wire::{Ipv4Header, Ipv4View};

use super::checksum::naive;

/// The clause of every rule here.
const CLAUSE: &str = "RFC 791 §3.1";

use super::{Objection, hold, same};

/// Whether `octets` begin with a datagram whose lengths fit together. RFC 791 §3.1, RFC 1122 §3.2.1.1.
pub(super) fn is_datagram(octets: &[u8]) -> bool {
    lengths(octets).is_some()
}

/// The fixed part of the header that `octets` begin with, the length of the header, and the total length, if they fit
/// together.
#[inline]
fn lengths(octets: &[u8]) -> Option<(Words, usize, usize)> {
    let fixed = Words::of(octets.first_chunk::<20>()?);
    let header_len = usize::from(fixed.octet(0) & 0x0f) * 4;
    let total_length = usize::from(fixed.half(2));
    let fit = (fixed.octet(0) >> 4 == 4)
        & (header_len >= 20)
        & (header_len <= total_length)
        & (total_length <= octets.len());
    fit.then_some((fixed, header_len, total_length))
}

/// A header without options, as RFC 791 §3.1 draws it, in the order of the network: read in two pieces, after which
/// every field is a matter of shifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    /// The first 16 octets.
    first: u128,
    /// The last 4.
    last: u32,
}

impl Words {
    #[inline]
    const fn of(octets: &[u8; 20]) -> Self {
        let [first @ .., a, b, c, d] = octets;
        Self { first: u128::from_be_bytes(*first), last: u32::from_be_bytes([*a, *b, *c, *d]) }
    }

    /// The octet at `at`, which is below 16.
    #[inline]
    const fn octet(self, at: u32) -> u8 {
        (self.first >> (120 - 8 * at)) as u8
    }

    /// The 16 bits at `at`, which is below 15, as a number.
    #[inline]
    const fn half(self, at: u32) -> u16 {
        (self.first >> (112 - 8 * at)) as u16
    }
}

/// Whether the strict view takes exactly what is a datagram, reads each field where RFC 791 puts it, and comes back
/// as the same octets from an owned header.
///
/// Hardly anything is as cheap to fuzz as a header, and each branch that is taken costs as much as a rule. So all rules
/// are looked at together, and which one is broken is asked only if one is.
///
/// # Errors
/// The first rule that is broken.
#[inline]
pub fn view_reads_what_is_there(octets: &[u8]) -> Result<(), Objection> {
    // Of a header without options all is known in length, so that nothing of it has to be in memory.
    let is_kept = match octets {
        [0x45, ..] => is_kept(octets, false),
        _ => is_kept_with_options(octets),
    };
    if is_kept { Ok(()) } else { Err(broken_rule(octets)) }
}

#[inline(never)]
fn is_kept_with_options(octets: &[u8]) -> bool {
    is_kept(octets, true)
}

/// Whether every rule of [`judge`] is kept; `may_have_options` tells whether the first octet leaves room for any.
#[inline(always)]
fn is_kept(octets: &[u8], may_have_options: bool) -> bool {
    match (Ipv4View::new(octets), lengths(octets)) {
        (Ok(view), Some((fixed, header_len, total_length))) => {
            let (header, payload) = octets[..total_length].split_at(header_len);
            // The view is asked everything before anything else is called: what stands in registers is read once.
            let is_read =
                (wrong_bits(&view, fixed) == 0) & comes_back(&view, fixed, header, may_have_options);
            let (is_valid, is_verified) = (view.is_checksum_valid(), Ipv4View::verified(octets).is_ok());
            let is_intact = naive(header) == 0;
            is_read
                & is_in_place(view.options(), &header[20..])
                & is_in_place(view.payload(), payload)
                & (is_valid == is_intact)
                & (is_verified == is_intact)
        }
        (Err(_), None) => Ipv4View::verified(octets).is_err(),
        _ => false,
    }
}

/// Whether `found` is `expected`: the same octets in the same place, not only equal ones. Nothing is in every place.
#[inline]
fn is_in_place(found: &[u8], expected: &[u8]) -> bool {
    (found.len() == expected.len()) & (expected.is_empty() | (found.as_ptr() == expected.as_ptr()))
}

/// Whether an owned header writes the octets that it was read from: `octets`, whose fixed part is `fixed`.
#[inline(always)]
fn comes_back(view: &Ipv4View<'_>, fixed: Words, octets: &[u8], may_have_options: bool) -> bool {
    if view.options().is_empty() {
        let mut written = [0; 20];
        let len = Ipv4Header::from(view).write(&mut written);
        return (len == Some(octets.len())) & (Words::of(&written) == fixed);
    }
    if !may_have_options {
        return false;
    }
    let mut room = [0; 60];
    let written = &mut room[..octets.len()];
    Ipv4Header::from(view).write(written) == Some(octets.len()) && written == octets
}

/// What getters give and what stands in the place of their fields, where the two differ.
#[inline]
fn wrong_bits(view: &Ipv4View<'_>, fixed: Words) -> u32 {
    let flags = fixed.half(6);
    u32::from(view.tos() ^ fixed.octet(1))
        | u32::from(view.total_length() ^ fixed.half(2))
        | u32::from(view.identification() ^ fixed.half(4))
        | u32::from(view.reserved_flag() ^ (flags >> 15 == 1))
        | u32::from(view.dont_fragment() ^ (flags >> 14 & 1 == 1))
        | u32::from(view.more_fragments() ^ (flags >> 13 & 1 == 1))
        | (view.fragment_offset().octets() as u32 ^ u32::from(flags & 0x1fff) << 3)
        | u32::from(view.ttl() ^ fixed.octet(8))
        | u32::from(u8::from(view.protocol()) ^ fixed.octet(9))
        | u32::from(view.header_checksum() ^ fixed.half(10))
        | (view.source().to_bits() ^ fixed.first as u32)
        | (view.destination().to_bits() ^ fixed.last)
}

/// The rule that is broken.
#[cold]
#[inline(never)]
fn broken_rule(octets: &[u8]) -> Objection {
    let nameless = || Objection::new(CLAUSE, format!("a rule without a name is broken: {octets:02x?}"));
    judge(octets).err().unwrap_or_else(nameless)
}

/// One rule after the other.
fn judge(octets: &[u8]) -> Result<(), Objection> {
    let (view, verified) = (Ipv4View::new(octets), Ipv4View::verified(octets));
    let expected = lengths(octets);
    same(CLAUSE, "a view exists of datagrams, and of nothing else", view.is_ok(), expected.is_some())?;
    let (Ok(view), Some((fixed, header_len, total_length))) = (view, expected) else {
        return same(CLAUSE, "what is no datagram is not verified", verified.is_ok(), false);
    };
    fields_are_in_place(&view, fixed)?;
    let (header, payload) = octets[..total_length].split_at(header_len);
    let told = || format!("{view:?} of {octets:02x?}");
    hold(CLAUSE, "options fill the header", is_in_place(view.options(), &header[20..]), told)?;
    hold(CLAUSE, "payload ends at the total length", is_in_place(view.payload(), payload), told)?;
    let is_intact = naive(header) == 0;
    same(CLAUSE, "header checksum is judged as RFC 1071 does", view.is_checksum_valid(), is_intact)?;
    same(CLAUSE, "verified means intact", verified.is_ok(), is_intact)?;
    let written = &mut [0; 60][..header_len];
    let written_len = Ipv4Header::from(&view).write(written);
    same(CLAUSE, "an owned header is as long as what it was read from", written_len, Some(header_len))?;
    same(CLAUSE, "an owned header writes what it was read from", &*written, header)
}

/// The first field that is not what stands in its place.
fn fields_are_in_place(view: &Ipv4View<'_>, fixed: Words) -> Result<(), Objection> {
    let flags = u32::from(fixed.half(6));
    let fields = [
        ("type of service", u32::from(view.tos()), u32::from(fixed.octet(1))),
        ("total length", u32::from(view.total_length()), u32::from(fixed.half(2))),
        ("identification", u32::from(view.identification()), u32::from(fixed.half(4))),
        ("reserved flag", u32::from(view.reserved_flag()), flags >> 15),
        ("don't fragment", u32::from(view.dont_fragment()), flags >> 14 & 1),
        ("more fragments", u32::from(view.more_fragments()), flags >> 13 & 1),
        ("fragment offset in octets", view.fragment_offset().octets() as u32, (flags & 0x1fff) * 8),
        ("time to live", u32::from(view.ttl()), u32::from(fixed.octet(8))),
        ("protocol", u32::from(u8::from(view.protocol())), u32::from(fixed.octet(9))),
        ("header checksum", u32::from(view.header_checksum()), u32::from(fixed.half(10))),
        ("source", view.source().to_bits(), fixed.first as u32),
        ("destination", view.destination().to_bits(), fixed.last),
    ];
    fields.into_iter().try_for_each(|(field, found, expected)| same(CLAUSE, field, found, expected))
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;

    quickcheck! {
        fn any_octets(octets: Vec<u8>) -> bool {
            view_reads_what_is_there(&octets).is_ok() && judge(&octets).is_ok()
        }

        fn octets_that_pass_for_a_datagram(octets: Vec<u8>, ihl: u8) -> bool {
            let mut octets = octets;
            octets.resize(octets.len().max(60), 0x5a);
            octets[0] = 0x45 + ihl % 11;
            let total_length = octets.len() as u16;
            octets[2..4].copy_from_slice(&total_length.to_be_bytes());
            view_reads_what_is_there(&octets).is_ok() && judge(&octets).is_ok()
        }
    }

    /// A view of one datagram held against another that differs in one bit of the header.
    #[test]
    fn each_bit_of_a_field_counts() {
        let octets: [u8; 20] = std::array::from_fn(|at| if at == 0 { 0x45 } else { 20 * u8::from(at == 3) });
        let view = Ipv4View::new(&octets).expect("it is a datagram");
        assert_eq!(wrong_bits(&view, Words::of(&octets)), 0);
        for bit in 8..160 {
            let mut other = octets;
            other[bit / 8] ^= 0x80 >> (bit % 8);
            let other = Words::of(&other);
            assert_ne!(wrong_bits(&view, other), 0, "bit {bit}");
            assert!(fields_are_in_place(&view, other).is_err(), "bit {bit}");
        }
    }
}
