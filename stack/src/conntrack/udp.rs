//! UDP and UDP-Lite: sanity of a datagram, and the rule that makes a stream of several.

use super::entry::{Entry, HZ, Jiffies, Status};
use super::judgment::{Invalidity, Judgment, Progress};
use super::octets::be16;
use crate::wire::Protocol;
use crate::wire::checksum::Sum;

use super::config::ConntrackConfig;
use super::tuple::Tuple;

/// How long after the first datagram a conversation may count as a stream.
pub(crate) const STREAM_DELAY: Jiffies = 2 * HZ;

/// Examines the UDP datagram that fills `transport`.
///
/// As in Linux the checksum covers everything behind the IP header, whatever the UDP length says, so padding there
/// makes it wrong.
pub(crate) fn check(tuple: Tuple, transport: &[u8], verify: bool) -> Result<(), Invalidity> {
    let checksum = check_length(transport).ok_or(Invalidity::UdpMalformed)?;
    if verify && checksum != 0 && !is_sum_intact(tuple, Protocol::Udp, transport, transport.len()) {
        return Err(Invalidity::UdpChecksum);
    }
    Ok(())
}

/// Whether the UDP datagram that fills `transport` has a length that is possible, and a checksum.
pub(crate) fn has_checksum(transport: &[u8]) -> bool {
    check_length(transport).is_some_and(|checksum| checksum != 0)
}

/// The checksum of a UDP datagram whose length is possible.
fn check_length(transport: &[u8]) -> Option<u16> {
    let (length, checksum) = (be16(transport, 4)?, be16(transport, 6)?);
    (length >= 8 && usize::from(length) <= transport.len()).then_some(checksum)
}

/// Examines the UDP-Lite datagram that fills `transport`. A zero checksum is forbidden. RFC 3828 §3.1.
///
/// As in Linux the pseudo header names UDP and holds the low octet of the length only, so that checksums made by the
/// letter of RFC 3828 are wrong.
pub(crate) fn check_lite(tuple: Tuple, transport: &[u8], verify: bool) -> Result<(), Invalidity> {
    let (Some(coverage), Some(checksum)) = (be16(transport, 4), be16(transport, 6)) else {
        return Err(Invalidity::UdpMalformed);
    };
    let covered = if coverage == 0 { transport.len() } else { usize::from(coverage) };
    if covered < 8 || covered > transport.len() {
        return Err(Invalidity::UdpMalformed);
    }
    let len = (transport.len() & 0xff) as u16;
    let pseudo = Sum::of_pseudo_header(tuple.source, tuple.destination, Protocol::Udp, len);
    let is_intact = || (pseudo + Sum::of(transport.get(..covered).unwrap_or(transport))).is_intact();
    if checksum == 0 || (verify && !is_intact()) {
        return Err(Invalidity::UdpLiteChecksum);
    }
    Ok(())
}

/// Whether the first `covered` octets and the pseudo header sum to all ones.
pub(crate) fn is_sum_intact(tuple: Tuple, protocol: Protocol, transport: &[u8], covered: usize) -> bool {
    let Ok(len) = u16::try_from(transport.len()) else { return false };
    let Some(covered) = transport.get(..covered) else { return false };
    let pseudo = Sum::of_pseudo_header(tuple.source, tuple.destination, protocol, len);
    (pseudo + Sum::of(covered)).is_intact()
}

/// Follows a UDP-Lite datagram of the entry: once an answer was seen it is a stream, however soon.
pub(crate) fn track_lite(entry: &Entry, config: &ConntrackConfig) -> Judgment {
    if !entry.status.contains(Status::SEEN_REPLY) {
        return Judgment::Accept(Progress::lives(config.udp_timeout));
    }
    let assured = !entry.status.intersects(Status::ASSURED | Status::NAT_CLASH);
    Judgment::Accept(Progress { assured, changed: assured, ..Progress::lives(config.udp_timeout_stream) })
}

