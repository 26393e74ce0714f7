//! Packets that raced: both were looked at before either came through (`stack/spec/linux-conntrack-nat.md` §4.8).

use super::*;

const T: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);

/// Looks at a first packet that leaves from `port` of T if there is one, and lets it wait.
fn waiting(conntrack: &mut Conntrack, datagram: &[u8], port: Option<u16>) -> Attachment {
    let mut attachment = Attachment::NONE;
    let said = conntrack.classify(START, Entrance::Prerouting, datagram, 0, &mut attachment);
    let Classification::Tracked(tracked) = said else { panic!("{said:?}") };
    conntrack.settle_translation(tracked, Status::SRC_NAT_DONE, |entry| {
        if let Some(port) = port {
            (entry.reply.destination, entry.reply.destination_id) = (T, port);
            entry.status |= Status::SRC_NAT;
        }
    });
    attachment
}

fn entry_of(conntrack: &Conntrack, attachment: Attachment) -> &Entry {
    let Tracking::Tracked(tracked) = Tracking::of(attachment) else { panic!("{attachment:?}") };
    conntrack.entry(tracked).unwrap()
}

/// Both packets with the port of T that each leaves from, and what becomes of the second: it joins the entry of the first,
/// goes on with an entry of its own, or is lost.
#[rstest]
#[case::tcp(packet(6, false), None, packet(6, false), None, "lost")]
#[case::icmp(packet(1, false), None, packet(1, false), None, "lost")]
#[case::another_protocol(packet(99, false), None, packet(99, false), None, "lost")]
#[case::udp(packet(17, false), None, packet(17, false), None, "joins")]
#[case::udp_lite(packet(136, false), None, packet(136, false), None, "joins")]
#[case::gre(packet(47, false), None, packet(47, false), None, "joins")]
#[case::translated_alike(packet(17, false), Some(7), packet(17, false), Some(7), "joins")]
#[case::opposite(packet(17, false), None, packet(17, true), None, "joins")]
#[case::translated_apart(packet(17, false), Some(7), packet(17, false), Some(8), "has its own")]
#[case::translated_to_the_same(packet(17, false), Some(7), ip(A2, B, 17, &udp(A2, B, (1000, 53))), Some(7), "lost")]
fn second_of_two(
    #[case] one: Vec<u8>,
    #[case] port: Option<u16>,
    #[case] other: Vec<u8>,
    #[case] other_port: Option<u16>,
    #[case] expected: &str,
) {
    let mut conntrack = tracker(|_| {});
    let mut winner = waiting(&mut conntrack, &one, port);
    let mut loser = waiting(&mut conntrack, &other, other_port);
    assert_eq!(conntrack.confirm(START, &mut winner), Confirmation::Accept);
    let confirmation = conntrack.confirm(START, &mut loser);
    let fate = match confirmation {
        Confirmation::Clash => "lost",
        Confirmation::Accept if entry_of(&conntrack, loser) == entry_of(&conntrack, winner) => "joins",
        Confirmation::Accept => "has its own",
    };
    assert_eq!(fate, expected);
    let Statistics { clash_resolve, drop, insert_failed, .. } = conntrack.statistics;
    let is_lost = u64::from(expected == "lost");
    assert_eq!((clash_resolve, drop, insert_failed), (1 - is_lost, is_lost, is_lost));
    assert_eq!(conntrack.len(), if expected == "has its own" { 2 } else { 1 });
    assert_eq!(entries(&mut conntrack, START).len(), 1, "who lost a clash is not shown");
    conntrack.table.check_invariants();
}

/// Who lost a clash lives a second, by its answers alone and only to the first of those.
#[rstest]
#[case::first_answer(999, 8, "established/r", 1)]
#[case::too_late(1000, 8, "new/o", 2)]
#[case::answer_to_the_winner(999, 7, "established/r", 2)]
fn an_entry_that_lost(#[case] millis: u64, #[case] port: u16, #[case] expected: &str, #[case] left: usize) {
    let mut conntrack = tracker(|_| {});
    let raced = [7, 8].map(|port| (port, waiting(&mut conntrack, &packet(17, false), Some(port))));
    for (port, mut attachment) in raced {
        assert_eq!(conntrack.confirm(START, &mut attachment), Confirmation::Accept);
        let status = entry_of(&conntrack, attachment).status;
        assert!(status.contains(Status::CONFIRMED | Status::SRC_NAT | Status::SRC_NAT_DONE), "{status:?}");
        assert_eq!(status.contains(Status::FIXED_TIMEOUT), port == 8);
    }
    let answer = ip(B, T, 17, &udp(B, T, (53, port)));
    assert_eq!(pass(&mut conntrack, after(millis), &answer), expected);
    assert_eq!(conntrack.len(), left);
    conntrack.table.check_invariants();
}
