//! The tracker as a whole: what it says of packets, how entries live, what is counted and reported.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use quickcheck::{Arbitrary, Gen, TestResult};
use rstest::rstest;

use super::testing::{A, A2, B, M, Tcp, icmp, ip, query, udp};
use super::*;
use crate::packet::Attachment;
use crate::time::Instant;

mod clash;
mod invalidity;

const START: Instant = Instant::from_micros(4_000_000_000);

fn tracker(change: impl FnOnce(&mut ConntrackConfig)) -> Conntrack {
    let mut config = ConntrackConfig::default();
    change(&mut config);
    Conntrack::new(config, HashKey::from_seed(1))
}

fn after(millis: u64) -> Instant {
    START + Duration::from_millis(millis)
}

/// Lets a packet pass from entrance to exit and says what it is to its entry.
fn pass(conntrack: &mut Conntrack, now: Instant, datagram: &[u8]) -> String {
    let mut attachment = Attachment::NONE;
    let classification = conntrack.classify(now, Entrance::Prerouting, datagram, 0, &mut attachment);
    let said = match classification {
        Classification::Tracked(tracked) => {
            let way = if tracked.direction == Direction::Original { "o" } else { "r" };
            format!("{}/{way}", tracked.relation.name())
        }
        Classification::Invalid(_) => "invalid".to_string(),
        Classification::TableFull => return "dropped".to_string(),
        Classification::Skipped => "skipped".to_string(),
    };
    match conntrack.confirm(now, &mut attachment) {
        Confirmation::Accept => said,
        Confirmation::Clash => format!("{said} clash"),
    }
}

fn error_to(destination: Ipv4Addr, quoted: &[u8]) -> Vec<u8> {
    ip(M, destination, 1, &icmp(3, 1, [0; 4], quoted))
}

/// The entries as `timeout status-bits`.
fn entries(conntrack: &mut Conntrack, now: Instant) -> Vec<(u32, u32)> {
    let mut shown = Vec::new();
    conntrack.dump(now, DumpCursor::default(), u32::MAX, |entry| {
        shown.push((entry.timeout_s.unwrap(), entry.status.bits()));
    });
    shown
}

/// Kind, remaining life and bits besides CONFIRMED of the events since the last call.
fn events(conntrack: &mut Conntrack) -> Vec<String> {
    core::iter::from_fn(|| conntrack.next_event())
        .map(|event| {
            let status = event.entry.status;
            let assured = if status.contains(Status::ASSURED) { " A" } else { "" };
            let unreplied = if status.contains(Status::SEEN_REPLY) { "" } else { " U" };
            let state = event.entry.tcp_state.map_or("", TcpState::name);
            let life = event.entry.timeout_s.map_or("-".to_string(), |life| life.to_string());
            format!("{:?} {state}{life}{assured}{unreplied}", event.kind)
        })
        .collect()
}

/// Every ICMP type as a first packet: what is made of it, and which counter moves
/// (`stack/spec/linux-conntrack-nat.md` §2.6).
#[test]
fn every_icmp_type_without_an_entry() {
    for icmp_type in 0..=255 {
        let mut conntrack = tracker(|_| {});
        let said = pass(&mut conntrack, START, &ip(A, B, 1, &query(icmp_type, 0, 7)));
        let counted = (conntrack.statistics.invalid, conntrack.statistics.icmp_error);
        let expected = match icmp_type {
            8 | 13 | 15 | 17 => ("new/o", (0, 0)),
            3 | 4 | 5 | 11 | 12 | 19.. => ("invalid", (0, 1)),
            _ => ("invalid", (1, 0)),
        };
        assert_eq!((said.as_str(), counted), expected, "type {icmp_type}");
        assert_eq!(conntrack.len(), usize::from(expected.0 == "new/o"));
    }
}

