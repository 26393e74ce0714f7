//! What each knob of `Departures` changes: the same stimuli with the knob off (Linux) and on (the clause it cites).

mod gateway;

use std::net::Ipv4Addr;

use netassay_stack::address::Prefix;
use netassay_stack::config::{Config, DEPARTURES, Departures, Profile, Route};
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::outcome::{NoticeFate, Outcome};
use netassay_stack::sink::{LinkDestination, Sink, Void};
use netassay_stack::socket::{SocketConfig, SocketKind};
use netassay_stack::stack::Stack;
use netassay_stack::time::Instant;
use netassay_stack::wire::build::{
    Ipv4Builder, Layer, echo_reply, echo_request, extended_echo_request, fragmentation_needed,
    interface_by_name, ipv4, redirect, timestamp_request, udp, unreachable,
};
use netassay_stack::wire::icmp::{RedirectCode, UnreachableCode};

const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const OWN: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(20, 0, 0, 9);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 254);

/// What is done to the stack.
struct Case {
    knob: &'static str,
    sysctls: &'static [(&'static str, &'static str)],
    link: LinkClass,
    datagrams: Vec<Vec<u8>>,
    /// What shows of it: with the knob off, with the knob on.
    linux: &'static str,
    rfc: &'static str,
}

/// Writes down what leaves: type/code of ICMP, or the protocol, with what distinguishes the cases.
#[derive(Default)]
struct Log(Vec<String>);

impl Sink for Log {
    fn transmit(&mut self, _: InterfaceId, to: LinkDestination, datagram: &[u8]) {
        let header_len = usize::from(datagram[0] & 15) * 4;
        let options: String = datagram[20..header_len].iter().map(|octet| format!("{octet:02x}")).collect();
        let tos = datagram[1];
        let payload = &datagram[header_len..];
        let what = match (datagram[9], datagram[7]) {
            (1, 0) => format!("{}/{} {:02x}", payload[0], payload[1], payload[4]),
            (protocol, offset) => format!("p{protocol} +{offset}"),
        };
        let quoted = payload.get(28..36).filter(|_| matches!(payload[0], 3 | 12)).map_or(0, |o| o[2]);
        let station = match to {
            LinkDestination::Station(station) => station.octets()[3],
            LinkDestination::Broadcast | LinkDestination::Multicast(_) => 255,
        };
        self.0.push(format!("{what} tos {tos:02x} len {} to .{station} q{quoted} {options}", datagram.len()));
    }
}

fn world(sysctls: &[(&str, &str)]) -> Config {
    let mut config = Config::new(Profile::Linux);
    config.add_interface("t0", [Prefix::new(OWN, 24)]).unwrap();
    for (name, value) in sysctls {
        config.set_sysctl(name, value).unwrap();
    }
    let is_router = config.is_router();
    if !is_router {
        config.routes.push(Route { via: Some(GATEWAY), ..Route::default() });
    }
    config
}

/// Runs the case; the last datagram's fate, what left after it, and two counters.
fn run(case: &Case, departures: Departures) -> String {
    let mut config = world(case.sysctls);
    config.departures = departures;
    let mut stack = Stack::new(config, 1).unwrap();
    let t0 = InterfaceId::configured(0);
    let mut log = Log::default();
    let mut fate = String::new();
    for (number, datagram) in case.datagrams.iter().enumerate() {
        log.0.clear();
        let now = Instant::from_micros(number as u64);
        fate = match stack.receive(now, 1, t0, case.link, datagram, &mut log) {
            Outcome::Dropped { reason, notice } => match notice {
                NoticeFate::Withheld(_, rule) => format!("{} {}", reason.name(), rule.name()),
                NoticeFate::NotDue | NoticeFate::Sent(_) => reason.name().to_owned(),
            },
            other => format!("{other:?}"),
        };
    }
    let counters = stack.counters();
    let errors = counters.value(netassay_stack::counters::Counter::IpInAddrErrors);
    format!("{fate}: {} | {errors} {}", log.0.join("; "), counters.icmp_out_type(14))
}

fn from(source: impl Into<Ipv4Addr>) -> Ipv4Builder<Vec<u8>> {
    ipv4().source(source.into()).destination(OWN)
}

fn with_options(octets: &[u8]) -> Vec<u8> {
    from(PEER).options(octets).carry(udp().source_port(1).destination_port(9)).build()
}

