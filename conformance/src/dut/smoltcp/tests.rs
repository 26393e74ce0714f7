use super::*;
use std::time::Duration;

use crate::model::SocketAction;

const HOST: &str = "name = 'host'\nrole = 'host'\n\
    [[interface]]\nname = 't0'\naddresses = ['10.0.0.1/24']\n\
    [[interface]]\nname = 'p0'\nlink = 'ethernet'\naddresses = ['10.1.0.1/24']\n\
    [[route]]\nto = '0.0.0.0/0'\nvia = '10.0.0.2'\n\
    [[socket]]\nkind = 'udp'\nlocal = '10.0.0.1:53'\n\
    [[socket]]\nkind = 'tcp'\nlocal = '10.0.0.1:80'\n\
    [[socket]]\nkind = 'ping'\nlocal = '10.0.0.1:7'\n";

/// Echo request from 10.0.0.2 to 10.0.0.1 and its answer but for identification and checksums.
const ECHO: [u8; 28] =
    [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0x66, 0xdf, 10, 0, 0, 2, 10, 0, 0, 1, 8, 0, 0xf7, 0xfd, 0, 1, 0, 1];

fn opened(scenario: &str) -> SmoltcpDut {
    let mut dut = SmoltcpDut::new();
    dut.open(&toml::from_str(scenario).unwrap()).unwrap();
    dut
}

#[track_caller]
fn observe(dut: &mut SmoltcpDut, at: Duration, action: Action) -> Observation {
    let mut observation = Observation::default();
    let step = Step { at, action, packet: 0, comment: None };
    dut.step(&step, Clock { monotonic: at, midnight_ms: 0 }, &mut observation).unwrap();
    observation
}

fn inject(dut: &mut SmoltcpDut, interface: usize, frame: &[u8]) -> Observation {
    observe(dut, Duration::ZERO, Action::Inject { interface, frame: frame.to_vec() })
}

#[test]
fn the_release_is_the_one_that_is_built_in() {
    let lock: toml::Table = toml::from_str(include_str!("../../../../Cargo.lock")).unwrap();
    let packages = lock["package"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"].as_str() == Some("smoltcp")).unwrap();
    assert_eq!(package["version"].as_str(), Some(RELEASE));
}

#[test]
fn an_echo_request_is_answered_in_the_same_step() {
    let mut dut = opened(HOST);
    let frames = inject(&mut dut, 0, &ECHO).frames;
    assert_eq!(frames.len(), 1);
    assert_eq!((frames[0].interface, &frames[0].octets[12..21]), (0, &[10, 0, 0, 1, 10, 0, 0, 2, 0][..]));
}

#[test]
fn an_answer_on_ethernet_does_not_wait_for_address_resolution() {
    let mut dut = opened(HOST);
    let mut datagram = ECHO;
    // From 10.1.0.2 to 10.1.0.1; the checksum moves by the two ones added.
    (datagram[13], datagram[17], datagram[11]) = (1, 1, 0xdd);
    let frame = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 8, 8, 0][..], &datagram].concat();
    let frames = inject(&mut dut, 1, &frame).frames;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].octets[..14], [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 8, 0]);
}

#[test]
fn a_frame_without_a_whole_header_is_refused() {
    let mut dut = opened(HOST);
    assert_eq!(inject(&mut dut, 1, &[0; 13]).refused.as_deref(), Some("EINVAL"));
}

#[test]
fn a_datagram_reaches_its_socket() {
    let mut dut = opened(HOST);
    let mut datagram = vec![
        0x45, 0, 0, 30, 0, 0, 0, 0, 64, 17, 0x66, 0xcd, 10, 0, 0, 2, 10, 0, 0, 1, // IPv4
        0x12, 0x34, 0, 53, 0, 10, 0, 0, // UDP, no checksum
    ];
    datagram.extend(b"hi");
    let observation = inject(&mut dut, 0, &datagram);
    let delivery = &observation.deliveries[0];
    assert_eq!(
        (delivery.socket, delivery.source, &delivery.data[..]),
        (0, "10.0.0.2:4660".parse().unwrap(), &b"hi"[..])
    );
    assert!(observation.frames.is_empty());
}

#[test]
fn a_socket_sends_out_of_the_interface_that_leads_there() {
    let mut dut = opened(HOST);
    let send = SocketAction::Send { to: Some("10.0.0.9:7".parse().unwrap()), data: b"hi".to_vec() };
    let sent = observe(&mut dut, Duration::ZERO, Action::Socket { socket: 0, action: send });
    assert_eq!((sent.frames[0].interface, &sent.frames[0].octets[28..]), (0, &b"hi"[..]));
    let ping =
        SocketAction::Send { to: Some("10.0.0.9:0".parse().unwrap()), data: vec![8, 0, 0, 0, 0, 0, 0, 1] };
    let sent = observe(&mut dut, Duration::ZERO, Action::Socket { socket: 2, action: ping });
    assert_eq!(sent.frames[0].octets[24..28], [0, 7, 0, 1]);
}

/// A SYN that is never acknowledged is answered again as time passes, and only then.
#[test]
fn timers_fire_in_virtual_time() {
    let mut dut = opened(HOST);
    let syn = [
        0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0x66, 0xce, 10, 0, 0, 2, 10, 0, 0, 1, // IPv4
        0x12, 0x34, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0x89, 0x5b, 0, 0,
    ];
    assert_eq!(inject(&mut dut, 0, &syn).frames.len(), 1);
    assert_eq!(observe(&mut dut, Duration::from_millis(100), Action::Advance).frames.len(), 0);
    assert_ne!(observe(&mut dut, Duration::from_secs(10), Action::Advance).frames.len(), 0);
}

#[test]
fn a_router_is_refused() {
    let router = HOST.replacen("'host'\n[", "'router'\n[", 1);
    let why = SmoltcpDut::new().open(&toml::from_str(&router).unwrap()).unwrap_err().to_string();
    assert_eq!(why, "not supported by this DUT: smoltcp does not forward");
}

#[test]
fn groups_are_joined_before_the_first_step() {
    let joined = HOST.replace("['10.0.0.1/24']\n", "['10.0.0.1/24']\ngroups = ['224.0.0.251']\n");
    let mut dut = opened(&joined);
    assert_eq!(observe(&mut dut, Duration::from_secs(1), Action::Advance), Observation::default());
}