#[rstest]
#[case::short(&icmp(8, 0, [0; 4], &[])[..7])]
#[case::empty(&[])]
#[case::checksum(&[8, 0, 0, 1, 0, 0, 0, 0])]
fn malformed_icmp_is_refused(#[case] message: &[u8]) {
    let mut conntrack = tracker(|_| {});
    assert_eq!(pass(&mut conntrack, START, &ip(A, B, 1, message)), "invalid");
    assert_eq!(conntrack.statistics.icmp_error, 1);
}

#[test]
fn what_is_made_here_is_not_verified() {
    let mut conntrack = tracker(|_| {});
    let datagram = ip(A, B, 1, &[8, 0, 0, 1, 0, 0, 0, 0]);
    let mut attachment = Attachment::NONE;
    let said = conntrack.classify(START, Entrance::LocalOut, &datagram, 0, &mut attachment);
    assert!(matches!(said, Classification::Tracked(_)), "{said:?}");
}

/// A first packet that is copied on its way belongs to one entry, by whichever copy comes through first.
#[test]
fn the_copy_of_a_first_packet_joins_its_entry() {
    let mut conntrack = tracker(|_| {});
    let mut attachment = Attachment::NONE;
    conntrack.classify(START, Entrance::Prerouting, &ip(A, B, 17, &udp(A, B, (1, 53))), 0, &mut attachment);
    let mut copy = attachment;
    for attachment in [&mut attachment, &mut copy] {
        assert_eq!(conntrack.confirm(START, attachment), Confirmation::Accept);
    }
    let Tracking::Tracked(tracked) = Tracking::of(copy) else { panic!("{copy:?}") };
    assert!(matches!(tracked.place, Place::Table(_)), "{tracked:?}");
    assert_eq!((copy, conntrack.len()), (attachment, 1));
}

/// What connection tracking sums up on arrival (`stack/spec/linux-conntrack-nat.md` §8.2a).
#[rstest]
#[case::icmp(ip(A, B, 1, &query(8, 0, 7)), true)]
#[case::icmp_of_a_type_beyond(ip(A, B, 1, &query(42, 0, 7)), true)]
#[case::icmp_cut_off(ip(A, B, 1, &query(8, 0, 7)[..7]), false)]
#[case::tcp(ip(A, B, 6, &Tcp::new((1, 2), "S", 0, 0).octets(A, B)), true)]
#[case::tcp_cut_off(ip(A, B, 6, &Tcp::new((1, 2), "S", 0, 0).octets(A, B)[..19]), false)]
#[case::udp(ip(A, B, 17, &udp(A, B, (1, 2))), true)]
#[case::udp_without_a_checksum(ip(A, B, 17, &[0, 1, 0, 2, 0, 8, 0, 0]), false)]
#[case::udp_lite(ip(A, B, 136, &udp(A, B, (1, 2))), false)]
fn what_is_summed_up(#[case] datagram: Vec<u8>, #[case] expected: bool) {
    assert_eq!(tracker::is_summed(&datagram), expected);
}

/// (`stack/spec/linux-conntrack-nat.md` §2.9)
#[rstest]
#[case::icmpv6(58, &[128, 0, 0, 0, 0, 7, 0, 1])]
#[case::sctp(132, &[0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0])]
fn protocols_that_are_never_valid(#[case] protocol: u8, #[case] payload: &[u8]) {
    let mut conntrack = tracker(|_| {});
    assert_eq!(pass(&mut conntrack, START, &ip(A, B, protocol, payload)), "invalid");
    assert_eq!((conntrack.len(), conntrack.statistics.invalid), (0, 1));
}

#[test]
fn a_packet_that_goes_nowhere_leaves_nothing() {
    let mut conntrack = tracker(|_| {});
    conntrack.has_listener = true;
    for n in 0..1000 {
        let mut attachment = Attachment::NONE;
        conntrack.classify(
            START,
            Entrance::Prerouting,
            &ip(A, B, 17, &udp(A, B, (n, 53))),
            0,
            &mut attachment,
        );
        assert_ne!(attachment, Attachment::NONE);
    }
    assert!(conntrack.is_empty() && events(&mut conntrack).is_empty());
}

