//! Local sockets: what they receive, what they are told of errors, what they send.

use std::time::Duration;

use netassay::dut::linux::LinuxDut;
use netassay::dut::{Dut, DutError};
use netassay::model::observation::QueuedError;
use netassay::model::{Action, Delivery, Observation, SocketAction, SocketError};

use crate::packet::{HOST, PEER, checksum, icmp, ip, udp};
use crate::{host_with, inject, only_frame, take, tcp};

pub(crate) fn local_sockets_receive(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host_with(
        "[[socket]]\nkind = 'udp'\nlocal = '10.0.0.1:5000'\n[[socket]]\nkind = 'raw'\nprotocol = 17",
    ))?;
    let datagram = ip(PEER, HOST, 17, &udp(1000, 5000, b"hello"));
    let observation = inject(dut, datagram.clone())?;
    assert_eq!(
        observation.deliveries,
        [
            Delivery { socket: 0, source: "10.0.0.2:1000".parse().unwrap(), data: b"hello".to_vec() },
            Delivery { socket: 1, source: "10.0.0.2:0".parse().unwrap(), data: datagram }
        ]
    );
    assert_eq!((observation.frames, observation.socket_errors), (vec![], vec![]));
    Ok(())
}

fn act(dut: &mut LinuxDut, socket: usize, action: SocketAction) -> Result<Observation, DutError> {
    take(dut, Duration::ZERO, Action::Socket { socket, action })
}

fn send(dut: &mut LinuxDut, to: Option<&str>, data: &[u8]) -> Result<Observation, DutError> {
    act(dut, 0, SocketAction::Send { to: to.map(|to| to.parse().unwrap()), data: data.to_vec() })
}

pub(crate) fn icmp_errors_reach_the_error_queue(dut: &mut LinuxDut) -> Result<(), DutError> {
    let socket =
        "[[socket]]\nkind = 'udp'\nlocal = '10.0.0.1:5000'\npeer = '10.0.0.2:9'\noptions = { recverr = 1 }";
    dut.open(&host_with(socket))?;
    let sent = send(dut, None, b"hello")?;
    let datagram = only_frame(&sent);
    let segment = &datagram[20..];
    // The checksum is whole although the kernel may leave it to the device.
    let pseudo = [&datagram[12..20], &[0, 17], &segment[4..6], segment].concat();
    assert_eq!(checksum(&pseudo), 0);
    let observation = inject(dut, ip(PEER, HOST, 1, &icmp(3, 3, [0; 4], datagram)))?;
    let error = |queued| SocketError { socket: 0, errno: "ECONNREFUSED".to_owned(), queued };
    let entry = QueuedError {
        origin: 2,
        icmp_type: 3,
        icmp_code: 3,
        info: 0,
        data: 0,
        offender: PEER,
        name: "10.0.0.2:9".parse().unwrap(),
        payload: b"hello".to_vec(),
    };
    assert_eq!(observation.socket_errors, [error(None), error(Some(entry))]);
    assert_eq!(inject(dut, datagram.to_vec())?.socket_errors, []);
    Ok(())
}

pub(crate) fn ping_socket_sends_and_receives(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host_with("[[socket]]\nkind = 'ping'\nlocal = '10.0.0.1:77'"))?;
    let sent = send(dut, Some("10.0.0.2:0"), &icmp(8, 0, [0, 0, 0, 5], b"data"))?;
    let request = only_frame(&sent);
    assert_eq!(&request[20..], icmp(8, 0, [0, 77, 0, 5], b"data"), "the identifier is the bound port");
    let reply = icmp(0, 0, [0, 77, 0, 5], b"data");
    let observation = inject(dut, ip(PEER, HOST, 1, &reply))?;
    assert_eq!(
        observation.deliveries,
        [Delivery { socket: 0, source: "10.0.0.2:0".parse().unwrap(), data: reply }]
    );
    Ok(())
}

pub(crate) fn tcp_listener_accepts_and_delivers(dut: &mut LinuxDut) -> Result<(), DutError> {
    const SYN: u8 = 2;
    const PSH: u8 = 8;
    const ACK: u8 = 16;
    dut.open(&host_with("[[socket]]\nkind = 'tcp'\nlocal = '10.0.0.1:80'"))?;
    let answer = inject(dut, tcp(SYN, 99, 0, b""))?;
    let segment = &only_frame(&answer)[20..];
    assert_eq!(segment[13], SYN | ACK);
    let next = u32::from_be_bytes(segment[4..8].try_into().unwrap()) + 1;
    assert_eq!(inject(dut, tcp(ACK, 100, next, b""))?.frames, []);
    let observation = inject(dut, tcp(ACK | PSH, 100, next, b"hello"))?;
    assert_eq!(
        observation.deliveries,
        [Delivery { socket: 0, source: "10.0.0.2:1000".parse().unwrap(), data: b"hello".to_vec() }]
    );
    let sent = send(dut, None, b"welcome")?;
    assert!(only_frame(&sent).ends_with(b"welcome"), "goes out on the accepted connection");
    Ok(())
}

pub(crate) fn refused_calls_are_observed(dut: &mut LinuxDut) -> Result<(), DutError> {
    dut.open(&host_with("[[socket]]\nkind = 'udp'"))?;
    let refused = |errno: &str| vec![SocketError { socket: 0, errno: errno.to_owned(), queued: None }];
    assert_eq!(send(dut, Some("192.0.2.1:9"), b"hello")?.socket_errors, refused("ENETUNREACH"));
    assert_eq!(send(dut, None, b"hello")?.socket_errors, refused("EDESTADDRREQ"));
    let set = SocketAction::SetOption { name: "ttl".to_owned(), value: 256 };
    assert_eq!(act(dut, 0, set)?.socket_errors, refused("EINVAL"));
    let unknown = SocketAction::SetOption { name: "colour".to_owned(), value: 1 };
    assert!(matches!(act(dut, 0, unknown), Err(DutError::Unsupported(_))));
    assert_eq!(act(dut, 0, SocketAction::Close)?.socket_errors, []);
    assert_eq!(send(dut, None, b"hello")?.socket_errors, refused("EBADF"));
    Ok(())
}
