//! Answers of a capture, re-addressed to the DUT that hides those who asked.
//!
//! A capture shows the addresses of both ends. Where the DUT translates one of them, what comes back has to be sent to
//! the translated address, or it would open a connection of its own. Checksums are carried along by the difference
//! (RFC 1624), so that one that was wrong stays wrong.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DCCP: u8 = 33;
const UDP_LITE: u8 = 136;
/// ICMP types that quote a datagram.
const QUOTING: [u8; 5] = [3, 4, 5, 11, 12];

/// Offsets in an IPv4 header.
const HEADER_CHECKSUM: usize = 10;
const SOURCE: usize = 12;
const DESTINATION: usize = 16;

/// Which addresses are hidden, and behind which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Readdressing {
    pub(super) hidden: BTreeSet<Ipv4Addr>,
    pub(super) outside: Ipv4Addr,
}

impl Readdressing {
    /// Re-addresses `datagram` if it goes to a hidden address, and what it quotes from one. Whether it did.
    pub(super) fn apply(&self, datagram: &mut [u8]) -> bool {
        let Some(header_len) = header_len(datagram) else { return false };
        if !self.is_hidden(datagram, DESTINATION) {
            return false;
        }
        let icmp = header_len;
        let quoted = icmp + 8;
        let quotes = datagram[9] == ICMP
            && is_first_fragment(datagram)
            && datagram.get(icmp).is_some_and(|icmp_type| QUOTING.contains(icmp_type));
        if quotes
            && let Some(inner) = datagram.get_mut(quoted..)
            && let Some(inner_header_len) = self::header_len(inner)
            && self.is_hidden(inner, SOURCE)
        {
            let change = self.change(inner, SOURCE, inner_header_len);
            adjust(datagram, icmp + 2, change);
        }
        self.change(datagram, DESTINATION, header_len);
        true
    }

    fn is_hidden(&self, datagram: &[u8], at: usize) -> bool {
        let octets = [datagram[at], datagram[at + 1], datagram[at + 2], datagram[at + 3]];
        self.hidden.contains(&Ipv4Addr::from_octets(octets))
    }

    /// Puts the outside address at `at` and carries the checksums of the header and of the transport along. Returns by
    /// how much the sum of all words of the datagram changed.
    fn change(&self, datagram: &mut [u8], at: usize, header_len: usize) -> u16 {
        let before = [word(datagram, at), word(datagram, at + 2)];
        datagram[at..at + 4].copy_from_slice(&self.outside.octets());
        let after = [word(datagram, at), word(datagram, at + 2)];
        let address = add(add(!before[0], after[0]), add(!before[1], after[1]));
        let header = adjust(datagram, HEADER_CHECKSUM, address);
        let transport = match (datagram[9], is_first_fragment(datagram)) {
            (TCP, true) => adjust(datagram, header_len + 16, address),
            (DCCP | UDP_LITE, true) => adjust(datagram, header_len + 6, address),
            (UDP, true) => adjust_udp(datagram, header_len + 6, address),
            _ => 0,
        };
        add(address, add(header, transport))
    }
}

/// The length of the header, if `datagram` has one to work on.
fn header_len(datagram: &[u8]) -> Option<usize> {
    let len = usize::from(datagram.first()? & 0xf) * 4;
    (datagram[0] >> 4 == 4 && len >= 20 && datagram.len() >= len).then_some(len)
}

/// Whether the transport header is here.
fn is_first_fragment(datagram: &[u8]) -> bool {
    word(datagram, 6) & 0x1fff == 0
}