/// Packets as (milliseconds, whether it is an answer), and the life left after the last one.
/// (`stack/spec/linux-conntrack-nat.md` §4.3).
#[rstest]
#[case::answered_at_once(&[(0, false), (10, true), (20, false)], 30, false)]
#[case::stream(&[(0, false), (10, true), (2004, false)], 120, true)]
#[case::exactly_two_seconds(&[(0, false), (10, true), (2000, false)], 30, false)]
#[case::late_answer(&[(0, false), (2300, false), (2300, true)], 30, false)]
#[case::second_late_answer(&[(0, false), (2300, false), (2300, true), (2300, true)], 120, true)]
#[case::never_answered(&[(0, false), (2300, false), (9000, false)], 30, false)]
fn udp_becomes_a_stream(#[case] packets: &[(u64, bool)], #[case] life: u32, #[case] assured: bool) {
    let mut conntrack = tracker(|_| {});
    let mut now = START;
    for &(millis, is_answer) in packets {
        now = after(millis);
        let datagram = if is_answer {
            ip(B, A, 17, &udp(B, A, (53, 1000)))
        } else {
            ip(A, B, 17, &udp(A, B, (1000, 53)))
        };
        pass(&mut conntrack, now, &datagram);
    }
    let [(left, bits)] = entries(&mut conntrack, now)[..] else { panic!("one entry") };
    assert_eq!((left, bits & Status::ASSURED.bits() != 0), (life, assured));
}

/// The first packet of a protocol from A to B, or an answer to it.
fn packet(protocol: u8, is_answer: bool) -> Vec<u8> {
    let (source, destination, ports) = if is_answer { (B, A, (53, 1000)) } else { (A, B, (1000, 53)) };
    let payload = match protocol {
        1 => query(if is_answer { 0 } else { 8 }, 0, 7),
        6 => Tcp::new(ports, if is_answer { "SA" } else { "S" }, 100, 101).octets(source, destination),
        17 | 136 => udp(source, destination, ports),
        _ => [0; 8].to_vec(),
    };
    ip(source, destination, protocol, &payload)
}

/// Protocol, whether each packet is an answer, life left after the last one, and whether the entry is assured then
/// (`stack/spec/linux-conntrack-nat.md` §4.2, §4.3).
#[rstest]
#[case::icmp(1, &[false], 30, false)]
#[case::icmp_answered(1, &[false, true, false, true], 30, false)]
#[case::gre(47, &[false, false], 30, false)]
#[case::gre_answered(47, &[false, true], 30, false)]
#[case::gre_both_ways(47, &[false, true, false], 180, true)]
#[case::udp_lite(136, &[false, false], 30, false)]
#[case::udp_lite_answered(136, &[false, true], 30, false)]
#[case::udp_lite_stream(136, &[false, true, true], 120, true)]
#[case::another(99, &[false], 600, false)]
#[case::another_both_ways(99, &[false, true, false], 600, false)]
fn lives(#[case] protocol: u8, #[case] packets: &[bool], #[case] life: u32, #[case] assured: bool) {
    let mut conntrack = tracker(|_| {});
    for is_answer in packets {
        pass(&mut conntrack, START, &packet(protocol, *is_answer));
        // What GRE is given is read when the entry is made.
        (conntrack.config.gre_timeout, conntrack.config.gre_timeout_stream) = (1, 2);
    }
    let [(left, bits)] = entries(&mut conntrack, START)[..] else { panic!("one entry") };
    assert_eq!((left, bits & Status::ASSURED.bits() != 0), (life, assured));
}

