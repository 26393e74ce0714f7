//! The knobs of routers, translators and extended echo, between two links.

use std::net::{Ipv4Addr, SocketAddrV4};

use netassay_stack::address::Prefix;
use netassay_stack::config::{Address, Config, Departures, Profile, Route};
use netassay_stack::filter::{Action, Conditions, Rule};
use netassay_stack::hook::Hook;
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::nat::{Binding, Range};
use netassay_stack::outcome::Outcome;
use netassay_stack::sink::{LinkDestination, Sink};
use netassay_stack::socket::{SocketConfig, SocketId, SocketKind};
use netassay_stack::stack::Stack;
use netassay_stack::time::Instant;
use netassay_stack::wire::build::{
    ExtensionBuilder, Ipv4Builder, echo_request, extended_echo_request, icmp, interface_by_address,
    interface_by_name, ipv4, source_quench, time_exceeded, udp,
};
use netassay_stack::wire::icmp::TimeExceededCode;

const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const FAR: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 9);

/// A stimulus: when it comes in microseconds, by which link, and what it is.
type Stimulus = (u64, u16, Vec<u8>);

struct Row {
    knob: &'static str,
    change: fn(&mut Config),
    stimuli: Vec<Stimulus>,
    /// What shows of the last stimulus: with the knob off, with the knob on.
    linux: &'static str,
    rfc: &'static str,
}

/// What leaves and what is delivered, a line each.
#[derive(Default)]
struct Log(Vec<String>);

impl Sink for Log {
    fn transmit(&mut self, link: InterfaceId, _: LinkDestination, datagram: &[u8]) {
        let header_len = usize::from(datagram[0] & 15) * 4;
        let payload = &datagram[header_len..];
        let what = match datagram[9] {
            1 => format!("{}/{} {:02x}", payload[0], payload[1], payload[7]),
            protocol => format!("p{protocol}"),
        };
        let id = u16::from_be_bytes([datagram[4], datagram[5]]);
        let options: String = datagram[20..header_len].iter().map(|octet| format!("{octet:02x}")).collect();
        let (flags, ttl, tos) = (datagram[6] >> 5, datagram[8], datagram[1]);
        let pointer = payload.get(4).copied().unwrap_or(0);
        self.0.push(format!(
            "link{} {what} at{pointer} flags{flags} ttl{ttl} tos{tos} id{id} [{options}]",
            link.0 - 1
        ));
    }

    fn deliver(&mut self, _: SocketId, _: SocketAddrV4, _: &[u8]) {
        self.0.push("delivered".to_owned());
    }
}

fn world(change: fn(&mut Config)) -> Config {
    let mut config = Config::new(Profile::Linux);
    config.add_interface("t0", [Prefix::new(Ipv4Addr::new(10, 0, 0, 1), 24)]).unwrap();
    config.add_interface("t1", [Prefix::new(Ipv4Addr::new(10, 1, 0, 1), 24)]).unwrap();
    config.routes.push(Route { via: Some(Ipv4Addr::new(10, 1, 0, 9)), ..Route::default() });
    config.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
    config.set_sysctl("net.ipv4.icmp_echo_enable_probe", "1").unwrap();
    change(&mut config);
    config
}

fn run(row: &Row, departures: Departures) -> String {
    let mut stack = Stack::new(Config { departures, ..world(row.change) }, 1).unwrap();
    let mut log = Log::default();
    let wanted = SocketConfig {
        kind: SocketKind::Udp,
        local: Some(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 9)),
        peer: None,
        options: Vec::new(),
    };
    stack.open_socket(Instant::ZERO, 0, &wanted, &mut log).unwrap();
    let mut fate = String::new();
    for (micros, link, datagram) in &row.stimuli {
        log.0.clear();
        let link = InterfaceId::configured(*link);
        let now = Instant::from_micros(*micros);
        stack.handle_timeout(now, 0, &mut log);
        fate = match stack.receive(now, 0, link, LinkClass::Host, datagram, &mut log) {
            Outcome::Dropped { reason, .. } => reason.name().to_owned(),
            other => format!("{other:?}"),
        };
    }
    format!("{fate}: {}", log.0.join("; "))
}

fn row(knob: &'static str, stimuli: Vec<Stimulus>, linux: &'static str, rfc: &'static str) -> Row {
    Row { knob, change: |_| (), stimuli, linux, rfc }
}

