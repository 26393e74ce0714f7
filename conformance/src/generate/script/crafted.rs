//! Scripts for what chance and captures do not reach: conversations of TCP sockets, membership of groups, full
//! tables, headers that applications make, mappings that are over.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use netassay_stack::config::Profile;
use netassay_stack::wire::build::{self, Layer};

use super::{
    Answer, Broken, Deviation, ErrorAbout, Field, LinkTarget, Move, Script, Sender, SocketMove, world,
};
use crate::model::scenario::{Hook, Ports, Translation};
use crate::model::{Limits, Role, Rule, RuleAction, Scenario, Socket, SocketKind};

const OWN: [u8; 4] = [10, 0, 0, 1];
const PEER: [u8; 4] = [10, 0, 0, 2];
const FAR: [u8; 4] = [20, 0, 0, 1];
const GROUP: [u8; 4] = [239, 1, 2, 3];

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// All of them, in both profiles.
pub fn crafted() -> Vec<Script> {
    let mut scripts = Vec::new();
    for profile in [Profile::Linux, Profile::Rfc] {
        let mut add = |scenario: &Scenario, moves: Vec<Move>| {
            scripts.push(Script { profile, marks: false, scenario: scenario.clone(), moves });
        };
        for options in [&[][..], &[("recverr", 1)], &[("recverr", 1), ("recverr-rfc4884", 1)]] {
            let server = server(options);
            conversations().into_iter().for_each(|moves| add(&server, moves));
        }
        for version in ["0", "1", "2", "3"] {
            let member = member(version);
            memberships().into_iter().for_each(|moves| add(&member, moves));
        }
        for (events, role) in [("0", Role::Conntrack), ("1", Role::Conntrack), ("2", Role::Nat)] {
            full_tables().into_iter().for_each(|moves| add(&crowded(role, events), moves));
        }
        for role in [Role::Host, Role::Conntrack, Role::Nat] {
            add(&forge(role), headers());
        }
        over().into_iter().for_each(|moves| add(&brief(), moves));
    }
    scripts
}

fn datagram(to: [u8; 4], source: [u8; 4], payload: impl Layer) -> Move {
    let octets = build::ipv4().source(source).destination(to).carry(payload).build();
    Move::Datagram { interface: 0, link: LinkTarget::Own, broken: Broken::NOTHING, octets }
}

fn pause(seconds: u64) -> Move {
    Move::Advance { by: Duration::from_secs(seconds) }
}

/// A host that listens on TCP port 80.
fn server(options: &[(&str, i64)]) -> Scenario {
    let mut scenario = world::plain(Role::Host, Limits::Open);
    scenario.sockets = vec![Socket {
        kind: SocketKind::Tcp,
        protocol: None,
        local: Some(SocketAddrV4::new(OWN.into(), 80)),
        peer: None,
        options: options.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
    }];
    scenario
}

fn segment(port: u16, flags: u8, sequence: u32) -> Move {
    let mss = [2, 4, 1, 0];
    let options = if flags & SYN != 0 { &mss[..] } else { &[] };
    let segment = build::tcp().source_port(port).destination_port(80).flags(flags).sequence_number(sequence);
    datagram(OWN, PEER, segment.options(options))
}

fn answer(flags: u8, shift: i16, data: Option<&[u8]>) -> Move {
    Move::Answer(Answer { which: 0, flags, shift, data: data.map(<[u8]>::to_vec) })
}

fn used(action: SocketMove) -> Move {
    Move::Socket { socket: 0, action }
}

fn error(icmp_type: u8, code: u8, word: u32, deviations: &[Deviation]) -> Move {
    Move::ErrorAbout(about(icmp_type, code, word, deviations))
}

fn about(icmp_type: u8, code: u8, word: u32, deviations: &[Deviation]) -> ErrorAbout {
    ErrorAbout {
        which: 0,
        interface: None,
        sender: Sender::Router,
        icmp_type,
        code,
        word,
        deviations: deviations.to_vec(),
        keep: 548,
        broken: Broken::NOTHING,
        extension: None,
    }
}