#[test]
fn errors_are_related_and_change_nothing() {
    let mut conntrack = tracker(|config| config.accounting = true);
    conntrack.has_listener = true;
    let request = ip(A, B, 1, &query(8, 0, 7));
    pass(&mut conntrack, START, &request);
    events(&mut conntrack);
    let snapshot = |conntrack: &mut Conntrack| {
        let mut all = Vec::new();
        conntrack.dump(after(2000), DumpCursor::default(), 10, |entry| all.push(entry.clone()));
        all
    };
    let before = snapshot(&mut conntrack);
    assert_eq!(pass(&mut conntrack, after(2000), &error_to(A, &request)), "related/r");
    assert_eq!(pass(&mut conntrack, after(2000), &error_to(A2, &request)), "invalid");
    assert_eq!(snapshot(&mut conntrack), before);
    assert_eq!(before[0].timeout_s, Some(28));
    assert_eq!(events(&mut conntrack), [""; 0]);
}

#[test]
fn expired_entries_are_dead_at_once_and_counted_until_met() {
    let mut conntrack = tracker(|_| {});
    conntrack.has_listener = true;
    pass(&mut conntrack, START, &ip(A, B, 1, &query(8, 0, 7)));
    events(&mut conntrack);
    let last = START + Duration::from_micros(29_999_999);
    assert_eq!(pass(&mut conntrack.clone(), last, &ip(B, A, 1, &query(0, 0, 7))), "established/r");
    assert_eq!(conntrack.len(), 1);
    assert_eq!(pass(&mut conntrack, after(30_000), &ip(B, A, 1, &query(0, 0, 7))), "invalid");
    assert_eq!(events(&mut conntrack), ["Destroy - U"]);
    assert_eq!((conntrack.len(), conntrack.statistics.invalid), (0, 1));
}

#[test]
fn collector_removes_what_nobody_asks_for_in_slices() {
    let mut conntrack = tracker(|_| {});
    for n in 0..10 {
        pass(&mut conntrack, START, &ip(A, B, 17, &udp(A, B, (n, 53))));
    }
    let due = conntrack.next_collection().unwrap();
    assert_eq!(due, after(60_000));
    assert!(conntrack.collect(after(59_000), 4));
    assert_eq!(conntrack.len(), 10);
    assert!(!conntrack.collect(due, 4));
    assert_eq!(conntrack.len(), 6);
    assert!(!conntrack.collect(due, 4) && conntrack.collect(due, 4));
    assert_eq!((conntrack.len(), conntrack.next_collection()), (0, None));
}

/// A tracker whose table is full of `max` UDP entries, assured or not.
fn full(max: u32, buckets: u32, assured: bool) -> Conntrack {
    let mut conntrack = tracker(|config| (config.max, config.buckets) = (max, buckets));
    for n in 0..max as u16 {
        pass(&mut conntrack, START, &ip(A, B, 17, &udp(A, B, (n, 53))));
        if assured {
            pass(&mut conntrack, START, &ip(B, A, 17, &udp(B, A, (53, n))));
        }
    }
    if assured {
        for n in 0..max as u16 {
            pass(&mut conntrack, after(3000), &ip(A, B, 17, &udp(A, B, (n, 53))));
        }
    }
    conntrack
}

/// (`stack/spec/linux-conntrack-nat.md` §4.7)
#[rstest]
#[case::new_udp(ip(A2, B, 17, &udp(A2, B, (1, 53))), "dropped")]
#[case::new_echo(ip(A2, B, 1, &query(8, 0, 1)), "dropped")]
#[case::unsolicited_answer(ip(A2, B, 1, &query(0, 0, 1)), "dropped")]
#[case::malformed_udp(ip(A2, B, 17, &[0, 1, 0, 53, 0, 7, 0, 0]), "dropped")]
#[case::malformed_tcp(ip(A2, B, 6, &[0; 8]), "dropped")]
#[case::solicitation(ip(A2, B, 1, &query(10, 0, 1)), "invalid")]
#[case::unknown_type(ip(A2, B, 1, &query(42, 0, 1)), "invalid")]
#[case::unknown_error(error_to(A2, &ip(A2, B, 17, &udp(A2, B, (1, 53)))), "invalid")]
#[case::known_error(error_to(A, &ip(A, B, 17, &udp(A, B, (1, 53)))), "related/r")]
#[case::known(ip(A, B, 17, &udp(A, B, (1, 53))), "established/o")]
#[case::known_answer(ip(B, A, 17, &udp(B, A, (53, 1))), "established/r")]
fn full_table_drops_only_what_needs_an_entry(#[case] datagram: Vec<u8>, #[case] expected: &str) {
    let mut conntrack = full(64, 64, true);
    assert_eq!(pass(&mut conntrack, after(3000), &datagram), expected);
    assert_eq!(conntrack.statistics.drop, u64::from(expected == "dropped"));
    assert_eq!(conntrack.len(), 64);
}

