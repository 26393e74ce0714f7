//! lwIP as a DUT, where the library is.

use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use netassay::dut::lwip::LwipDut;
use netassay::dut::{Clock, Dut, DutError};
use netassay::model::{Action, Observation, Scenario, SocketAction, Step};

type Body = fn(&mut LwipDut) -> Result<(), DutError>;

const TESTS: &[(&str, Body)] = &[
    ("echo_request_is_answered_in_the_same_step", echo_request_is_answered_in_the_same_step),
    ("ethernet_neighbors_are_resolved_within_the_step", ethernet_neighbors_are_resolved_within_the_step),
    ("sockets_send_and_receive", sockets_send_and_receive),
    ("tcp_listens_and_delivers", tcp_listens_and_delivers),
    ("reassembly_times_out_in_virtual_time", reassembly_times_out_in_virtual_time),
    ("a_router_forwards", a_router_forwards),
    ("what_it_cannot_be_is_unsupported", what_it_cannot_be_is_unsupported),
    ("reopening_forgets_everything", reopening_forgets_everything),
];

fn main() {
    let arguments = Arguments::from_args();
    let trials = TESTS.iter().map(|&(name, body)| Trial::ignorable_test(name, move || run(body)));
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn run(body: Body) -> Result<Completion, Failed> {
    match LwipDut::new().and_then(|mut dut| body(&mut dut)) {
        Ok(()) => Ok(Completion::Completed),
        Err(error @ DutError::Environment { .. }) => Ok(Completion::ignored_with(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

const HOST: &str = "name = 'h'\nrole = 'host'\n[[interface]]\nname = 't0'\naddresses = ['10.0.0.1/24']\n\
    [[route]]\nto = '0.0.0.0/0'\nvia = '10.0.0.2'\ndev = 't0'\n";
const SOCKETS: &str = "[[socket]]\nkind = 'udp'\nlocal = '10.0.0.1:53'\noptions = { ttl = 9, recverr = 1 }\n\
    [[socket]]\nkind = 'tcp'\nlocal = '10.0.0.1:80'\n\
    [[socket]]\nkind = 'raw'\nprotocol = 253\n";

/// Octets of a datagram from 10.0.0.2 to `to`, with the header checksum filled in.
fn datagram(to: [u8; 4], protocol: u8, fragment: [u8; 2], payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(20 + payload.len()).unwrap();
    let mut octets = vec![0x45, 0, 0, len, 0, 7, fragment[0], fragment[1], 64, protocol, 0, 0, 10, 0, 0, 2];
    octets.extend(to);
    let sum = checksum(&octets);
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    octets.extend_from_slice(payload);
    octets
}

/// RFC 1071.
fn checksum(octets: &[u8]) -> u16 {
    let words = octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let sum: u32 = words.sum();
    let sum = sum % 0x10000 + sum / 0x10000;
    !((sum % 0x10000 + sum / 0x10000) as u16)
}

fn segment(flags: u8, sequence: u8, acknowledgment: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut octets = vec![0x12, 0x34, 0, 80, 0, 0, 0, sequence];
    octets.extend(acknowledgment);
    octets.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    octets.extend_from_slice(data);
    let pseudo = [10, 0, 0, 2, 10, 0, 0, 1, 0, 6, 0, octets.len() as u8];
    let sum = checksum(&[&pseudo, &octets[..]].concat());
    octets[16..18].copy_from_slice(&sum.to_be_bytes());
    octets
}

const ECHO: [u8; 8] = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1];
const HOME: [u8; 4] = [10, 0, 0, 1];

fn open(dut: &mut LwipDut, text: &str) -> Result<(), DutError> {
    dut.open(&toml::from_str::<Scenario>(text).unwrap())
}

fn at(dut: &mut LwipDut, time: Duration, action: Action) -> Result<Observation, DutError> {
    let mut observation = Observation::default();
    let step = Step { at: time, action, packet: 0, comment: None };
    // As a live kernel's clock that began long before.
    let monotonic = Duration::from_secs(1_000_000) + time;
    dut.step(&step, Clock { monotonic, midnight_ms: 0 }, &mut observation)?;
    Ok(observation)
}

fn inject(dut: &mut LwipDut, interface: usize, frame: Vec<u8>) -> Result<Observation, DutError> {
    at(dut, Duration::ZERO, Action::Inject { interface, frame })
}

fn echo_request_is_answered_in_the_same_step(dut: &mut LwipDut) -> Result<(), DutError> {
    assert!(dut.version().starts_with("lwIP 2."), "{}", dut.version());
    open(dut, HOST)?;
    let frames = inject(dut, 0, datagram(HOME, 1, [0, 0], &ECHO))?.frames;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].octets[12..], [10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0xff, 0xfd, 0, 1, 0, 1]);
    Ok(())
}

fn ethernet_neighbors_are_resolved_within_the_step(dut: &mut LwipDut) -> Result<(), DutError> {
    open(dut, &HOST.replace("name = 't0'\n", "name = 't0'\nlink = 'ethernet'\n"))?;
    let frame = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 8, 8, 0][..], &datagram(HOME, 1, [0, 0], &ECHO)].concat();
    let frames = inject(dut, 0, frame)?.frames;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].octets[..14], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 8, 0]);
    assert_eq!(inject(dut, 0, vec![0; 13])?.refused.as_deref(), Some("EINVAL"));
    Ok(())
}

