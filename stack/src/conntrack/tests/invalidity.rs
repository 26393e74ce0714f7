//! Why packets belong to nothing, and which counter moves (`stack/spec/linux-conntrack-nat.md` §2, §3.1, §4.4, §8.3).

use std::collections::BTreeSet;

use super::super::testing::ip_with;
use super::*;

fn o(tcp: Tcp<'_>) -> Vec<u8> {
    ip(A, B, 6, &tcp.octets(A, B))
}

fn r(tcp: Tcp<'_>) -> Vec<u8> {
    ip(B, A, 6, &tcp.octets(B, A))
}

/// A connection of TCP, its handshake complete.
fn handshake() -> Vec<Vec<u8>> {
    [
        o(Tcp::new((1000, 80), "S", 100, 0)),
        r(Tcp::new((80, 1000), "SA", 500, 101)),
        o(Tcp::new((1000, 80), "A", 101, 501)),
    ]
    .to_vec()
}

/// `datagram` with an octet inverted.
fn spoiled(mut datagram: Vec<u8>, at: usize) -> Vec<u8> {
    datagram[at] ^= 0xff;
    datagram
}

/// Each reason with a packet that has it, and the packets that it follows.
fn rows() -> Vec<(Invalidity, Vec<u8>, Vec<Vec<u8>>)> {
    use Invalidity as Why;
    let first_udp = || packet(17, false);
    let syn = || packet(6, false);
    let cut_off = |datagram: Vec<u8>, len: usize| datagram[..len].to_vec();
    let from_o = |flags, sequence, acknowledgment| o(Tcp::new((1000, 80), flags, sequence, acknowledgment));
    let from_r = |flags, sequence, acknowledgment| r(Tcp::new((80, 1000), flags, sequence, acknowledgment));
    [
        (Why::NoTransport, cut_off(ip_with(A, B, 17, &[1; 8], &[]), 27), Vec::new()),
        (Why::NoTuple, ip(A, B, 17, &[0, 1, 0]), Vec::new()),
        (Why::NotInvertible, ip(A, B, 1, &query(10, 0, 7)), Vec::new()),
        (Why::IcmpShort, cut_off(packet(1, false), 27), Vec::new()),
        (Why::IcmpChecksum, spoiled(packet(1, false), 30), Vec::new()),
        (Why::IcmpType, ip(A, B, 1, &query(19, 0, 7)), Vec::new()),
        (Why::QuoteUnusable, error_to(A, &cut_off(first_udp(), 23)), Vec::new()),
        (Why::QuoteUnknown, error_to(A, &first_udp()), Vec::new()),
        (Why::QuoteMisdirected, error_to(A2, &first_udp()), [first_udp()].to_vec()),
        (Why::UnsolicitedAnswer, ip(A, B, 1, &query(0, 0, 7)), Vec::new()),
        (Why::UdpMalformed, cut_off(first_udp(), 28), Vec::new()),
        (Why::UdpChecksum, spoiled(first_udp(), 28), Vec::new()),
        (Why::UdpLiteChecksum, spoiled(packet(136, false), 28), Vec::new()),
        (Why::Sctp, ip(A, B, 132, &[0; 12]), Vec::new()),
        (Why::Icmpv6, ip(A, B, 58, &[128, 0, 0, 0, 0, 7, 0, 1]), Vec::new()),
        (Why::TcpMalformed, cut_off(syn(), 39), Vec::new()),
        (Why::TcpChecksum, spoiled(syn(), 34), Vec::new()),
        (Why::TcpFlags, from_o("SF", 100, 0), Vec::new()),
        (Why::TcpNotFirst, from_o("FA", 100, 500), Vec::new()),
        (Why::TcpNotLoose, from_o("A", 100, 500), Vec::new()),
        (Why::TcpState, from_r("S", 5000, 0), handshake()),
        (Why::TcpReset, from_r("R", 400, 0), handshake()),
        (Why::TcpWindow, from_o("A", 101, 5000), handshake()),
    ]
    .to_vec()
}

#[test]
fn each_reason_is_told_and_counted() {
    let mut names = BTreeSet::new();
    for (why, datagram, before) in rows() {
        let mut conntrack = tracker(|config| config.tcp.loose = why != Invalidity::TcpNotLoose);
        for datagram in &before {
            assert_ne!(pass(&mut conntrack, START, datagram), "invalid");
        }
        let mut attachment = Attachment::NONE;
        let said = conntrack.classify(START, Entrance::Prerouting, &datagram, 0, &mut attachment);
        assert_eq!((said, attachment), (Classification::Invalid(why), Attachment::NONE));
        let Statistics { invalid, icmp_error, .. } = conntrack.statistics;
        let is_refused_icmp = format!("{why:?}").starts_with("Icmp") && why != Invalidity::Icmpv6;
        let is_refused_error = format!("{why:?}").starts_with("Quote");
        let expected = if is_refused_icmp || is_refused_error { (0, 1) } else { (1, 0) };
        assert_eq!((invalid, icmp_error), expected, "{why:?}");
        assert!(!why.name().is_empty() && names.insert(why.name()), "{why:?}");
    }
}
