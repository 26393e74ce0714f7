//! How far into a packet translation reaches.
//!
//! A reassembled datagram is cut again where it was cut before, unless translation needed octets beyond its first
//! fragment: then the modeled kernel has moved them together, and forgets where the cuts were.

use super::field::read;
use crate::conntrack::protocol;

/// Octets from the start of the datagram that translation at one hook needs together; `is_error` is whether it is an
/// ICMP error about a connection, `is_rewritten` whether it was rewritten.
pub fn reach(octets: &[u8], is_error: bool, is_rewritten: bool) -> usize {
    let transport = header_len(octets, 0);
    if !is_error {
        return if is_rewritten { transport + transport_reach(octets, 0) } else { 0 };
    }
    let quoted = transport + 8;
    let fixed = quoted + 20;
    if !is_rewritten {
        return fixed;
    }
    fixed.max(quoted + header_len(octets, quoted) + transport_reach(octets, quoted))
}

fn header_len(octets: &[u8], header: usize) -> usize {
    octets.get(header).map_or(0, |first| usize::from(first & 15) * 4)
}

/// Octets of the transport header that are needed of the datagram that begins at `header`.
fn transport_reach(octets: &[u8], header: usize) -> usize {
    let available = octets.len().saturating_sub(header + header_len(octets, header));
    match read(octets, header + 8) as u8 {
        protocol::TCP if available >= 20 => 20,
        protocol::SCTP if available >= 12 => 12,
        protocol::TCP
        | protocol::SCTP
        | protocol::UDP
        | protocol::UDPLITE
        | protocol::ICMP
        | protocol::GRE => 8,
        _ => 0,
    }
}