/// Two datagrams: an ICMP message that quotes an echo reply of ours to `FAR`, and a long echo request from there.
fn after(message: impl Layer) -> Vec<Vec<u8>> {
    vec![from(GATEWAY).carry(message).build(), from(FAR).carry(echo_request().data([0; 1400])).build()]
}

fn quoted() -> Vec<u8> {
    ipv4().source(OWN).destination(FAR).carry(echo_reply().data([0; 1400])).build()
}

const NO_OVERLAP: [u8; 32] = [0x41; 32];

/// Two fragments of one echo request that overlap by 8 octets.
fn overlapping() -> Vec<Vec<u8>> {
    let whole = from(PEER).carry(echo_request().data(NO_OVERLAP)).build();
    let part = |offset: usize, end: usize, more: bool| {
        let builder = from(PEER).protocol(1).fragment_offset(offset);
        let builder = if more { builder.more_fragments() } else { builder };
        builder.carry(whole[20 + offset..20 + end].to_vec()).build()
    };
    vec![part(0, 24, true), part(16, 40, false)]
}

const ROUTER: &[(&str, &str)] = &[("net.ipv4.ip_forward", "1")];
const SOURCE_ROUTES: &[(&str, &str)] =
    &[("net.ipv4.ip_forward", "1"), ("net.ipv4.conf.all.accept_source_route", "1")];
const PROBES: &[(&str, &str)] = &[("net.ipv4.icmp_echo_enable_probe", "1")];
const NO_LIMIT: &[(&str, &str)] = &[("net.ipv4.icmp_ratelimit", "0")];

fn case(knob: &'static str, datagram: Vec<u8>, linux: &'static str, rfc: &'static str) -> Case {
    Case { knob, sysctls: &[], link: LinkClass::Host, datagrams: vec![datagram], linux, rfc }
}

fn address_cases() -> Vec<Case> {
    let echo = |source: [u8; 4]| from(source).carry(echo_request()).build();
    let closed = |source: [u8; 4]| from(source).carry(udp().source_port(1).destination_port(9)).build();
    vec![
        case("broadcast_source_is_invalid", echo([10, 0, 0, 255]), "Delivered: 0/0", "SourceIsBroadcast:"),
        case("no_error_to_broadcast", closed([10, 0, 0, 255]), "UdpNoSocket: 3/3", "FromBroadcast:"),
        case("reserved_source_is_invalid", echo([240, 0, 0, 1]), "Delivered: 0/0", "SourceIsReserved:"),
        case("this_network_source_is_invalid", echo([0, 1, 2, 3]), "Delivered: 0/0", "SourceIsThisNetwork:"),
        case("martian_sources_are_counted", echo([127, 0, 0, 1]), "| 0 ", "| 1 "),
        Case {
            link: LinkClass::Broadcast,
            ..case(
                "unicast_in_link_multicast_is_dropped",
                echo([10, 0, 0, 2]),
                "Delivered: 0/0",
                "UnicastInLinkMulticast:",
            )
        },
    ]
}

fn query_cases() -> Vec<Case> {
    let probe = |extension| extended_echo_request().extension(extension);
    let name = || interface_by_name("t0");
    let timestamp = from(PEER).carry(timestamp_request()).build();
    let mut short = timestamp.clone();
    short.truncate(32);
    let short = from(PEER).protocol(1).carry(checked(short[20..].to_vec())).build();
    let to_group = from(PEER).destination([224, 0, 0, 1]).carry(probe(name())).build();
    let with_code = from(PEER).carry(probe(name()).code(5)).build();
    let old_version = from(PEER).carry(probe(name().version(1))).build();
    vec![
        case("timestamp_request_is_whole", short, "Delivered: 14/0", "IcmpTimestampTruncated:"),
        case("reply_code_is_zero", from(PEER).carry(echo_request().code(7)).build(), ": 0/7", ": 0/0"),
        case("error_type_is_counted", timestamp, "| 0 0", "| 0 1"),
        Case { sysctls: PROBES, ..case("extended_echo_code_tells", with_code, ": 43/5", ": 43/0") },
        Case {
            sysctls: PROBES,
            ..case("extended_echo_to_group_is_dropped", to_group, ": 43/0", "IcmpBroadcastInvalid:")
        },
        Case {
            sysctls: PROBES,
            ..case("extended_echo_extension_is_checked", old_version, ": 43/0", ": 43/1")
        },
    ]
}