fn sockets_send_and_receive(dut: &mut LwipDut) -> Result<(), DutError> {
    open(dut, &format!("{HOST}{SOCKETS}"))?;
    let seen = inject(dut, 0, datagram(HOME, 17, [0, 0], &[0x12, 0x34, 0, 53, 0, 10, 0, 0, b'h', b'i']))?;
    assert_eq!((seen.deliveries[0].socket, seen.deliveries[0].source), (0, "10.0.0.2:4660".parse().unwrap()));
    assert_eq!((&seen.deliveries[0].data[..], seen.frames.len()), (&b"hi"[..], 0));
    let raw = datagram(HOME, 253, [0, 0], b"raw");
    assert_eq!(inject(dut, 0, raw.clone())?.deliveries[0].data, raw);
    let action = SocketAction::Send { to: Some("10.0.0.9:7".parse().unwrap()), data: b"hello".to_vec() };
    let sent = at(dut, Duration::ZERO, Action::Socket { socket: 0, action })?.frames;
    assert_eq!((sent[0].octets[8], &sent[0].octets[28..]), (9, &b"hello"[..]));
    at(dut, Duration::ZERO, Action::Socket { socket: 0, action: SocketAction::Close })?;
    let closed = inject(dut, 0, datagram(HOME, 17, [0, 0], &[0x12, 0x34, 0, 53, 0, 8, 0, 0]))?;
    assert_eq!(closed.frames[0].octets[20..22], [3, 3]);
    Ok(())
}

fn tcp_listens_and_delivers(dut: &mut LwipDut) -> Result<(), DutError> {
    const SYN: u8 = 2;
    const ACK: u8 = 16;
    open(dut, &format!("{HOST}{SOCKETS}"))?;
    let answer = inject(dut, 0, datagram(HOME, 6, [0, 0], &segment(SYN, 1, [0; 4], &[])))?.frames;
    let tcp = &answer[0].octets[20..];
    assert_eq!(tcp[13] & (SYN | ACK), SYN | ACK);
    let next = (u32::from_be_bytes([tcp[4], tcp[5], tcp[6], tcp[7]]).wrapping_add(1)).to_be_bytes();
    inject(dut, 0, datagram(HOME, 6, [0, 0], &segment(ACK, 2, next, &[])))?;
    let seen = inject(dut, 0, datagram(HOME, 6, [0, 0], &segment(ACK, 2, next, b"data")))?;
    assert_eq!((seen.deliveries[0].socket, &seen.deliveries[0].data[..]), (1, &b"data"[..]));
    Ok(())
}

/// Time passes only as it is told to: a fragment waits for 15 seconds, and no longer.
fn reassembly_times_out_in_virtual_time(dut: &mut LwipDut) -> Result<(), DutError> {
    open(dut, HOST)?;
    inject(dut, 0, datagram(HOME, 1, [0x20, 0], &ECHO))?;
    assert_eq!(at(dut, Duration::from_secs(10), Action::Advance)?, Observation::default());
    let told = at(dut, Duration::from_secs(60), Action::Advance)?.frames;
    assert_eq!(told[0].octets[20..22], [11, 1]);
    Ok(())
}

fn a_router_forwards(dut: &mut LwipDut) -> Result<(), DutError> {
    let router = HOST.replacen("'host'", "'router'", 1).replace("via = '10.0.0.2'\ndev = 't0'", "dev = 't1'");
    open(dut, &format!("{router}[[interface]]\nname = 't1'\naddresses = ['10.1.0.1/24']\n"))?;
    let frames = inject(dut, 0, datagram([10, 1, 0, 9], 1, [0, 0], &ECHO))?.frames;
    assert_eq!((frames[0].interface, frames[0].octets[8]), (1, 63));
    Ok(())
}

fn what_it_cannot_be_is_unsupported(dut: &mut LwipDut) -> Result<(), DutError> {
    let second = "[[interface]]\nname = 't1'\naddresses = ['10.1.0.1/24']\n";
    for text in [
        HOST.replacen("'host'", "'nat'", 1),
        format!("{HOST}{second}"),
        HOST.replace("'0.0.0.0/0'", "'10.9.0.0/16'"),
        HOST.replace("['10.0.0.1/24']", "['10.0.0.1/24', '10.0.0.3/24']"),
        format!("{HOST}[[socket]]\nkind = 'ping'\n"),
        format!("{HOST}[sysctl]\n'net.ipv4.ip_default_ttl' = '64'\n"),
    ] {
        assert!(matches!(open(dut, &text), Err(DutError::Unsupported(_))), "{text}");
    }
    open(dut, HOST)
}

fn reopening_forgets_everything(dut: &mut LwipDut) -> Result<(), DutError> {
    open(dut, HOST)?;
    inject(dut, 0, datagram(HOME, 1, [0x20, 0], &ECHO))?;
    open(dut, HOST)?;
    assert_eq!(at(dut, Duration::from_secs(60), Action::Advance)?, Observation::default());
    Ok(())
}
