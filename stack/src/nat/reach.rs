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
        protocol::TCP | protocol::UDP | protocol::UDPLITE | protocol::ICMP | protocol::GRE => 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use std::vec::Vec;

    use super::*;

    /// The beginning of a datagram with a header of `words` words and `payload` octets behind it.
    fn datagram(words: u8, protocol: u8, payload: usize) -> Vec<u8> {
        let mut octets = std::vec![0; usize::from(words) * 4 + payload];
        (octets[0], octets[9]) = (0x40 | words, protocol);
        octets
    }

    #[rstest]
    #[case::tcp(5, protocol::TCP, 20, 40)]
    #[case::tcp_cut_off(5, protocol::TCP, 19, 28)]
    #[case::tcp_behind_options(6, protocol::TCP, 20, 44)]
    #[case::udp(5, protocol::UDP, 100, 28)]
    #[case::icmp(15, protocol::ICMP, 8, 68)]
    #[case::another(5, 99, 100, 20)]
    fn of_a_datagram(
        #[case] words: u8,
        #[case] protocol: u8,
        #[case] payload: usize,
        #[case] expected: usize,
    ) {
        let octets = datagram(words, protocol, payload);
        assert_eq!((reach(&octets, false, true), reach(&octets, false, false)), (expected, 0));
    }

    /// Behind 28 octets of the error itself.
    #[rstest]
    #[case::tcp(5, protocol::TCP, 20, 28 + 40)]
    #[case::tcp_cut_off(5, protocol::TCP, 8, 28 + 28)]
    #[case::udp_behind_options(7, protocol::UDP, 8, 28 + 36)]
    #[case::another(5, 99, 8, 28 + 20)]
    #[case::header_that_says_it_is_short(1, protocol::UDP, 24, 28 + 20)]
    fn of_an_error(#[case] words: u8, #[case] protocol: u8, #[case] payload: usize, #[case] expected: usize) {
        let octets = [datagram(5, protocol::ICMP, 8), datagram(words, protocol, payload)].concat();
        assert_eq!((reach(&octets, true, true), reach(&octets, true, false)), (expected, 48));
    }
}