/// Sets the checksum of an ICMP message.
fn checked(mut message: Vec<u8>) -> Vec<u8> {
    message[2..4].fill(0);
    let sum = netassay_stack::wire::checksum::checksum(&message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

fn error_and_option_cases() -> Vec<Case> {
    let marked = from(PEER).tos(3).carry(udp().source_port(1).destination_port(9)).build();
    let foreign = ipv4().source(PEER).destination([10, 0, 0, 77]).options([7, 7, 3, 0, 0, 0, 0, 0]);
    let transit = ipv4().source(PEER).destination([10, 0, 0, 9]).options([0x89, 7, 4, 10, 0, 0, 9, 0]);
    let full = [68, 12, 13, 0x23, 1, 1, 1, 1, 1, 1, 1, 1];
    let no_route = ipv4().source(PEER).destination(FAR).ttl(1).carry(udp().source_port(1)).build();
    vec![
        case("error_is_not_ect", marked, "tos c2", "tos c0"),
        case("bad_option_length_is_pointed_at", with_options(&[7, 0, 0, 0]), "12/0 14", "12/0 15"),
        case("foreign_option_error_is_silent", foreign.carry(udp()).build(), ": 12/0", "OptionMalformed:  |"),
        case(
            "source_route_refusal_is_told",
            with_options(&[0x83, 7, 4, 10, 0, 0, 9, 0]),
            "SourceRouteRefused:  |",
            "SourceRouteRefused: 3/5",
        ),
        Case {
            sysctls: SOURCE_ROUTES,
            ..case(
                "strict_transit_is_source_route_failed",
                transit.carry(udp()).build(),
                ": 12/0 10",
                ": 3/5",
            )
        },
        case(
            "timestamp_overflow_is_counted",
            from(PEER).options(full).carry(echo_request()).build(),
            "440c0d23",
            "440c0d33",
        ),
        case(
            "option_shapes_are_checked",
            with_options(&[7, 8, 5, 0, 0, 0, 0, 0]),
            "UdpNoSocket: 3/3",
            "OptionMalformed: 12/0 15",
        ),
        case(
            "cipso_is_left_alone",
            with_options(&[134, 8, 0, 0, 0, 1, 1, 2]),
            "OptionMalformed: 12/0 16",
            "UdpNoSocket: 3/3",
        ),
        case("quote_is_original", with_options(&[7, 7, 4, 0, 0, 0, 0, 0]), " q8 ", " q4 "),
        Case {
            datagrams: overlapping(),
            ..case("fragment_overlap_is_merged", Vec::new(), "FragmentOverlaps:", "Delivered: 0/0")
        },
        Case {
            sysctls: ROUTER,
            ..case("ttl_goes_before_routing", no_route, "NoRoute: 3/0", "TtlExceeded: 11/0")
        },
    ]
}

fn learning_cases() -> Vec<Case> {
    let with_df =
        ipv4().source(OWN).destination(FAR).dont_fragment().carry(echo_reply().data([0; 1400])).build();
    let unsent = ipv4().source(OWN).destination(FAR).carry(udp().source_port(1).destination_port(9)).build();
    let learned = |datagrams, knob, linux, rfc| Case { datagrams, ..case(knob, Vec::new(), linux, rfc) };
    let host = |code: u8| redirect(RedirectCode::from(code), [10, 0, 0, 77]);
    vec![
        learned(after(fragmentation_needed(0).quote(with_df)), "path_mtu_plateau", "len 548", "len 1004"),
        learned(
            after(fragmentation_needed(1000).quote(quoted())),
            "fragmentation_needed_needs_df",
            "len 996",
            "len 1428",
        ),
        learned(after(host(9).quote(quoted())), "redirect_code_is_checked", "to .77", "to .254"),
        learned(after(host(1).quote(unsent)), "redirect_without_socket", "to .254", "to .77"),
    ]
}

fn cases() -> Vec<Case> {
    [address_cases(), query_cases(), error_and_option_cases(), learning_cases()]
        .into_iter()
        .flatten()
        .collect()
}

#[test]
fn each_knob_turns_linux_into_the_clause() {
    for case in cases() {
        let mut departures = Departures::LINUX;
        let off = run(&case, departures);
        *departures.knob(case.knob).unwrap() = true;
        let on = run(&case, departures);
        assert!(off.contains(case.linux), "{} off: {off}", case.knob);
        assert!(on.contains(case.rfc), "{} on: {on}", case.knob);
    }
}

/// The identification of a small datagram from a socket that is not connected; DF is set.
fn identification(departures: Departures) -> u16 {
    struct First(Option<u16>);
    impl Sink for First {
        fn transmit(&mut self, _: InterfaceId, _: LinkDestination, datagram: &[u8]) {
            self.0 = Some(u16::from_be_bytes([datagram[4], datagram[5]]));
        }
    }
    let mut stack = Stack::new(Config { departures, ..world(&[]) }, 1).unwrap();
    let wanted = SocketConfig { kind: SocketKind::Udp, local: None, peer: None, options: Vec::new() };
    let socket = stack.open_socket(Instant::ZERO, 0, &wanted, &mut Void).unwrap();
    let mut first = First(None);
    let to = std::net::SocketAddrV4::new(PEER, 7);
    stack.send(Instant::ZERO, 0, socket, Some(to), b"x", &mut first).unwrap();
    first.0.unwrap()
}

#[test]
fn an_atomic_datagram_needs_no_identification() {
    let rfc = Departures { atomic_identification_is_free: true, ..Departures::LINUX };
    assert_eq!((identification(Departures::LINUX) != 0, identification(rfc)), (true, 0));
}

/// Whether an error that quotes the sequence number behind a SYN ends the attempt to connect.
fn is_told_of_what_was_not_sent(departures: Departures) -> bool {
    #[derive(Default)]
    struct Seen {
        syn: Vec<u8>,
        is_told: bool,
    }
    impl Sink for Seen {
        fn transmit(&mut self, _: InterfaceId, _: LinkDestination, datagram: &[u8]) {
            self.syn = datagram.to_vec();
        }
        fn socket_error(
            &mut self,
            _: netassay_stack::socket::SocketId,
            _: &netassay_stack::sink::SocketError,
        ) {
            self.is_told = true;
        }
    }
    let mut stack = Stack::new(Config { departures, ..world(&[]) }, 1).unwrap();
    let wanted = SocketConfig { kind: SocketKind::Tcp, local: None, peer: None, options: Vec::new() };
    let mut seen = Seen::default();
    let socket = stack.open_socket(Instant::ZERO, 0, &wanted, &mut seen).unwrap();
    let to = std::net::SocketAddrV4::new(PEER, 7);
    let _ = stack.connect(Instant::ZERO, 0, socket, to, &mut seen);
    let number = u32::from_be_bytes(seen.syn[24..28].try_into().unwrap());
    seen.syn[24..28].copy_from_slice(&number.wrapping_add(1).to_be_bytes());
    let error = from(PEER).carry(unreachable(UnreachableCode::Port).quote(&seen.syn)).build();
    stack.receive(Instant::ZERO, 0, InterfaceId::configured(0), LinkClass::Host, &error, &mut seen);
    seen.is_told
}

#[test]
fn an_error_is_about_what_is_in_flight() {
    let rfc = Departures { quoted_sequence_is_in_flight: true, ..Departures::LINUX };
    assert_eq!(
        (is_told_of_what_was_not_sent(Departures::LINUX), is_told_of_what_was_not_sent(rfc)),
        (true, false)
    );
}

/// How many errors about closed ports leave: `bursts` of so many datagrams, two seconds apart, each from `source`.
fn errors(departures: Departures, sysctls: &[(&str, &str)], bursts: &[u32], datagram: &[u8]) -> usize {
    let mut stack = Stack::new(Config { departures, ..world(sysctls) }, 1).unwrap();
    let mut log = Log::default();
    for (second, count) in bursts.iter().enumerate() {
        for number in 0..*count {
            let now = Instant::from_micros(second as u64 * 2_000_000 + u64::from(number));
            stack.receive(now, 0, InterfaceId::configured(0), LinkClass::Host, datagram, &mut log);
        }
    }
    log.0.len()
}

#[test]
fn an_error_route_is_charged_once() {
    let datagram = ipv4().source(PEER).destination(FAR).carry(udp().source_port(1)).build();
    let rfc = Departures { error_route_is_charged_once: true, ..Departures::LINUX };
    let count = |departures| errors(departures, ROUTER, &[20], &datagram);
    assert_eq!((count(Departures::LINUX), count(rfc)), (2, 6));
}

#[test]
fn the_limit_of_all_messages_refills_while_credit_is_left() {
    let datagram = from(PEER).carry(udp().source_port(1).destination_port(9)).build();
    let rfc = Departures { global_bucket_refills: true, ..Departures::LINUX };
    // After 30 of about 50 messages Linux still lives on the rest, and only then refills; the clause fills up at once.
    let count = |departures| errors(departures, NO_LIMIT, &[30, 200], &datagram);
    assert!(count(Departures::LINUX) > count(rfc), "{} {}", count(Departures::LINUX), count(rfc));
}

#[test]
fn every_knob_has_a_case() {
    let cases = cases();
    let elsewhere = [
        "atomic_identification_is_free",
        "cut_timestamp_reply_keeps_times",
        "error_route_is_charged_once",
        "global_bucket_refills",
        "quoted_sequence_is_in_flight",
        "reply_of_zeros_is_summed",
    ];
    for departure in DEPARTURES {
        let has_case =
            cases.iter().any(|case| case.knob == departure.name) || elsewhere.contains(&departure.name);
        let has_case = has_case || gateway::KNOBS.contains(&departure.name);
        assert!(has_case, "{}", departure.name);
    }
}

/// Keeps what leaves.
#[derive(Default)]
struct Frames(Vec<Vec<u8>>);

impl Sink for Frames {
    fn transmit(&mut self, _: InterfaceId, _: LinkDestination, datagram: &[u8]) {
        self.0.push(datagram.to_vec());
    }
}

/// The reply to a timestamp request with 40 octets of options, which an MTU of 68 cuts behind every 8 octets: what is
/// behind the first cut, and whether the checksum is that of what was sent.
fn cut_timestamp_reply(departures: Departures) -> (Vec<u8>, bool) {
    let mut config = world(&[]);
    config.departures = departures;
    config.interfaces[0].mtu = 68;
    let mut stack = Stack::new(config, 1).unwrap();
    let mut full = vec![0; 40];
    full[..3].copy_from_slice(&[7, 39, 40]);
    full[37..].copy_from_slice(&[0xab, 0xcd, 1]);
    let request = from(PEER).options(full).carry(timestamp_request()).build();
    let mut sent = Frames::default();
    let _ = stack.receive(
        Instant::ZERO,
        0x0102_0304,
        InterfaceId::configured(0),
        LinkClass::Host,
        &request,
        &mut sent,
    );
    let message: Vec<u8> = sent.0.iter().flat_map(|fragment| &fragment[60..]).copied().collect();
    assert_eq!((sent.0.len(), message.len()), (3, 20));
    (message[8..].to_vec(), netassay_stack::wire::checksum::is_intact(&message))
}

#[test]
fn a_cut_timestamp_reply_goes_on_with_the_header_of_the_request() {
    let mut knob = Departures::LINUX;
    knob.cut_timestamp_reply_keeps_times = true;
    assert_eq!(cut_timestamp_reply(knob), (vec![0, 0, 0, 0, 1, 2, 3, 4, 1, 2, 3, 4], true));
    let (behind, is_intact) = cut_timestamp_reply(Departures::LINUX);
    assert_eq!((&behind[..6], is_intact), (&[0, 0xab, 0xcd, 1, 13, 0][..], false));
}

/// The message that answers an echo request with `data` under identifier and sequence number 0.
fn reply_to(data: &[u8], departures: Departures) -> Vec<u8> {
    let mut config = world(&[]);
    config.departures = departures;
    let mut stack = Stack::new(config, 1).unwrap();
    let request = from(PEER).carry(echo_request().identifier(0).sequence_number(0).data(data)).build();
    let mut sent = Frames::default();
    let _ = stack.receive(Instant::ZERO, 0, InterfaceId::configured(0), LinkClass::Host, &request, &mut sent);
    sent.0.iter().flat_map(|frame| &frame[20..]).copied().collect()
}

#[test]
fn a_reply_of_zeros_keeps_its_checksum_for_the_rfc_only() {
    let knob = Departures { reply_of_zeros_is_summed: true, ..Departures::LINUX };
    assert_eq!(reply_to(&[], knob), [0, 0, 0xff, 0xff, 0, 0, 0, 0]);
    assert_eq!(reply_to(&[], Departures::LINUX), [0; 8]);
    // RFC 1071 §1: what sums up to all ones has a checksum of zero.
    assert_eq!(reply_to(&[0xff; 2], knob), [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
}

#[test]
fn the_documented_table_is_that_of_the_code() {
    let documented = include_str!("../../spec/departures.md");
    let rows: Vec<&str> = documented.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = DEPARTURES
        .iter()
        .map(|row| format!("| `{}` | {} | {} | {} |", row.name, row.clause, row.rfc, row.linux))
        .collect();
    assert_eq!(rows, expected, "spec/departures.md has to hold exactly these rows");
}
