//! ICMP queries and their answers; which message answers which.

use crate::wire::checksum::is_intact;

/// Queries by type and their answers.
const QUERIES: [(u8, u8); 4] = [(8, 0), (13, 14), (15, 16), (17, 18)];
/// ICMPv6 queries by type and their answers.
const QUERIES_V6: [(u8, u8); 2] = [(128, 129), (139, 140)];
/// Greatest type that is not refused outright.
const MAX_TYPE: u8 = 18;

/// The type that answers `icmp_type`, or that it answers; `None` if neither exists.
pub(crate) fn inverse(icmp_type: u8) -> Option<u8> {
    other_of(&QUERIES, icmp_type)
}

/// Same as [`inverse`] for ICMPv6.
pub(crate) fn inverse_v6(icmp_type: u8) -> Option<u8> {
    other_of(&QUERIES_V6, icmp_type)
}

fn other_of(pairs: &[(u8, u8)], icmp_type: u8) -> Option<u8> {
    pairs.iter().find_map(|&(query, answer)| match icmp_type {
        t if t == query => Some(answer),
        t if t == answer => Some(query),
        _ => None,
    })
}

/// Whether an entry may begin with, or live on, messages of this type.
pub(crate) fn is_query(icmp_type: u8) -> bool {
    QUERIES.iter().any(|&(query, _)| query == icmp_type)
}

/// Whether the message carries an identifier that NAT rewrites.
pub(crate) fn has_identifier(icmp_type: u8) -> bool {
    inverse(icmp_type).is_some()
}

/// Whether the message is an error and quotes the datagram it is about.
pub(crate) fn is_error(icmp_type: u8) -> bool {
    matches!(icmp_type, 3 | 4 | 5 | 11 | 12)
}

/// Why an ICMP message is refused before it is tracked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Less than 8 octets.
    Short,
    /// The checksum is wrong.
    Checksum,
    /// A type beyond 18.
    Type,
}

/// Examines the `message` of an ICMP datagram, and tells its type.
pub(crate) fn precheck(message: &[u8], verify: bool) -> Result<u8, Refusal> {
    let Some(header) = message.get(..8) else { return Err(Refusal::Short) };
    // Linux sums up the header in front as well, whose sum is that of ones: a message of zeros comes to the same.
    let is_intact = |message: &[u8]| is_intact(message) || message.iter().all(|octet| *octet == 0);
    if verify && !is_intact(message) {
        return Err(Refusal::Checksum);
    }
    if header[0] > MAX_TYPE { Err(Refusal::Type) } else { Ok(header[0]) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::short(&[8, 0, 0xf7, 0xff, 0, 0, 0], Err(Refusal::Short))]
    #[case::intact(&[8, 0, 0xf7, 0xff, 0, 0, 0, 0], Ok(8))]
    #[case::checksum(&[8, 0, 0xf7, 0xfe, 0, 0, 0, 0], Err(Refusal::Checksum))]
    #[case::zeros(&[0; 8], Ok(0))]
    #[case::zeros_but_for_the_type(&[8, 0, 0, 0, 0, 0, 0, 0], Err(Refusal::Checksum))]
    #[case::highest_type(&[18, 0, 0xed, 0xff, 0, 0, 0, 0], Ok(18))]
    #[case::type_beyond(&[19, 0, 0xec, 0xff, 0, 0, 0, 0], Err(Refusal::Type))]
    #[case::last_type(&[255, 0, 0, 0xff, 0, 0, 0, 0], Err(Refusal::Type))]
    fn messages(#[case] message: &[u8], #[case] expected: Result<u8, Refusal>) {
        assert_eq!(precheck(message, true), expected);
        let unverified = if expected == Err(Refusal::Checksum) { Ok(8) } else { expected };
        assert_eq!(precheck(message, false), unverified);
    }

    #[test]
    fn queries_and_their_answers() {
        let pairs = |inverse: fn(u8) -> Option<u8>| -> std::vec::Vec<(u8, u8)> {
            (0..=255).filter_map(|icmp_type| Some((icmp_type, inverse(icmp_type)?))).collect()
        };
        let expected = [(0, 8), (8, 0), (13, 14), (14, 13), (15, 16), (16, 15), (17, 18), (18, 17)];
        assert_eq!(pairs(inverse), expected);
        assert_eq!(pairs(inverse_v6), [(128, 129), (129, 128), (139, 140), (140, 139)]);
    }
}