fn one(datagram: Vec<u8>) -> Vec<Stimulus> {
    vec![(0, 0, datagram)]
}

fn to(destination: impl Into<Ipv4Addr>) -> Ipv4Builder<Vec<u8>> {
    ipv4().source(PEER).destination(destination.into()).ttl(64)
}

fn with_udp(builder: Ipv4Builder<Vec<u8>>) -> Vec<u8> {
    builder.carry(udp().source_port(7).destination_port(9).data([0; 32])).build()
}

fn bc_forwarding(config: &mut Config) {
    for name in ["all", "t0", "t1"] {
        config.set_sysctl(&format!("net.ipv4.conf.{name}.bc_forwarding"), "1").unwrap();
    }
}

fn source_routes(config: &mut Config) {
    for name in ["all", "t0"] {
        config.set_sysctl(&format!("net.ipv4.conf.{name}.accept_source_route"), "1").unwrap();
    }
    config.routes.clear();
}

/// Masquerades what leaves by `t1`.
fn masquerade(config: &mut Config) {
    config.netfilter.rules.push(Rule {
        hook: Hook::Postrouting,
        conditions: Conditions { outgoing: Some(InterfaceId::configured(1)), ..Conditions::default() },
        action: Action::Translate(Binding::Masquerade(Range::default())),
    });
}

fn tracks(config: &mut Config) {
    config.netfilter.tracks = true;
}

fn address_rows() -> Vec<Row> {
    let zero_form = with_udp(to([10, 1, 0, 0]));
    let other_broadcast = with_udp(to([10, 1, 0, 255]));
    let expired = with_udp(to([10, 1, 0, 255]).ttl(1));
    vec![
        row(
            "this_network_destination_is_invalid",
            one(with_udp(to([0, 1, 2, 3]))),
            "Forwarded",
            "DestinationIsThisNetwork: ",
        ),
        row(
            "reserved_destination_is_invalid",
            one(with_udp(to([240, 1, 2, 3]))),
            "Forwarded",
            "DestinationIsReserved: ",
        ),
        row(
            "link_local_stays_on_its_link",
            one(with_udp(to([169, 254, 2, 3]))),
            "Forwarded",
            "LinkLocalForwarded: ",
        ),
        row("zero_form_is_broadcast", one(zero_form), "Forwarded", "DestinationIsZeroForm: "),
        row(
            "directed_broadcast_needs_leave",
            one(with_udp(to([10, 0, 0, 255]))),
            "Delivered: delivered",
            "DestinationIsDirectedBroadcast: ",
        ),
        Row {
            change: bc_forwarding,
            ..row(
                "directed_broadcast_is_delivered_too",
                one(other_broadcast),
                "Forwarded: link1",
                "Forwarded: delivered; link1",
            )
        },
        Row {
            change: bc_forwarding,
            ..row(
                "directed_broadcast_draws_no_error",
                one(expired),
                "TtlExceeded: link0 11/0",
                "TtlExceeded: ",
            )
        },
    ]
}