/// Follows a datagram of the entry: both ways and later than two seconds after the first, it is a stream.
pub(crate) fn track(entry: &Entry, now: Jiffies, config: &ConntrackConfig) -> Judgment {
    if !entry.status.contains(Status::SEEN_REPLY) || now <= entry.detail.as_stream_after() {
        return Judgment::Accept(Progress::lives(config.udp_timeout));
    }
    let assured = !entry.status.intersects(Status::ASSURED | Status::NAT_CLASH);
    Judgment::Accept(Progress { assured, changed: assured, ..Progress::lives(config.udp_timeout_stream) })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{A, B};
    use super::super::tuple::protocol;
    use super::*;

    const LITE: Tuple =
        Tuple { source: A, destination: B, source_id: 3000, destination_id: 53, protocol: protocol::UDPLITE };

    /// As the live kernel: the length in the pseudo header is taken modulo 256 (`stack/spec/linux-conntrack-nat.md` §2.9).
    #[rstest::rstest]
    #[case::below(255, 255, true)]
    #[case::letter_of_the_rfc(256, 256, false)]
    #[case::low_octet(256, 0, true)]
    #[case::low_octet_of_more(1000, 1000 & 0xff, true)]
    fn pseudo_header_of_udp_lite_holds_the_low_octet(
        #[case] len: usize,
        #[case] summed_len: u16,
        #[case] is_valid: bool,
    ) {
        let mut datagram = alloc::vec![0x5a; len];
        datagram[4..8].copy_from_slice(&[0, 8, 0, 0]);
        let pseudo = Sum::of_pseudo_header(A, B, Protocol::Udp, summed_len);
        let sum = (pseudo + Sum::of(&datagram[..8])).checksum();
        datagram[6..8].copy_from_slice(&sum.to_be_bytes());
        assert_eq!(check_lite(LITE, &datagram, true).is_ok(), is_valid);
        assert!(check_lite(LITE, &datagram, false).is_ok());
    }

    /// RFC 3828 §3.1: a coverage of 0 is the whole datagram; below 8 octets, and above its length, there is none.
    #[rstest::rstest]
    #[case::whole(0, 12, true)]
    #[case::least(8, 12, true)]
    #[case::below(7, 12, false)]
    #[case::length(12, 12, true)]
    #[case::beyond(13, 12, false)]
    #[case::whole_of_too_little(0, 7, false)]
    #[case::no_coverage(0, 5, false)]
    fn coverage_of_udp_lite(#[case] coverage: u8, #[case] len: usize, #[case] is_possible: bool) {
        let datagram = [0, 1, 0, 2, 0, coverage, 1, 1, 0, 0, 0, 0];
        assert_eq!(check_lite(LITE, &datagram[..len], false).is_ok(), is_possible);
    }

    /// Length and checksum of a datagram of 12 octets, and what is wrong with it (`stack/spec/linux-conntrack-nat.md`
    /// §2.7).
    #[rstest::rstest]
    #[case::no_checksum(12, 0, None)]
    #[case::header_alone(8, 0, None)]
    #[case::shorter_than_a_header(7, 0, Some(Invalidity::UdpMalformed))]
    #[case::longer_than_there_is(13, 0, Some(Invalidity::UdpMalformed))]
    #[case::wrong_checksum(12, 1, Some(Invalidity::UdpChecksum))]
    fn udp_datagrams(#[case] length: u8, #[case] checksum: u8, #[case] expected: Option<Invalidity>) {
        let tuple = Tuple { protocol: protocol::UDP, ..LITE };
        let datagram = [11, 184, 0, 53, 0, length, 0, checksum, 1, 2, 3, 4];
        assert_eq!(check(tuple, &datagram, true).err(), expected);
        let is_malformed = expected == Some(Invalidity::UdpMalformed);
        assert_eq!(check(tuple, &datagram, false).is_err(), is_malformed);
        assert_eq!(has_checksum(&datagram), checksum != 0 && !is_malformed);
        assert!(check(tuple, &super::super::testing::udp(A, B, (3000, 53)), true).is_ok());
    }

    #[test]
    fn udp_lite_is_a_stream_once_it_is_answered() {
        let config = ConntrackConfig::default();
        let mut entry = Entry::new(LITE, LITE.invert().unwrap(), 0);
        assert_eq!(track_lite(&entry, &config), Judgment::Accept(Progress::lives(config.udp_timeout)));
        entry.status |= Status::SEEN_REPLY;
        let stream = Progress::lives(config.udp_timeout_stream);
        let first = Progress { assured: true, changed: true, ..stream };
        assert_eq!(track_lite(&entry, &config), Judgment::Accept(first));
        entry.status |= Status::ASSURED;
        assert_eq!(track_lite(&entry, &config), Judgment::Accept(stream));
    }
}
