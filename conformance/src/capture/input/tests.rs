use quickcheck::quickcheck;
use rstest::rstest;

use super::super::test_file::{Order, TestFile};
use super::*;

/// What a test compares of a packet: number, link type, time, octets, original length.
type Row = (u64, u32, Option<i64>, Vec<u8>, u64);

/// All packets, and how the file ended.
#[track_caller]
fn read(octets: &[u8]) -> (Vec<Row>, Result<Option<CutOff>, CaptureError>) {
    let file = TestFile::new(octets);
    let mut reader = CaptureReader::open(file.path(), None).expect("opens");
    let mut rows = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(packet)) => rows.push((
                packet.number,
                packet.link_type,
                packet.time_ns,
                packet.octets.to_vec(),
                packet.original_len,
            )),
            Ok(None) => return (rows, Ok(reader.cut_off().cloned())),
            Err(error) => {
                assert!(matches!(reader.next(), Ok(None)), "nothing follows an error");
                return (rows, Err(error));
            }
        }
    }
}

#[rstest]
#[case::microseconds(false, 0xa1b2_c3d4, 1_000_000_007_000)]
#[case::microseconds_big(true, 0xa1b2_c3d4, 1_000_000_007_000)]
#[case::nanoseconds(false, 0xa1b2_3c4d, 1_000_000_000_007)]
#[case::nanoseconds_big(true, 0xa1b2_3c4d, 1_000_000_000_007)]
fn pcap_in_both_orders_and_resolutions(#[case] big: bool, #[case] magic: u32, #[case] time: i64) {
    let order = Order { big };
    let mut file = order.pcap_header(magic, 228);
    file.extend(order.pcap_packet(1000, 7, &[0x45, 1, 2], 3));
    file.extend(order.pcap_packet(1000, 7, &[0x45], 9));
    let (rows, end) = read(&file);
    assert_eq!(rows, [(1, 228, Some(time), vec![0x45, 1, 2], 3), (2, 228, Some(time), vec![0x45], 9)]);
    assert_eq!(end.unwrap(), None);
}

#[test]
fn raw_ip_of_a_pcap_file_has_libpcaps_number() {
    let order = Order { big: false };
    let mut file = order.pcap_header(0xa1b2_c3d4, 101);
    file.extend(order.pcap_packet(0, 0, &[0x45], 1));
    assert_eq!(read(&file).0[0].1, 12);
}

#[test]
fn pcapng_with_two_sections_of_opposite_order() {
    let (little, big) = (Order { big: false }, Order { big: true });
    let mut file = little.section();
    file.extend(little.interface(1, 0, &[]));
    file.extend(little.interface(101, 0, &[(9, &[9])]));
    file.extend(little.enhanced(1, 5, &[0x45, 9], 2));
    file.extend(little.enhanced(0, 5, &[1, 2, 3], 60));
    file.extend(big.section());
    // 2^-10 s ticks, and an offset of one second.
    file.extend(big.interface(0, 2, &[(9, &[0x8a]), (14, &[0, 0, 0, 0, 0, 0, 0, 1])]));
    file.extend(big.enhanced(0, 1024, &[0, 0, 0, 2, 0x45], 5));
    file.extend(big.simple(&[7, 8], 4));
    let (rows, end) = read(&file);
    let expected: [Row; 4] = [
        (1, 101, Some(5), vec![0x45, 9], 2),
        (2, 1, Some(5000), vec![1, 2, 3], 60),
        (3, 0, Some(2_000_000_000), vec![0, 0, 0, 2, 0x45], 5),
        (4, 0, None, vec![7, 8], 4),
    ];
    assert_eq!(rows, expected);
    assert_eq!(end.unwrap(), None);
}

#[test]
fn obsolete_packet_block_is_read_and_unknown_blocks_are_passed_over() {
    let order = Order { big: true };
    let mut file = order.section();
    file.extend(order.interface(1, 0, &[]));
    file.extend(order.block(0x0bad, &[1, 2, 3, 4]));
    let mut body = vec![0, 0, 0, 0];
    for value in [0, 3, 2, 6] {
        body.extend(order.word(value));
    }
    body.extend([0xaa, 0xbb]);
    file.extend(order.block(2, &body));
    assert_eq!(read(&file).0, [(1, 1, Some(3000), vec![0xaa, 0xbb], 6)]);
}

#[rstest]
#[case::pcap(true)]
#[case::pcapng(false)]
fn a_file_cut_anywhere_gives_its_whole_packets(#[case] is_pcap: bool) {
    let order = Order { big: false };
    let packet = |octets: &[u8]| match is_pcap {
        true => order.pcap_packet(1, 1, octets, 4),
        false => order.enhanced(0, 1, octets, 4),
    };
    let mut file = match is_pcap {
        true => order.pcap_header(0xa1b2_c3d4, 1),
        false => [order.section(), order.interface(1, 0, &[])].concat(),
    };
    file.extend(packet(&[1, 2, 3, 4]));
    let whole = file.len();
    file.extend(packet(&[5, 6, 7, 8]));
    for len in whole..file.len() {
        let (rows, end) = read(&file[..len]);
        assert_eq!(rows.len(), 1);
        let cut_off = end.unwrap();
        assert_eq!(cut_off.is_some(), len != whole, "cut at {len}");
        if let Some(cut_off) = cut_off {
            assert_eq!((cut_off.offset, cut_off.packet), (whole as u64, 2));
        }
    }
}