/// What can become of a connection.
fn conversations() -> Vec<Vec<Move>> {
    let opened = || vec![segment(4000, SYN, 100), answer(ACK, 0, None)];
    let after = |moves: &[Move]| [opened(), moves.to_vec()].concat();
    let send = used(SocketMove::Send { to: None, data: vec![7; 700] });
    let elsewhere = [Deviation { field: Field::FifthOctet, by: 0x4000 }];
    let errors: Vec<Move> = [(3, 3, 0), (3, 1, 0), (3, 4, 600), (11, 0, 0), (3, 2, 0), (12, 0, 0)]
        .iter()
        .map(|(icmp_type, code, word)| error(*icmp_type, *code, *word, &[]))
        .collect();
    let crowd = (1..150).map(|port| segment(port, SYN, 1)).collect();
    let to = SocketAddrV4::new(PEER.into(), 99);
    vec![
        after(&[
            answer(ACK | PSH, 0, Some(b"hello")),
            send.clone(),
            answer(ACK, 0, None),
            answer(FIN | ACK, 0, None),
        ]),
        after(&[answer(ACK, 100, Some(b"later")), answer(SYN, 0, None), used(SocketMove::Close)]),
        after(&[answer(RST, 0, None), send.clone()]),
        after(&[answer(RST, 9, None), send.clone(), answer(RST | ACK, 0, None)]),
        after(&[send.clone(), error(3, 3, 0, &elsewhere)]),
        after(&[vec![send], errors.clone()].concat()),
        [vec![segment(4001, SYN, 5), error(3, 3, 0, &[]), error(3, 3, 0, &elsewhere)], errors.clone()]
            .concat(),
        vec![segment(4002, SYN, 5), error(3, 1, 0, &[]), answer(ACK, 0, None)],
        vec![segment(4003, SYN, 5), answer(RST, 0, None), segment(4003, ACK, 6)],
        vec![segment(4004, SYN, 5), segment(4004, SYN, 5), pause(400), answer(ACK, 0, None)],
        vec![segment(4005, SYN, 5), used(SocketMove::Close)],
        [vec![used(SocketMove::Connect { to })], errors].concat(),
        crowd,
    ]
}

/// A host in two groups; `version` is the version of IGMP that it is forced to.
fn member(version: &str) -> Scenario {
    let mut scenario = world::plain(Role::Host, Limits::Open);
    let interface = &mut scenario.interfaces[0];
    interface.groups = vec![Ipv4Addr::new(224, 0, 0, 251), GROUP.into()];
    if version != "0" {
        interface.sysctl.insert("force_igmp_version".to_owned(), version.to_owned());
    }
    scenario
}

/// An IGMP message from the querier; the checksum is repaired when it is played.
fn membership(igmp_type: u8, code: u8, group: [u8; 4], more: &[u8]) -> Move {
    let message = [&[igmp_type, code, 0, 0][..], &group, more].concat();
    let octets = build::ipv4()
        .source(PEER)
        .destination(if igmp_type == 0x11 { [224, 0, 0, 1] } else { group })
        .ttl(1)
        .protocol(2)
        .options([148, 4, 0, 0])
        .payload(message)
        .build();
    Move::Datagram { interface: 0, link: LinkTarget::Own, broken: Broken::NOTHING, octets }
}

/// Queries of every version and reports of others.
fn memberships() -> Vec<Vec<Move>> {
    let nobody = [0; 4];
    let general = || membership(0x11, 100, nobody, &[2, 125, 0, 0]);
    vec![
        vec![general(), pause(1), general(), pause(30)],
        vec![membership(0x11, 0xff, GROUP, &[2, 125, 0, 0]), pause(3000), general(), pause(30)],
        vec![membership(0x11, 100, GROUP, &[2, 125, 0, 1, 1, 2, 3, 4]), pause(30)],
        vec![
            membership(0x11, 100, nobody, &[2, 125, 0, 1, 1, 2, 3, 4]),
            membership(0x11, 9, GROUP, &[2, 1, 0, 9]),
        ],
        vec![
            membership(0x11, 0, nobody, &[]),
            pause(30),
            general(),
            pause(30),
            pause(500),
            general(),
            pause(30),
        ],
        vec![
            membership(0x11, 50, GROUP, &[]),
            membership(0x11, 1, GROUP, &[]),
            pause(30),
            general(),
            pause(30),
        ],
        vec![membership(0x11, 50, nobody, &[]), membership(0x16, 0, GROUP, &[]), pause(30)],
        vec![
            membership(0x11, 50, nobody, &[1]),
            membership(0x12, 0, GROUP, &[]),
            membership(0x17, 0, GROUP, &[]),
        ],
        vec![datagram([224, 0, 0, 1], PEER, build::udp()), membership(0x22, 0, nobody, &[0, 0, 0, 0])],
    ]
}

