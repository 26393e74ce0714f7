use quickcheck::quickcheck;
use rstest::rstest;

use super::*;

/// Stands for the datagram, first octet 0x45.
const IP: [u8; 4] = [0x45, 0xde, 0xad, 0x00];

/// `parts` in hexadecimal, spaces ignored, then [`IP`].
fn with_ip(hex: &str) -> Vec<u8> {
    let mut octets = hex_octets(hex);
    octets.extend(IP);
    octets
}

fn hex_octets(hex: &str) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

const TO_US: &str = "020000000001 020000000002";

#[rstest]
#[case::ethernet(1, "020000000001 020000000002 0800", LinkClass::Unicast)]
#[case::ethernet_broadcast(1, "ffffffffffff 020000000002 0800", LinkClass::Broadcast)]
#[case::ethernet_multicast(1, "01005e000001 020000000002 0800", LinkClass::Multicast)]
#[case::vlan(1, "020000000001 020000000002 8100 2001 0800", LinkClass::Unicast)]
#[case::qinq(1, "020000000001 020000000002 88a8 0064 8100 2001 0800", LinkClass::Unicast)]
#[case::old_qinq(1, "020000000001 020000000002 9100 0064 8100 2001 0800", LinkClass::Unicast)]
#[case::mpls(1, "020000000001 020000000002 8847 00010040 00020140", LinkClass::Unicast)]
#[case::pppoe(1, "020000000001 020000000002 8864 1100 0001 0006 0021", LinkClass::Unicast)]
#[case::llc_snap(1, "020000000001 020000000002 000c aaaa03 000000 0800", LinkClass::Unicast)]
#[case::llc_ip(1, "020000000001 020000000002 0007 060603", LinkClass::Unicast)]
#[case::token_ring(6, "1040 020000000001 020000000002 aaaa03 000000 0800", LinkClass::Unicast)]
#[case::token_ring_routed(
    6,
    "1040 c000ffffffff 820000000002 0430 0011 aaaa03 000000 0800",
    LinkClass::Broadcast
)]
#[case::fddi(10, "50 ffffffffffff 020000000002 aaaa03 000000 0800", LinkClass::Broadcast)]
#[case::null_little(0, "02000000", LinkClass::Unicast)]
#[case::null_big(0, "00000002", LinkClass::Unicast)]
#[case::openbsd_loop(108, "00000002", LinkClass::Unicast)]
#[case::raw_bsd(12, "", LinkClass::Unicast)]
#[case::raw_openbsd(14, "", LinkClass::Unicast)]
#[case::raw(101, "", LinkClass::Unicast)]
#[case::ipv4(228, "", LinkClass::Unicast)]
#[case::ppp(9, "ff03 0021", LinkClass::Unicast)]
#[case::ppp_bare(9, "0021", LinkClass::Unicast)]
#[case::ppp_compressed(9, "21", LinkClass::Unicast)]
#[case::ppp_mpls(9, "ff03 0281 00010140", LinkClass::Unicast)]
#[case::ppp_hdlc(50, "ff03 0021", LinkClass::Unicast)]
#[case::ppp_hdlc_cisco(50, "0f00 0800", LinkClass::Unicast)]
#[case::ppp_ether(51, "1100 0001 0006 0021", LinkClass::Unicast)]
#[case::ppp_with_direction(204, "01 ff03 0021", LinkClass::Unicast)]
#[case::cisco_hdlc(104, "0f00 0800", LinkClass::Unicast)]
#[case::sll(113, "0000 0001 0006 0200000000020000 0800", LinkClass::Unicast)]
#[case::sll_broadcast(113, "0001 0001 0006 0200000000020000 0800", LinkClass::Broadcast)]
#[case::sll_vlan(113, "0002 0001 0006 0200000000020000 8100 0001 0800", LinkClass::Multicast)]
#[case::sll2(276, "0800 0000 00000001 0001 01 06 0200000000020000", LinkClass::Broadcast)]
#[case::wifi_from_ds(
    105,
    "0802 0000 020000000001 020000000002 020000000003 1000 aaaa03 000000 0800",
    LinkClass::Unicast
)]
#[case::wifi_to_ds(
    105,
    "0801 0000 020000000001 020000000002 ffffffffffff 1000 aaaa03 000000 0800",
    LinkClass::Broadcast
)]
#[case::wifi_four_addresses(
    105,
    "0803 0000 020000000001 020000000002 01005e000001 1000 020000000004 aaaa03 000000 0800",
    LinkClass::Multicast
)]
#[case::wifi_qos(
    105,
    "8802 0000 020000000001 020000000002 020000000003 1000 0000 aaaa03 000000 0800",
    LinkClass::Unicast
)]
#[case::radiotap(
    127,
    "0000 0800 00000000 0802 0000 020000000001 020000000002 020000000003 1000 aaaa03 000000 0800",
    LinkClass::Unicast
)]
#[case::radiotap_padded(
    127,
    "0000 1200 03000000 0000000000000000 2000 8802 0000 020000000001 020000000002 020000000003 1000 0000 0000 aaaa03 000000 0800",
    LinkClass::Unicast
)]
#[case::avs(
    163,
    "80211001 00000008 0802 0000 020000000001 020000000002 020000000003 1000 aaaa03 000000 0800",
    LinkClass::Unicast
)]
#[case::prism_with_avs(
    119,
    "80211001 00000008 0802 0000 020000000001 020000000002 020000000003 1000 aaaa03 000000 0800",
    LinkClass::Unicast
)]
fn datagram_is_found(#[case] link_type: u32, #[case] header: &str, #[case] class: LinkClass) {
    assert_eq!(datagram(link_type, &with_ip(header)), Ok(Datagram { octets: &IP, class }));
}

