//! Routes, multicast groups, packet filter rules, translation and connection tracking.

use std::time::Duration;

use netassay::dut::linux::LinuxDut;
use netassay::dut::{Dut, DutError};
use netassay::model::observation::TrackedTuple;
use netassay::model::{Action, ConntrackEventKind, CounterId, Counters, Observation};

use crate::packet::{PEER, checksum, echo_request, ip, udp};
use crate::{host_with, inject, moved, only_frame, packet, router_with, take};

/// ICMP type and code of the only frame of `observation`.
#[track_caller]
fn icmp_kind(observation: &Observation) -> (usize, u8, u8) {
    let frame = only_frame(observation);
    (observation.frames[0].interface, frame[20], frame[21])
}

pub(crate) fn routes_of_every_kind(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&router_with(
        "router",
        "[[route]]\nto = '192.0.2.0/24'\nvia = '10.1.0.9'\n\
         [[route]]\nto = '192.0.3.0/24'\nkind = 'unreachable'\n\
         [[route]]\nto = '192.0.4.0/24'\nkind = 'prohibit'\n\
         [[route]]\nto = '192.0.5.0/24'\nkind = 'blackhole'\n\
         [[route]]\nto = '192.0.6.0/24'\nkind = 'throw'\n\
         [[route]]\nto = '192.0.7.7/32'\nkind = 'local'\ndev = 'lo'\n\
         [[route]]\nto = '192.0.8.0/24'\nvia = '172.16.0.1'\ndev = 'b'\nonlink = true\n\
         [[route]]\nto = '192.0.9.0/24'\ndev = 'b'\nmtu = 576\nmtu-lock = true\nhoplimit = 9\nsource = '10.0.0.1'\n\
         [[route]]\nto = '192.0.9.0/24'\nkind = 'blackhole'\nmetric = 7\n",
    ))?;
    let to = |third: u8, last: u8| echo_request(PEER, [192, 0, third, last].into(), b"abcdefgh");
    for third in [2, 8, 9] {
        let observation = inject(dut, to(third, 7))?;
        assert_eq!(icmp_kind(&observation), (1, 8, 0), "192.0.{third}.0/24");
        assert_eq!(observation.frames[0].octets[8], 63);
    }
    assert_eq!(icmp_kind(&inject(dut, to(3, 7))?), (0, 3, 1));
    assert_eq!(icmp_kind(&inject(dut, to(4, 7))?), (0, 3, 13));
    assert_eq!(inject(dut, to(5, 7))?.frames, []);
    assert_eq!(icmp_kind(&inject(dut, to(6, 7))?), (0, 3, 0));
    assert_eq!(icmp_kind(&inject(dut, to(7, 7))?), (0, 0, 0));
    // DF and too large for b; RFC 1191 §4 gives the MTU of the next hop.
    let mut large = packet::fragment(PEER, [192, 0, 2, 7].into(), 17, 0x4000, &udp(1, 2, &[7; 800]));
    let observation = inject(dut, large.clone())?;
    assert_eq!(icmp_kind(&observation), (0, 3, 4));
    assert_eq!(observation.frames[0].octets[26..28], 600u16.to_be_bytes());
    large[6] = 0;
    large[10..12].fill(0);
    let sum = checksum(&large[..20]);
    large[10..12].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(inject(dut, large)?.frames.len(), 2);
    Ok(())
}

pub(crate) fn joined_groups_are_heard(dut: &mut LinuxDut) -> Result<(), DutError> {
    let mut host = host_with("groups = ['239.1.1.1', '224.0.0.251']");
    host.sysctl.insert("net.ipv4.icmp_echo_ignore_broadcasts".to_owned(), "0".to_owned());
    dut.open(&host)?;
    assert_eq!(moved(dut)?, Vec::<String>::new());
    for group in [[239, 1, 1, 1], [224, 0, 0, 251]] {
        assert_eq!(icmp_kind(&inject(dut, echo_request(PEER, group.into(), b"abcdefgh"))?), (0, 0, 0));
    }
    assert_eq!(inject(dut, echo_request(PEER, [239, 1, 1, 2].into(), b"abcdefgh"))?.frames, []);
    Ok(())
}

pub(crate) fn rejections_of_every_code(dut: &mut LinuxDut) -> Result<(), DutError> {
    for code in [0, 1, 2, 3, 9, 10, 13] {
        let rule = format!(
            "[[rule]]\nhook = 'forward'\nfrom = '10.0.0.0/24'\naction = {{ reject = {{ code = {code} }} }}"
        );
        dut.open(&router_with("router", &rule))?;
        let observation = inject(dut, echo_request(PEER, [10, 1, 0, 2].into(), b"abcdefgh"))?;
        assert_eq!(icmp_kind(&observation), (0, 3, code));
    }
    Ok(())
}

pub(crate) fn translated_connections_are_tracked(dut: &mut LinuxDut) -> Result<(), DutError> {
    let server = [10, 1, 0, 2].into();
    dut.open(&router_with("nat", "[[rule]]\nhook = 'postrouting'\nout = 'b'\naction = { masquerade = {} }"))?;
    let observation = inject(dut, ip(PEER, server, 17, &udp(1000, 53, b"question")))?;
    let outside = only_frame(&observation);
    assert_eq!(&outside[12..20], [10, 1, 0, 1, 10, 1, 0, 2]);
    let [event] = &observation.conntrack_events[..] else { panic!("{observation:?}") };
    assert_eq!(event.kind, ConntrackEventKind::New);
    let tuple = |source, destination, source_id, destination_id| TrackedTuple {
        source,
        destination,
        source_id,
        destination_id,
    };
    assert_eq!(event.entry.protocol, 17);
    assert_eq!(event.entry.original, tuple(PEER, server, 1000, 53));
    assert_eq!(event.entry.reply, tuple(server, [10, 1, 0, 1].into(), 53, 1000));

    let answer = take(
        dut,
        Duration::ZERO,
        Action::Inject {
            interface: 1,
            frame: ip(server, [10, 1, 0, 1].into(), 17, &udp(53, 1000, b"answer")),
        },
    )?;
    assert_eq!(&only_frame(&answer)[16..20], PEER.octets());
    let table = dut.conntrack()?;
    assert_eq!(table.len(), 1);
    assert_eq!((table[0].original, table[0].reply), (event.entry.original, event.entry.reply));
    assert!(table[0].timeout_s.is_some_and(|seconds| seconds <= 30), "{table:?}");
    // SEEN_REPLY, CONFIRMED, SRC_NAT, SRC_NAT_DONE, DST_NAT_DONE
    assert_eq!(table[0].status & 0x19a, 0x19a, "{table:?}");
    let mut counters = Counters::new();
    dut.counters(&mut counters)?;
    assert_eq!(counters.value(CounterId::by_name("Ip.ForwDatagrams").unwrap()), 2);
    Ok(())
}

pub(crate) fn zones_and_notrack_are_obeyed(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&router_with(
        "conntrack",
        "[[rule]]\nhook = 'prerouting'\nprotocol = 1\naction = 'notrack'\n\
         [[rule]]\nhook = 'prerouting'\naction = { zone = 7 }",
    ))?;
    let server = [10, 1, 0, 2].into();
    assert_eq!(inject(dut, echo_request(PEER, server, b"abcdefgh"))?.conntrack_events, []);
    let observation = inject(dut, ip(PEER, server, 17, &udp(1000, 53, b"question")))?;
    assert_eq!(observation.conntrack_events.len(), 1, "{observation:?}");
    assert_eq!(observation.conntrack_events[0].entry.zone, 7);
    Ok(())
}