fn forwarding_rows() -> Vec<Row> {
    let stamped = to(FAR).options([68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let routed = to([10, 0, 0, 1]).options([0x83, 7, 4, 203, 0, 113, 9, 0]);
    let mut truncated = with_udp(to(FAR));
    truncated.truncate(40);
    let reserved = to(FAR).reserved_flag().carry(udp().data([0; 800])).build();
    let ragged = to([10, 0, 0, 1]).more_fragments().protocol(17).carry(vec![0; 21]).build();
    let foreign = ipv4().source([10, 0, 3, 7]).destination(FAR).ttl(64);
    vec![
        row(
            "timestamp_names_outgoing_interface",
            one(with_udp(stamped)),
            "440c0d010a000001",
            "440c0d010a010001",
        ),
        Row {
            change: source_routes,
            ..row(
                "unroutable_source_route_is_told",
                one(with_udp(routed)),
                "SourceRouteHopUnusable: ",
                "SourceRouteHopUnusable: link0 3/5",
            )
        },
        row(
            "truncation_is_pointed_at",
            one(truncated),
            "DatagramTruncated: ",
            "DatagramTruncated: link0 12/0 00 at2 ",
        ),
        Row {
            change: |config| config.interfaces[1].mtu = 576,
            ..row("reserved_flag_is_copied", one(reserved), "flags1", "flags5")
        },
        Row {
            change: |config| {
                let second = Prefix::new(Ipv4Addr::new(10, 0, 3, 1), 24);
                config.interfaces[0].addresses.push(Address::from(second));
                config.routes[0].via = Some(Ipv4Addr::new(10, 0, 0, 9));
            },
            ..row("redirect_needs_common_subnet", one(with_udp(foreign)), "link0 5/1", "Forwarded: link0 p17")
        },
        Row {
            change: |config| config.interfaces[1].sysctls.forwarding = 0,
            ..row(
                "forwarding_needs_both_links",
                one(with_udp(to(FAR))),
                "Forwarded",
                "RouteUnreachable: link0 3/1",
            )
        },
        row(
            "router_solicitation_is_answered",
            one(to([224, 0, 0, 2]).ttl(1).carry(icmp(10, 0)).build()),
            "MulticastNotJoined: ",
            "Delivered: link0 9/0 08 at1 flags0 ttl1 tos0 ",
        ),
        row("ragged_fragment_is_dropped", one(ragged), "Held", "FragmentRagged"),
    ]
}

/// An echo request that is masqueraded, and after `seconds` its reply.
fn query_and_reply(seconds: u64) -> Vec<Stimulus> {
    let request = to(FAR).carry(echo_request().identifier(7)).build();
    let reply = ipv4()
        .source(FAR)
        .destination([10, 1, 0, 1])
        .ttl(64)
        .carry(icmp(0, 0).identifier(7).sequence_number(0))
        .build();
    vec![(0, 0, request), (seconds * 1_000_000, 1, reply)]
}

/// An error from outside about a datagram of `PEER` that went there before, if `is_known`.
fn error_from_outside(is_known: bool, quoted: Ipv4Builder<Vec<u8>>, quenches: bool) -> Vec<Stimulus> {
    let quoted = with_udp(quoted);
    let outer = ipv4().source([10, 1, 0, 9]).destination(PEER).ttl(64);
    let error = if quenches {
        outer.carry(source_quench().quote(&quoted)).build()
    } else {
        outer.carry(time_exceeded(TimeExceededCode::from(0)).quote(&quoted)).build()
    };
    let first = is_known.then(|| (0, 0, with_udp(to(FAR))));
    first.into_iter().chain([(1, 1, error)]).collect()
}

fn gateway_rows() -> Vec<Row> {
    let crowd = (0..2).map(|at| (at, 0, to(FAR).carry(udp().source_port(at as u16 + 1)).build()));
    vec![
        Row {
            change: masquerade,
            ..row("query_mapping_lives_a_minute", query_and_reply(50), "IcmpNoSocket", "Forwarded: link0 0/0")
        },
        Row {
            change: tracks,
            ..row(
                "quoted_checksum_is_verified",
                error_from_outside(true, to(FAR).header_checksum(0x0bad), false),
                "Forwarded",
                "QuoteChecksumWrong: ",
            )
        },
        Row {
            change: masquerade,
            ..row(
                "unmapped_error_is_dropped",
                error_from_outside(false, to(FAR), false),
                "Forwarded",
                "ErrorWithoutMapping: ",
            )
        },
        Row {
            change: |config| {
                tracks(config);
                config.netfilter.conntrack.max = 1;
            },
            ..row(
                "full_table_is_told",
                crowd.collect(),
                "ConntrackTableFull: ",
                "ConntrackTableFull: link0 3/13",
            )
        },
        Row {
            change: tracks,
            ..row(
                "source_quench_is_filtered",
                error_from_outside(true, to(FAR), true),
                "Forwarded: link0 4/0",
                "SourceQuenchFiltered: ",
            )
        },
        Row {
            change: masquerade,
            ..row(
                "translation_renews_identification",
                one(with_udp(to(FAR).identification(77))),
                " id77 ",
                "Forwarded: link1 p17 ",
            )
        },
    ]
}

/// Requests with and without the L bit.
fn probe(flags: u8, extension: ExtensionBuilder) -> Vec<Stimulus> {
    let request = extended_echo_request().extended_flags(flags).extension(extension);
    one(to([10, 0, 0, 1]).tos(0xb8).carry(request).build())
}

fn probe_rows() -> Vec<Row> {
    let own = || interface_by_address(Ipv4Addr::new(10, 0, 0, 1));
    let many: Vec<Stimulus> = (0..200).flat_map(|_| probe(1, own())).collect();
    vec![
        row(
            "extended_echo_object_is_alone",
            probe(1, own().object(3, 1, *b"lo\0\0")),
            "Delivered: link0 43/0",
            "Delivered: link0 43/1",
        ),
        Row {
            change: |config| {
                let twin = config.interfaces[0].addresses[0];
                config.interfaces[1].addresses.push(twin);
            },
            ..row("extended_echo_ambiguity_is_told", probe(1, own()), "link0 43/0", "link0 43/4")
        },
        Row {
            change: |config| {
                config.interfaces[1].is_up = false;
                config.routes.clear();
            },
            ..row(
                "extended_echo_down_has_no_protocols",
                probe(1, interface_by_name("t1")),
                "43/0 02",
                "43/0 00",
            )
        },
        row(
            "extended_echo_reply_header_is_fixed",
            probe(1, own()),
            "flags0 ttl64 tos184",
            "flags2 ttl255 tos0",
        ),
        row("extended_echo_is_limited", many, "Delivered: link0 43/0", "Delivered: "),
        row("extended_echo_asks_neighbors", probe(0, interface_by_address(PEER)), "Delivered: ", "43/0 40"),
    ]
}

fn rows() -> Vec<Row> {
    [address_rows(), forwarding_rows(), gateway_rows(), probe_rows()].into_iter().flatten().collect()
}

/// The knobs that rows of this file are about.
pub(super) const KNOBS: [&str; 27] = [
    "this_network_destination_is_invalid",
    "reserved_destination_is_invalid",
    "link_local_stays_on_its_link",
    "zero_form_is_broadcast",
    "directed_broadcast_needs_leave",
    "directed_broadcast_is_delivered_too",
    "directed_broadcast_draws_no_error",
    "timestamp_names_outgoing_interface",
    "unroutable_source_route_is_told",
    "truncation_is_pointed_at",
    "reserved_flag_is_copied",
    "redirect_needs_common_subnet",
    "forwarding_needs_both_links",
    "router_solicitation_is_answered",
    "ragged_fragment_is_dropped",
    "query_mapping_lives_a_minute",
    "quoted_checksum_is_verified",
    "unmapped_error_is_dropped",
    "full_table_is_told",
    "source_quench_is_filtered",
    "translation_renews_identification",
    "extended_echo_object_is_alone",
    "extended_echo_ambiguity_is_told",
    "extended_echo_down_has_no_protocols",
    "extended_echo_reply_header_is_fixed",
    "extended_echo_is_limited",
    "extended_echo_asks_neighbors",
];

#[test]
fn each_knob_turns_linux_into_the_clause() {
    let rows = rows();
    assert_eq!(rows.iter().map(|row| row.knob).collect::<Vec<_>>(), KNOBS);
    for row in rows {
        let mut departures = Departures::LINUX;
        let off = run(&row, departures);
        *departures.knob(row.knob).unwrap() = true;
        let on = run(&row, departures);
        assert_ne!(off, on, "{}", row.knob);
        // What ends in a blank shows nothing at all.
        let shows = |seen: &str, wanted: &str| {
            if wanted.ends_with(": ") { seen == wanted } else { seen.contains(wanted) }
        };
        assert!(shows(&off, row.linux), "{} off: {off}", row.knob);
        assert!(shows(&on, row.rfc), "{} on: {on}", row.knob);
    }
}

#[test]
fn nothing_is_sent_to_impossible_networks() {
    let send = |departures, to: [u8; 4]| {
        let mut stack = Stack::new(Config { departures, ..world(|_| ()) }, 1).unwrap();
        let mut log = Log::default();
        let wanted = SocketConfig { kind: SocketKind::Udp, local: None, peer: None, options: Vec::new() };
        let socket = stack.open_socket(Instant::ZERO, 0, &wanted, &mut log).unwrap();
        let to = SocketAddrV4::new(Ipv4Addr::from(to), 9);
        stack.send(Instant::ZERO, 0, socket, Some(to), b"x", &mut log).is_ok() && !log.0.is_empty()
    };
    for to in [[0, 0, 0, 5], [240, 0, 0, 1]] {
        assert_eq!((send(Departures::LINUX, to), send(Departures::RFC, to)), (true, false), "{to:?}");
    }
}