/// A tracking router whose table holds four connections.
fn crowded(role: Role, events: &str) -> Scenario {
    let mut scenario = world::plain(role, Limits::Open);
    for (name, value) in [("max", "4"), ("buckets", "1"), ("events", events), ("acct", "1")] {
        scenario.sysctl.insert(format!("net.netfilter.nf_conntrack_{name}"), value.to_owned());
    }
    scenario
}

/// More connections than there is room for: cheap ones, ones that were answered, closing ones, expired ones.
fn full_tables() -> Vec<Vec<Move>> {
    let query =
        |port: u16| datagram(FAR, PEER, build::udp().source_port(port).destination_port(53).data(b"query"));
    let begin = |port: u16| {
        datagram(FAR, PEER, build::tcp().source_port(port).destination_port(80).flags(SYN).sequence_number(9))
    };
    let lite = datagram(FAR, PEER, build::udp().source_port(7).data(b"lite"));
    let lite = match lite {
        Move::Datagram { interface, link, mut octets, .. } => {
            octets[9] = 136;
            Move::Datagram { interface, link, broken: Broken::TRANSPORT_CHECKSUM, octets }
        }
        other => other,
    };
    let assured = |port: u16| vec![query(port), answer(0, 0, None), query(port), answer(0, 0, None)];
    let established = |port: u16| vec![begin(port), answer(SYN | ACK, 0, None), answer(ACK, 0, None)];
    vec![
        (1000..1012).map(query).collect(),
        [assured(1), assured(2), assured(3), assured(4), (5..9).map(query).collect(), assured(9)].concat(),
        [established(1), established(2), vec![answer(FIN | ACK, 0, None)], (5..9).map(begin).collect()]
            .concat(),
        [established(1), vec![answer(RST, 0, None)], (5..9).map(query).collect(), vec![pause(200), query(9)]]
            .concat(),
        [(1..5).map(query).collect(), vec![pause(40)], (5..9).map(query).collect(), vec![pause(400)]]
            .concat(),
        vec![lite.clone(), pause(1), lite, pause(200), query(1)],
    ]
}

/// A world with a socket for datagrams with their header.
fn forge(role: Role) -> Scenario {
    let mut scenario = world::plain(role, Limits::Open);
    scenario.sockets = vec![Socket {
        kind: SocketKind::Raw,
        protocol: Some(255),
        local: None,
        peer: None,
        options: BTreeMap::new(),
    }];
    scenario
}

/// Headers that no stack would make: other versions, no TTL, options of any kind, fragments of such datagrams.
fn headers() -> Vec<Move> {
    let header = |first: u8, ttl: u8, fragment: [u8; 2], len: usize| {
        let mut data = vec![first, 0, 0, 0, 0x43, 0x21, fragment[0], fragment[1], ttl, 253, 0, 0];
        data.extend([OWN, FAR].concat());
        data.resize(len, 0);
        used(SocketMove::Send { to: Some(SocketAddrV4::new(FAR.into(), 0)), data })
    };
    vec![
        header(0x45, 64, [0; 2], 40),
        header(0x7a, 64, [0; 2], 1000),
        header(0x45, 0, [0; 2], 40),
        header(0x05, 0, [0; 2], 20),
        header(0x45, 64, [0, 1], 40),
        header(0x65, 0, [0x20, 0], 28),
        header(0x44, 64, [0; 2], 40),
        error(11, 0, 0, &[]),
    ]
}

/// A router that translates to an address that is not its own, and forgets within seconds.
fn brief() -> Scenario {
    let mut scenario = world::plain(Role::Nat, Limits::Open);
    scenario.sysctl.insert("net.netfilter.nf_conntrack_udp_timeout".to_owned(), "1".to_owned());
    let to = Translation { first: Ipv4Addr::new(20, 0, 0, 32), last: None, ports: Ports::default() };
    scenario.rules = vec![Rule::new(Hook::Postrouting, RuleAction::Snat(to))];
    scenario
}

/// Errors about what was translated by mappings that hold, and by those that are over or somebody else's by now.
fn over() -> Vec<Vec<Move>> {
    let query =
        |from: [u8; 4]| datagram(FAR, from, build::udp().source_port(7).destination_port(53).data(b"query"));
    let another = [10, 0, 0, 3];
    let older = Move::ErrorAbout(ErrorAbout { which: 1, ..about(3, 3, 0, &[]) });
    vec![
        vec![query(PEER), error(3, 3, 0, &[])],
        vec![query(PEER), pause(3), error(3, 3, 0, &[])],
        vec![query(PEER), pause(3), query(another), older],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crafted_scripts_survive_the_encoding() {
        for script in crafted() {
            assert_eq!(Script::decode(&script.encode()), script);
        }
    }
}