#[test]
fn a_lying_length_is_an_error_with_offset_and_packet() {
    let order = Order { big: false };
    let mut file = order.section();
    file.extend(order.interface(1, 0, &[]));
    let offset = file.len();
    let mut block = order.enhanced(0, 1, &[1, 2, 3, 4], 4);
    let last = block.len() - 4;
    block[last] ^= 4;
    file.extend(block);
    let (rows, end) = read(&file);
    assert!(rows.is_empty());
    let text = end.unwrap_err().to_string();
    assert!(text.contains(&format!("offset {offset}, packet 1: a block of 36 octets")), "{text}");
}

#[test]
fn a_huge_block_costs_no_memory() {
    let order = Order { big: false };
    let mut file = order.section();
    let mut block = order.word(6).to_vec();
    block.extend(order.word(0x7fff_fffc));
    file.extend(block);
    assert!(read(&file).1.is_err());
}

#[test]
fn a_packet_of_an_unknown_interface_is_an_error() {
    let order = Order { big: false };
    let mut file = order.section();
    file.extend(order.enhanced(3, 0, &[1], 1));
    let text = read(&file).1.unwrap_err().to_string();
    assert!(text.contains("packet 1: a packet of interface 3, but the section has 0"), "{text}");
}

#[rstest]
#[case::empty(b"", "nothing")]
#[case::text(b"hello", "68 65 6c 6c")]
#[case::short(b"\xd4\xc3", "d4 c3")]
#[case::gzip(b"\x1f\x8b\x08\x00", "the magic number of gzip; unpack it first")]
fn garbage_is_named(#[case] octets: &[u8], #[case] begins: &str) {
    let file = TestFile::new(octets);
    let error = CaptureReader::open(file.path(), None).err().expect("is refused").to_string();
    assert!(
        error.ends_with(&format!("neither a pcap nor a pcapng file: it begins with {begins}")),
        "{error}"
    );
    assert!(error.starts_with(&file.path().display().to_string()));
}

/// ICMP and UDP datagrams over raw IP and over BSD loopback, in one file.
fn mixed_file() -> Vec<u8> {
    let order = Order { big: false };
    let datagram = |protocol: u8| {
        let mut octets = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        octets.resize(28, 0);
        octets
    };
    let mut file = order.section();
    file.extend(order.interface(101, 0, &[]));
    file.extend(order.interface(0, 0, &[]));
    for protocol in [1, 17] {
        file.extend(order.enhanced(0, 0, &datagram(protocol), 28));
        let mut loopback = vec![2, 0, 0, 0];
        loopback.extend(datagram(protocol));
        file.extend(order.enhanced(1, 0, &loopback, 32));
    }
    file
}

#[test]
fn filter_selects_per_link_type_and_keeps_numbers() {
    let file = TestFile::new(&mixed_file());
    let mut reader = CaptureReader::open(file.path(), Some("icmp")).unwrap();
    let mut selected = Vec::new();
    while let Some(packet) = reader.next().unwrap() {
        selected.push((packet.number, packet.is_selected));
    }
    assert_eq!(selected, [(1, true), (2, true), (3, false), (4, false)]);
}

#[test]
fn nonsense_filter_is_an_error() {
    let file = TestFile::new(&mixed_file());
    let mut reader = CaptureReader::open(file.path(), Some("icmp and and")).unwrap();
    let text = reader.next().unwrap_err().to_string();
    assert!(text.starts_with("filter `icmp and and` for link type 101: "), "{text}");
}

/// Reads to the end, whatever that is; returns how many packets came.
fn drain(octets: &[u8]) -> usize {
    let file = TestFile::new(octets);
    let Ok(mut reader) = CaptureReader::open(file.path(), None) else { return 0 };
    let mut packets = 0;
    while let Ok(Some(packet)) = reader.next() {
        assert!(packet.octets.len() <= octets.len());
        packets += 1;
    }
    packets
}

quickcheck! {
    fn random_octets_after_a_pcap_header_never_panic(octets: Vec<u8>, big: bool) -> bool {
        let mut file = Order { big }.pcap_header(0xa1b2_c3d4, 1);
        file.extend(&octets);
        drain(&file) <= octets.len() / 16
    }

    fn random_blocks_never_panic(blocks: Vec<(u8, Vec<u8>)>, big: bool) -> bool {
        let order = Order { big };
        let mut file = order.section();
        file.extend(order.interface(1, 0, &[]));
        for (block_type, body) in &blocks {
            file.extend(order.block(u32::from(block_type % 8), body));
        }
        drain(&file) <= blocks.len()
    }

    fn a_damaged_file_never_panics(damage: Vec<(u16, u8)>) -> bool {
        let mut file = mixed_file();
        for (at, octet) in damage {
            let at = usize::from(at) % file.len();
            file[at] = octet;
        }
        drain(&file) <= file.len()
    }
}