#[test]
fn full_table_makes_room_of_what_is_not_assured() {
    let mut conntrack = full(64, 64, false);
    for n in 0..1000 {
        assert_eq!(pass(&mut conntrack, START, &ip(A2, B, 17, &udp(A2, B, (n, 53)))), "new/o");
        assert!(conntrack.len() <= 64);
        conntrack.table.check_invariants();
    }
    assert_eq!(conntrack.statistics.drop, 0);
    // Old and new ones are hit alike, wherever they are.
    let mut oldest = 0;
    conntrack.dump(START, DumpCursor::default(), u32::MAX, |entry| {
        oldest += u32::from(entry.original.source == A);
    });
    assert!(oldest < 10, "{oldest} of the first 64");
    assert!((500..=2000).contains(&conntrack.statistics.early_drop), "{:?}", conntrack.statistics);
}

/// Buckets of a table with 64 entries, and how many give way at once: all of the first bucket that holds any, each entry
/// being in two (`stack/spec/linux-conntrack-nat.md` §4.7).
#[rstest]
#[case::one_for_every_two(128, 1)]
#[case::as_many(64, 2)]
#[case::few(32, 4)]
#[case::fewer(16, 8)]
fn a_bucket_gives_way(#[case] buckets: u32, #[case] evicted: u64) {
    let mut conntrack = full(64, buckets, false);
    assert_eq!(pass(&mut conntrack, START, &ip(A2, B, 17, &udp(A2, B, (1, 53)))), "new/o");
    assert_eq!((conntrack.statistics.early_drop, conntrack.len() as u64), (evicted, 65 - evicted));
}

#[test]
fn thinly_filled_buckets_hide_their_entries_from_eviction() {
    let mut conntrack = full(4, 262_144, false);
    assert_eq!(pass(&mut conntrack, START, &ip(A2, B, 17, &udp(A2, B, (1, 53)))), "dropped");
    assert_eq!((conntrack.statistics.drop, conntrack.statistics.early_drop), (1, 0));
}

