//! No input makes the stack panic, whatever its role, and each datagram has exactly one outcome.

use std::net::SocketAddrV4;

use netassay_stack::address::Prefix;
use netassay_stack::config::{Config, Profile, Route};
use netassay_stack::drop_reason::DropReason;
use netassay_stack::interface::{InterfaceId, LinkClass};
use netassay_stack::outcome::Outcome;
use netassay_stack::sink::{LinkDestination, Sink};
use netassay_stack::socket::{SocketConfig, SocketId, SocketKind, SocketOption};
use netassay_stack::stack::Stack;
use netassay_stack::time::Instant;
use netassay_stack::wire::checksum::checksum;
use quickcheck::quickcheck;

#[derive(Default)]
struct Count {
    drops: usize,
}

impl Sink for Count {
    fn transmit(&mut self, _: InterfaceId, _: LinkDestination, datagram: &[u8]) {
        assert!(
            datagram.len() >= 20
                && datagram.len() == usize::from(u16::from_be_bytes([datagram[2], datagram[3]]))
        );
    }

    fn discard(&mut self, _: DropReason, _: &[u8]) {
        self.drops += 1;
    }

    fn wants_decisions(&self) -> bool {
        true
    }
}

fn stack(profile: Profile) -> Stack {
    let mut config = Config::new(profile);
    config.set_sysctl("net.ipv4.conf.all.accept_source_route", "1").unwrap();
    config.set_sysctl("net.ipv4.icmp_echo_enable_probe", "1").unwrap();
    config.set_sysctl("net.ipv4.icmp_ratemask", "0").unwrap();
    config.set_sysctl("net.ipv4.ip_forward", "1").unwrap();
    config.set_sysctl("net.ipv4.ping_group_range", "0 1").unwrap();
    config.add_interface("t0", [Prefix::new([10, 0, 0, 1].into(), 24)]).unwrap();
    config.add_interface("t1", [Prefix::new([10, 1, 0, 1].into(), 24)]).unwrap().mtu = 68;
    config.routes.push(Route { via: Some([10, 1, 0, 9].into()), ..Route::default() });
    let mut stack = Stack::new(config, 7).unwrap();
    let local = Some(SocketAddrV4::new([10, 0, 0, 1].into(), 7));
    for kind in [SocketKind::Udp, SocketKind::Tcp, SocketKind::Ping, SocketKind::Raw(1), SocketKind::Raw(253)]
    {
        let mut options = vec![SocketOption::ReceiveErrors(true), SocketOption::ReceiveErrorsRfc4884(true)];
        if matches!(kind, SocketKind::Raw(_)) {
            options.push(SocketOption::RouterAlert(true));
        }
        let wanted = SocketConfig { kind, local, peer: None, options };
        stack.open_socket(Instant::ZERO, 0, &wanted, &mut Count::default()).unwrap();
    }
    stack
}

/// Makes something that gets past the first checks: addresses, lengths and the checksum are mended.
fn mend(octets: &[u8], choice: u8) -> Vec<u8> {
    let options = usize::from(choice % 4) * 4;
    let mut datagram = vec![0x45 + (options / 4) as u8, 0];
    datagram.extend_from_slice(octets);
    datagram.resize(datagram.len().max(20 + options), 0);
    let len = u16::try_from(datagram.len()).unwrap();
    datagram[2..4].copy_from_slice(&len.to_be_bytes());
    datagram[9] = [1, 1, 1, 6, 17, 2, 136, 253][usize::from(choice >> 5)];
    datagram[10..12].fill(0);
    datagram[12..16].copy_from_slice(&[10, 0, 0, 2 + choice % 3]);
    let destinations =
        [[10, 0, 0, 1], [10, 0, 0, 1], [10, 1, 0, 9], [20, 0, 0, 1], [10, 0, 0, 255], [224, 0, 0, 1]];
    datagram[16..20].copy_from_slice(&destinations[usize::from(choice >> 2) % 6]);
    if datagram[9] == 1 && datagram.len() >= 24 + options {
        datagram[22 + options..24 + options].fill(0);
        let sum = checksum(&datagram[20 + options..]);
        datagram[22 + options..24 + options].copy_from_slice(&sum.to_be_bytes());
    }
    let sum = checksum(&datagram[..20 + options]);
    datagram[10..12].copy_from_slice(&sum.to_be_bytes());
    datagram
}

fn feed(profile: Profile, datagrams: Vec<(Vec<u8>, u8)>, mended: bool) -> bool {
    let mut stack = stack(profile);
    let classes = [LinkClass::Host, LinkClass::Host, LinkClass::Broadcast, LinkClass::Multicast];
    for (number, (octets, choice)) in datagrams.into_iter().enumerate() {
        let now = Instant::from_micros(number as u64 * 500_000);
        let datagram = if mended { mend(&octets, choice) } else { octets };
        let (id, link) = (InterfaceId(u16::from(choice % 4)), classes[usize::from(choice % 4)]);
        let mut count = Count::default();
        stack.handle_timeout(now, 0, &mut count);
        let mut count = Count::default();
        let outcome = stack.receive(now, 86_399_999, id, link, &datagram, &mut count);
        if matches!(outcome, Outcome::Dropped { .. }) && count.drops == 0 {
            return false;
        }
        let to = Some(SocketAddrV4::new([10, 0, 0, choice].into(), u16::from(choice)));
        for socket in 0..6 {
            let _ = stack.send(now, 0, SocketId(socket), to, &datagram, &mut count);
        }
    }
    stack.handle_timeout(Instant::from_micros(u64::MAX), 0, &mut Count::default());
    true
}

quickcheck! {
    fn raw_octets(datagrams: Vec<(Vec<u8>, u8)>) -> bool {
        feed(Profile::Linux, datagrams, false)
    }

    fn mended_datagrams_under_linux(datagrams: Vec<(Vec<u8>, u8)>) -> bool {
        feed(Profile::Linux, datagrams, true)
    }

    fn mended_datagrams_under_the_rfcs(datagrams: Vec<(Vec<u8>, u8)>) -> bool {
        feed(Profile::Rfc, datagrams, true)
    }
}