#[test]
fn prism_header_is_passed_over() {
    let mut frame = vec![0; 144];
    frame.extend(with_ip("0802 0000 020000000001 020000000002 020000000003 1000 aaaa03 000000 0800"));
    assert_eq!(datagram(119, &frame).unwrap().octets, IP);
}

#[test]
fn radiotap_check_sequence_is_taken_off() {
    let mut frame = with_ip(
        "0000 0900 02000000 10 0802 0000 020000000001 020000000002 020000000003 1000 aaaa03 000000 0800",
    );
    frame.extend([1, 2, 3, 4]);
    assert_eq!(datagram(127, &frame).unwrap().octets, IP);
}

#[rstest]
#[case::arp(1, "020000000001 020000000002 0806", "not-ipv4:arp")]
#[case::ipv6(1, "020000000001 020000000002 86dd", "not-ipv4:ipv6")]
#[case::lldp(1, "020000000001 020000000002 88cc", "not-ipv4:lldp")]
#[case::odd(1, "020000000001 020000000002 88f7", "not-ipv4:ethertype-0x88f7")]
#[case::spanning_tree(1, "0180c2000000 020000000002 0026 424203", "not-ipv4:spanning-tree")]
#[case::novell(1, "ffffffffffff 020000000002 0026 ffff00", "not-ipv4:novell")]
#[case::mpls_pseudowire(1, "020000000001 020000000002 8847 00010140 00000000", "not-ipv4:mpls")]
#[case::pppoe_discovery(1, "020000000001 020000000002 8864 1109 0001 0006 0021", "not-ipv4:pppoe-discovery")]
#[case::fddi_token(10, "80 ffffffffffff 020000000002 aaaa03 000000 0800", "not-ipv4:fddi-control")]
#[case::null_ipv6(0, "1e000000", "not-ipv4:ipv6")]
#[case::null_other(0, "07000000", "not-ipv4:address-family")]
#[case::raw_ipv6(101, "60", "not-ipv4:ipv6")]
#[case::linktype_ipv6(229, "60", "not-ipv4:ipv6")]
#[case::lcp(9, "ff03 c021", "not-ipv4:ppp-0xc021")]
#[case::slarp(104, "8f00 8035", "not-ipv4:slarp")]
#[case::beacon(105, "8000 0000", "not-ipv4:wifi-management")]
#[case::encrypted(105, "0842 0000", "not-ipv4:wifi-encrypted")]
#[case::no_data(105, "4801 0000", "not-ipv4:wifi-no-data")]
#[case::amsdu(105, "8802 0000 020000000001 020000000002 020000000003 1000 8000", "not-ipv4:wifi-amsdu")]
#[case::user_link(147, "", "link-type 147")]
fn other_frames_have_a_name(#[case] link_type: u32, #[case] header: &str, #[case] name: &str) {
    assert_eq!(datagram(link_type, &with_ip(header)).unwrap_err().to_string(), name);
}

#[test]
fn ethernet_padding_stays_and_a_length_field_trims() {
    let mut frame = with_ip(&format!("{TO_US} 0800"));
    frame.extend([0; 7]);
    assert_eq!(datagram(1, &frame).unwrap().octets.len(), IP.len() + 7);
    let mut frame = with_ip(&format!("{TO_US} 000c aaaa03 000000 0800"));
    frame.extend([0; 7]);
    assert_eq!(datagram(1, &frame).unwrap().octets, IP);
    let mut frame = with_ip(&format!("{TO_US} 8864 1100 0001 0006 0021"));
    frame.extend([0; 7]);
    assert_eq!(datagram(1, &frame).unwrap().octets, IP);
}

#[test]
fn every_cut_inside_the_link_header_has_its_name() {
    let frame = with_ip(&format!("{TO_US} 88a8 0064 8100 2001 0800"));
    for len in 0..frame.len() - IP.len() {
        assert_eq!(datagram(1, &frame[..len]), Err(SkipReason::LinkHeaderCutOff), "cut at {len}");
    }
}

#[test]
fn wrong_version_is_handed_on() {
    assert_eq!(datagram(101, &[0x55]).unwrap().octets, [0x55]);
    assert_eq!(datagram(228, &[0x65]).unwrap().octets, [0x65]);
    assert!(datagram(101, &[]).unwrap().octets.is_empty());
}

quickcheck! {
    fn random_frames_never_panic(link_type: u8, frame: Vec<u8>) -> bool {
        let link_types = [0, 1, 6, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 204, 228, 276];
        let link_type = link_types[usize::from(link_type) % link_types.len()];
        datagram(link_type, &frame).map_or(true, |datagram| frame.ends_with(datagram.octets) || datagram.octets.len() < frame.len())
    }
}