/// Packets and the event each gives (`stack/spec/linux-conntrack-nat.md` §5).
#[test]
fn events_tell_each_change_once() {
    let mut conntrack = tracker(|_| {});
    conntrack.has_listener = true;
    let ports = (1000, 80);
    let back = (80, 1000);
    let o = |tcp: Tcp<'_>| ip(A, B, 6, &tcp.octets(A, B));
    let r = |tcp: Tcp<'_>| ip(B, A, 6, &tcp.octets(B, A));
    let steps: [(Vec<u8>, u64, &[&str]); 15] = [
        (ip(A, B, 17, &udp(A, B, (1, 53))), 0, &["New 30 U"]),
        (ip(B, A, 17, &udp(B, A, (53, 1))), 0, &["Update 30"]),
        (ip(A, B, 17, &udp(A, B, (1, 53))), 1000, &[]),
        (ip(A, B, 17, &udp(A, B, (1, 53))), 2004, &["Update 120 A"]),
        (ip(A, B, 17, &udp(A, B, (1, 53))), 2004, &[]),
        (error_to(A, &ip(A, B, 17, &udp(A, B, (1, 53)))), 2004, &[]),
        (o(Tcp::new(ports, "S", 100, 0)), 2004, &["New SYN_SENT120 U"]),
        (r(Tcp::new(back, "SA", 500, 101)), 2004, &["Update SYN_RECV60"]),
        (o(Tcp::new(ports, "A", 101, 501)), 2004, &["Update ESTABLISHED432000 A"]),
        (o(Tcp::new(ports, "A", 101, 501)), 2004, &[]),
        (o(Tcp::new(ports, "FA", 101, 501)), 2004, &["Update FIN_WAIT120 A"]),
        (r(Tcp::new(back, "A", 501, 102)), 2004, &["Update CLOSE_WAIT60 A"]),
        (r(Tcp::new(back, "FA", 501, 102)), 2004, &["Update LAST_ACK30 A"]),
        (o(Tcp::new(ports, "A", 102, 502)), 2004, &["Update TIME_WAIT120 A"]),
        (o(Tcp::new((7, 80), "S", 100, 0)), 2004, &["New SYN_SENT120 U"]),
    ];
    for (number, (datagram, millis, expected)) in steps.into_iter().enumerate() {
        pass(&mut conntrack, after(millis), &datagram);
        assert_eq!(events(&mut conntrack), expected, "step {number}");
    }
    let refusal = r(Tcp::new((80, 7), "RA", 0, 101));
    assert_eq!(pass(&mut conntrack, after(2004), &refusal), "established/r");
    assert_eq!(events(&mut conntrack), ["Destroy CLOSE120 U"]);
}

#[test]
fn updates_name_a_state_only_if_it_is_new_and_only_the_end_tells_counts() {
    let mut conntrack = tracker(|config| config.accounting = true);
    conntrack.has_listener = true;
    let o = ip(A, B, 6, &Tcp::new((1000, 80), "A", 100, 500).octets(A, B));
    let r = ip(B, A, 6, &Tcp::new((80, 1000), "A", 500, 100).octets(B, A));
    for (datagram, expected) in [(&o, "New ESTABLISHED300 U"), (&r, "Update 300"), (&o, "Update 432000 A")] {
        pass(&mut conntrack, START, datagram);
        let mut told = conntrack.clone();
        assert_eq!(told.next_event().unwrap().entry.accounts, None);
        assert_eq!(events(&mut conntrack), [expected]);
    }
    conntrack.flush(START);
    let last = conntrack.next_event().unwrap().entry;
    assert_eq!(last.tcp_state, Some(TcpState::Established));
    assert_eq!(last.accounts.map(|sides| sides.map(|side| side.packets)), Some([2, 1]));
}

#[test]
fn entries_made_before_anybody_listened_stay_silent() {
    let mut conntrack = tracker(|_| {});
    pass(&mut conntrack, START, &ip(A, B, 1, &query(8, 0, 7)));
    conntrack.has_listener = true;
    pass(&mut conntrack, START, &ip(B, A, 1, &query(0, 0, 7)));
    conntrack.flush(START);
    assert_eq!(events(&mut conntrack), [""; 0]);
    let mut conntrack = tracker(|config| config.events = EventMode::Always);
    pass(&mut conntrack, START, &ip(A, B, 1, &query(8, 0, 7)));
    assert_eq!(events(&mut conntrack), ["New 30 U"]);
}

#[test]
fn accepted_packets_are_counted_by_direction() {
    let mut conntrack = tracker(|config| config.accounting = true);
    let request = ip(A, B, 17, &udp(A, B, (1000, 53)));
    let answer = ip(B, A, 17, &udp(B, A, (53, 1000)));
    for datagram in [&request, &answer, &request, &error_to(A, &request)] {
        pass(&mut conntrack, START, datagram);
    }
    let mut spoiled = request.clone();
    spoiled[26] ^= 1;
    assert_eq!(pass(&mut conntrack, START, &spoiled), "invalid");
    let mut accounts = None;
    conntrack.dump(START, DumpCursor::default(), 10, |entry| accounts = entry.accounts);
    let [sent, received] = accounts.unwrap();
    assert_eq!((sent.packets, sent.octets, received.packets, received.octets), (2, 66, 1, 33));
}