fn word(octets: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

/// One's complement sum.
fn add(a: u16, b: u16) -> u16 {
    let (sum, carries) = a.overflowing_add(b);
    sum + u16::from(carries)
}

/// Carries the checksum at `at` along with a change of what it sums up, if it is there. Returns the change of the
/// checksum itself.
fn adjust(datagram: &mut [u8], at: usize, change: u16) -> u16 {
    if datagram.len() < at + 2 {
        return 0;
    }
    let before = word(datagram, at);
    let after = !add(!before, change);
    datagram[at..at + 2].copy_from_slice(&after.to_be_bytes());
    add(!before, after)
}

/// As [`adjust`]; zero means that there is no checksum, so it stays, and a sum of zero is sent as all ones. RFC 768.
fn adjust_udp(datagram: &mut [u8], at: usize, change: u16) -> u16 {
    if datagram.len() < at + 2 || word(datagram, at) == 0 {
        return 0;
    }
    let moved = adjust(datagram, at, change);
    if word(datagram, at) == 0 {
        datagram[at..at + 2].fill(0xff);
    }
    // Zero and all ones are the same number here.
    moved
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    const INSIDE: [u8; 4] = [192, 168, 1, 2];
    const REMOTE: [u8; 4] = [8, 8, 8, 8];
    const OUTSIDE: [u8; 4] = [198, 19, 0, 1];

    fn readdressing() -> Readdressing {
        Readdressing { hidden: BTreeSet::from([INSIDE.into()]), outside: OUTSIDE.into() }
    }

    /// The Internet checksum over `parts`, each of even length. RFC 1071.
    fn sum(parts: &[&[u8]]) -> u16 {
        let words = parts.iter().flat_map(|part| part.chunks(2));
        let sum: u32 =
            words.map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        !((sum & 0xffff) + (sum >> 16)) as u16
    }

    /// A datagram with all checksums right.
    fn datagram(source: [u8; 4], destination: [u8; 4], protocol: u8, mut payload: Vec<u8>) -> Vec<u8> {
        let checksum_at = match protocol {
            TCP => 16,
            ICMP => 2,
            _ => 6,
        };
        let pseudo =
            [&source[..], &destination[..], &[0, protocol], &(payload.len() as u16).to_be_bytes()].concat();
        let pseudo: &[u8] = if protocol == ICMP { &[] } else { &pseudo };
        payload[checksum_at..checksum_at + 2].fill(0);
        let checksum = sum(&[pseudo, &payload]);
        payload[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
        let mut octets = vec![0x45, 0, 0, 20 + payload.len() as u8, 1, 2, 0, 0, 64, protocol, 0, 0];
        octets.extend(source);
        octets.extend(destination);
        let checksum = sum(&[&octets]);
        octets[10..12].copy_from_slice(&checksum.to_be_bytes());
        octets.extend(payload);
        octets
    }

    #[rstest]
    #[case::tcp(TCP)]
    #[case::udp(UDP)]
    #[case::dccp(DCCP)]
    #[case::udp_lite(UDP_LITE)]
    #[case::icmp(ICMP)]
    fn checksums_stay_right(#[case] protocol: u8) {
        let payload: Vec<u8> = (0..24).collect();
        let mut changed = datagram(REMOTE, INSIDE, protocol, payload.clone());
        assert!(readdressing().apply(&mut changed));
        assert_eq!(changed, datagram(REMOTE, OUTSIDE, protocol, payload));
    }

    /// An ICMP error about a datagram from `source`, cut off after `quoted_len` octets.
    fn error_about(source: [u8; 4], to: [u8; 4], protocol: u8, quoted_len: usize) -> Vec<u8> {
        let quoted = datagram(source, REMOTE, protocol, (0..24).collect());
        let mut payload = vec![3, 3, 0, 0, 0, 0, 0, 0];
        payload.extend(&quoted[..quoted_len]);
        datagram(REMOTE, to, ICMP, payload)
    }

    #[rstest]
    #[case::udp(UDP, 28)]
    #[case::udp_whole(UDP, 44)]
    #[case::tcp_without_checksum(TCP, 28)]
    #[case::tcp_with_checksum(TCP, 44)]
    fn the_quoted_datagram_follows(#[case] protocol: u8, #[case] quoted_len: usize) {
        let mut changed = error_about(INSIDE, INSIDE, protocol, quoted_len);
        assert!(readdressing().apply(&mut changed));
        assert_eq!(changed, error_about(OUTSIDE, OUTSIDE, protocol, quoted_len));
    }

    #[test]
    fn a_wrong_checksum_stays_wrong_and_a_missing_one_missing() {
        let mut wrong = datagram(REMOTE, INSIDE, UDP, (0..24).collect());
        wrong[10] ^= 1;
        assert!(readdressing().apply(&mut wrong));
        assert_ne!(sum(&[&wrong[..20]]), 0);
        let mut without = datagram(REMOTE, INSIDE, UDP, (0..24).collect());
        without[26..28].fill(0);
        assert!(readdressing().apply(&mut without));
        assert_eq!(without[26..28], [0, 0]);
    }

    #[test]
    fn a_later_fragment_has_no_transport_header() {
        let mut fragment = datagram(REMOTE, INSIDE, UDP, (0..24).collect());
        fragment[7] = 1;
        let payload = fragment[20..].to_vec();
        assert!(readdressing().apply(&mut fragment));
        assert_eq!(fragment[20..], payload);
    }

    #[test]
    fn what_goes_elsewhere_is_left_alone() {
        let original = datagram(INSIDE, REMOTE, UDP, (0..24).collect());
        let mut octets = original.clone();
        assert!(!readdressing().apply(&mut octets));
        assert_eq!(octets, original);
    }

    quickcheck! {
        fn random_octets_never_panic(octets: Vec<u8>, ihl: u8, icmp: bool) -> bool {
            let mut octets = octets;
            if octets.len() >= 20 {
                octets[0] = 0x40 | ihl & 0xf;
                octets[9] = if icmp { ICMP } else { octets[9] };
                octets[16..20].copy_from_slice(&INSIDE);
            }
            let len = octets.len();
            readdressing().apply(&mut octets);
            octets.len() == len
        }
    }
}
