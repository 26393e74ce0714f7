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
    if verify && !is_intact(message) {
        return Err(Refusal::Checksum);
    }
    if header[0] > MAX_TYPE { Err(Refusal::Type) } else { Ok(header[0]) }
}