#[test]
fn dump_goes_on_where_a_slice_ended() {
    let mut conntrack = tracker(|_| {});
    for n in 0..10 {
        pass(&mut conntrack, START, &ip(A, B, 17, &udp(A, B, (n, 53))));
    }
    let mut ports = Vec::new();
    let mut cursor = Some(DumpCursor::default());
    while let Some(at) = cursor {
        cursor = conntrack.dump(START, at, 3, |entry| ports.push(entry.original.source_id));
    }
    assert_eq!(ports, (0..10).collect::<Vec<_>>());
}

/// One packet of a random conversation among few hosts and ports.
#[derive(Clone, Debug)]
struct Move {
    datagram: Vec<u8>,
    wait: Duration,
}

impl Arbitrary for Move {
    fn arbitrary(g: &mut Gen) -> Self {
        let host = |g: &mut Gen| *g.choose(&[A, A2, B, M]).unwrap();
        let (source, destination) = (host(g), host(g));
        let ports = (*g.choose(&[1, 2, 80]).unwrap(), *g.choose(&[1, 2, 80]).unwrap());
        let flags = ["S", "SA", "A", "FA", "R", "RA", "PA", "SF", ""];
        let sequences = [0, 100, 101, 500, 501, 90_000, u32::MAX];
        let segment = Tcp::new(
            ports,
            g.choose(&flags).unwrap(),
            *g.choose(&sequences).unwrap(),
            *g.choose(&sequences).unwrap(),
        );
        let types = [0, 3, 5, 8, 11, 13, 14, 15, 17, 18, 40];
        let inner = |g: &mut Gen| match u8::arbitrary(g) % 5 {
            0 | 1 => ip(source, destination, 6, &segment.octets(source, destination)),
            2 => ip(source, destination, 17, &udp(source, destination, ports)),
            3 => ip(source, destination, 1, &query(*g.choose(&types).unwrap(), 0, ports.0)),
            _ => ip(source, destination, *g.choose(&[47, 99, 132, 136, 58]).unwrap(), &[0; 8]),
        };
        let mut datagram = inner(g);
        if u8::arbitrary(g) % 5 == 0 {
            let quoted = inner(g);
            datagram = error_to(source, &quoted);
        }
        if u8::arbitrary(g) % 16 == 0 {
            let len = usize::arbitrary(g) % (datagram.len() + 1);
            datagram.truncate(len.max(20));
        }
        let wait = *g.choose(&[0, 0, 0, 1000, 3_000_000, 31_000_000, 500_000_000]).unwrap();
        Self { datagram, wait: Duration::from_micros(wait) }
    }
}

#[test]
fn tables_stay_consistent_whatever_comes() {
    fn holds(moves: Vec<Move>) -> TestResult {
        let mut conntrack = tracker(|config| {
            (config.max, config.buckets, config.events) = (12, 12, EventMode::Always);
        });
        let (mut now, mut balance) = (START, 0);
        let mut tell = |conntrack: &mut Conntrack| {
            while let Some(event) = conntrack.next_event() {
                balance += match event.kind {
                    EventKind::New => 1,
                    EventKind::Update => 0,
                    EventKind::Destroy => -1,
                };
            }
            assert_eq!(balance, conntrack.len() as i64, "entries and their events");
        };
        for step in &moves {
            now = now + step.wait;
            pass(&mut conntrack, now, &step.datagram);
            conntrack.table.check_invariants();
            assert!(conntrack.len() <= 12);
            tell(&mut conntrack);
        }
        now = now + Duration::from_secs(500_000);
        while !conntrack.collect(now, 5) {}
        tell(&mut conntrack);
        conntrack.table.check_invariants();
        TestResult::from_bool(conntrack.is_empty())
    }
    quickcheck::QuickCheck::new().tests(300).quickcheck(holds as fn(Vec<Move>) -> TestResult);
}
