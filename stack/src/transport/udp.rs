//! UDP and UDP-Lite: checks, sockets, Port Unreachable. RFC 768, RFC 3828, RFC 1122 §4.1.

use alloc::vec::Vec;
use core::net::SocketAddrV4;

use crate::counters::Counter;
use crate::drop_reason::DropReason;
use crate::interface::{InterfaceId, LinkClass};
use crate::ip::route::Route;
use crate::outcome::{Notice, Outcome, Refusal};
use crate::packet::{Attachment, Packet, PacketLink};
use crate::sink::Sink;
use crate::socket::{SocketId, SocketKind};
use crate::stack::Stack;
use crate::wire::{Protocol, Sum};

const HEADER_LEN: usize = 8;
/// A checksum over all of a datagram of at most so many octets is verified before anybody looks for a socket; that of a longer
/// one when a socket takes it.
const SUMMED_AT_ONCE: usize = 76;

/// The counters of UDP or of UDP-Lite.
#[derive(Clone, Copy)]
struct Mib {
    in_datagrams: Counter,
    no_ports: Counter,
    in_errors: Counter,
    checksum_errors: Counter,
    ignored_multicasts: Counter,
}

const UDP: Mib = Mib {
    in_datagrams: Counter::UdpInDatagrams,
    no_ports: Counter::UdpNoPorts,
    in_errors: Counter::UdpInErrors,
    checksum_errors: Counter::UdpInCsumErrors,
    ignored_multicasts: Counter::UdpIgnoredMulti,
};

const UDP_LITE: Mib = Mib {
    in_datagrams: Counter::UdpLiteInDatagrams,
    no_ports: Counter::UdpLiteNoPorts,
    in_errors: Counter::UdpLiteInErrors,
    checksum_errors: Counter::UdpLiteInCsumErrors,
    ignored_multicasts: Counter::UdpLiteIgnoredMulti,
};

/// A UDP or UDP-Lite header.
#[derive(Clone, Copy)]
struct Header {
    source_port: u16,
    destination_port: u16,
    /// Length of the datagram, or how much of it the checksum covers.
    length: usize,
    checksum: u16,
}

impl Stack {
    /// The way of a datagram from the peer of a connected socket, if one reached that before: the tables are not asked
    /// again, nor whether the source may come by this interface.
    #[inline]
    pub(crate) fn way_to_connected(&self, packet: &Packet) -> Option<Route> {
        if !self.sockets.has_others() || packet.protocol() != u8::from(Protocol::Udp) {
            return None;
        }
        self.sockets.get(self.connected_socket(packet)?)?.inward
    }

    /// The connected socket of a datagram that came in whole and for this station, if sockets may be asked for the way.
    fn connected_socket(&self, packet: &Packet) -> Option<SocketId> {
        let sysctls = &self.config.sysctls;
        let may_ask = sysctls.ip_early_demux != 0 && sysctls.udp_early_demux != 0;
        let came_whole = packet.link == PacketLink::Frame(LinkClass::Host)
            && packet.incoming != Some(InterfaceId::LOOPBACK)
            && !packet.is_fragment()
            && packet.reassembled.is_none();
        let header = header(packet).ok().filter(|_| may_ask && came_whole)?;
        let local = SocketAddrV4::new(packet.destination(), header.destination_port);
        let remote = SocketAddrV4::new(packet.source(), header.source_port);
        let id = self.sockets.find(SocketKind::Udp, local, remote)?;
        self.sockets.get(id)?.peer.map(|_| id)
    }

    /// Remembers how a datagram reached a connected socket; one of which it is known that its sum is wrong did not.
    fn remember_way(&mut self, packet: &Packet, is_intact: bool) {
        let reaches = is_intact || packet.payload().len() > SUMMED_AT_ONCE;
        if reaches
            && packet.options.source_route.is_none()
            && let Some(id) = self.connected_socket(packet)
            && let Some(socket) = self.sockets.get_mut(id)
        {
            socket.inward = packet.route;
        }
    }

    /// Takes in a UDP or UDP-Lite datagram.
    pub(crate) fn input_udp<S: Sink>(
        &mut self,
        packet: &mut Packet,
        sink: &mut S,
    ) -> Result<Outcome, Refusal> {
        let is_lite = packet.protocol() == u8::from(Protocol::UdpLite);
        let mib = if is_lite { UDP_LITE } else { UDP };
        let checked = if is_lite { check_lite(packet) } else { check(packet) };
        let (header, is_intact) = checked.map_err(|reason| self.refuse_udp(reason, &mib))?;
        let local = SocketAddrV4::new(packet.destination(), header.destination_port);
        let remote = SocketAddrV4::new(packet.source(), header.source_port);
        if packet.route.is_some_and(|route| !route.is_unicast()) {
            return self.deliver_udp_to_all(packet, local, remote, (header, is_intact), &mib, sink);
        }
        if !is_lite && self.sockets.has_others() {
            self.remember_way(packet, is_intact);
        }
        let found = if is_lite { None } else { self.sockets.find(SocketKind::Udp, local, remote) };
        match found {
            _ if !is_intact => Err(self.refuse_udp(DropReason::UdpChecksumWrong, &mib)),
            Some(id) => {
                self.deliver_udp(id, packet, remote, &mib, sink);
                Ok(Outcome::Delivered)
            }
            None => {
                self.counters.bump(mib.no_ports);
                // The transport layer lets go of the tracked connection before it complains.
                packet.conntrack = Attachment::NONE;
                Err(Refusal::with(DropReason::UdpNoSocket, Notice::PORT_UNREACHABLE))
            }
        }
    }

    fn refuse_udp(&mut self, reason: DropReason, mib: &Mib) -> Refusal {
        if matches!(
            reason,
            DropReason::UdpChecksumWrong
                | DropReason::UdpLiteChecksumZero
                | DropReason::UdpLiteCoverageInvalid
        ) {
            self.counters.bump(mib.checksum_errors);
        }
        self.counters.bump(mib.in_errors);
        reason.into()
    }

    /// Every socket that wants a broadcast or multicast gets it; nobody is told if none does. RFC 1122 §4.1.3.3.
    fn deliver_udp_to_all<S: Sink>(
        &mut self,
        packet: &Packet,
        local: SocketAddrV4,
        remote: SocketAddrV4,
        (header, is_intact): (Header, bool),
        mib: &Mib,
        sink: &mut S,
    ) -> Result<Outcome, Refusal> {
        let is_udp = packet.protocol() == u8::from(Protocol::Udp);
        let is_whole = is_udp || [0, packet.payload().len()].contains(&header.length);
        // Connection tracking sums up whatever arrives, and what is known to be wrong is not looked at again.
        let is_known = packet.payload().len() <= SUMMED_AT_ONCE || self.hooks.has_summed(packet);
        if is_whole && !is_intact && is_known {
            return Err(self.refuse_udp(DropReason::UdpChecksumWrong, mib));
        }
        let takers: Vec<SocketId> = self
            .sockets
            .find_all(SocketKind::Udp, local, remote)
            .filter(|_| is_udp)
            .map(|(id, _)| id)
            .collect();
        if takers.is_empty() {
            self.counters.bump(mib.ignored_multicasts);
            return Err(DropReason::UdpNoMulticastSocket.into());
        }
        if !is_intact {
            return Err(self.refuse_udp(DropReason::UdpChecksumWrong, mib));
        }
        for id in takers {
            self.deliver_udp(id, packet, remote, mib, sink);
        }
        Ok(Outcome::Delivered)
    }

    fn deliver_udp<S: Sink>(
        &mut self,
        id: SocketId,
        packet: &Packet,
        remote: SocketAddrV4,
        mib: &Mib,
        sink: &mut S,
    ) {
        self.counters.bump(mib.in_datagrams);
        sink.deliver(id, remote, packet.payload().get(HEADER_LEN..).unwrap_or_default());
    }
}

fn header(packet: &Packet) -> Result<Header, DropReason> {
    let Some(&[a, b, c, d, e, f, g, h]) = packet.payload().first_chunk::<HEADER_LEN>() else {
        return Err(DropReason::UdpHeaderTruncated);
    };
    Ok(Header {
        source_port: u16::from_be_bytes([a, b]),
        destination_port: u16::from_be_bytes([c, d]),
        length: usize::from(u16::from_be_bytes([e, f])),
        checksum: u16::from_be_bytes([g, h]),
    })
}

/// Checks a UDP datagram, cuts off what lies beyond its length, and tells whether its checksum is right.
fn check(packet: &mut Packet) -> Result<(Header, bool), DropReason> {
    let header = header(packet)?;
    if header.length > packet.payload().len() {
        return Err(DropReason::UdpLengthBeyondDatagram);
    }
    if header.length < HEADER_LEN {
        return Err(DropReason::UdpLengthBelowHeader);
    }
    let end = packet.header_len() + header.length;
    packet.octets.truncate(end);
    let is_intact = header.checksum == 0 || covered_sum(packet, Protocol::Udp, header.length).is_intact();
    Ok((header, is_intact))
}

/// The same for UDP-Lite, whose length field says how much the checksum covers; 0 is all. RFC 3828 §3.1.
fn check_lite(packet: &mut Packet) -> Result<(Header, bool), DropReason> {
    let header = header(packet)?;
    let len = packet.payload().len();
    if header.length > len {
        return Err(DropReason::UdpLiteCoverageBeyondDatagram);
    }
    if header.checksum == 0 {
        return Err(DropReason::UdpLiteChecksumZero);
    }
    let covered = if header.length == 0 { len } else { header.length };
    if covered < HEADER_LEN {
        return Err(DropReason::UdpLiteCoverageInvalid);
    }
    let is_intact = covered_sum(packet, Protocol::UdpLite, covered).is_intact();
    Ok((header, is_intact))
}

/// The sum over the pseudo header and the first `covered` octets.
fn covered_sum(packet: &Packet, protocol: Protocol, covered: usize) -> Sum {
    let payload = packet.payload();
    let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
    Sum::of_pseudo_header(packet.source(), packet.destination(), protocol, len)
        + Sum::of(payload.get(..covered).unwrap_or(payload))
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use rstest::rstest;

    use super::*;
    use crate::address::Prefix;
    use crate::config::{Config, Profile};
    use crate::sink::Void;
    use crate::socket::SocketConfig;
    use crate::time::Instant;
    use crate::wire::build::{ipv4, udp};

    const OWN: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
    const PEER: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 5);

    /// What becomes of datagrams from the peer of a connected socket by the wrong interface, the right one, and the wrong
    /// one again, under the strict reverse path filter.
    #[rstest]
    #[case::sockets_are_asked("1", [false, true, true])]
    #[case::they_are_not("0", [false, true, false])]
    fn a_connected_socket_knows_the_way(#[case] early_demux: &str, #[case] delivered: [bool; 3]) {
        let mut config = Config::new(Profile::Linux);
        config.add_interface("t0", [Prefix::new(Ipv4Addr::new(10, 0, 0, 1), 24)]).unwrap();
        config.add_interface("t1", [Prefix::new(OWN, 24)]).unwrap();
        config.set_sysctl("net.ipv4.conf.all.rp_filter", "1").unwrap();
        config.set_sysctl("net.ipv4.udp_early_demux", early_demux).unwrap();
        let mut stack = Stack::new(config, 1).unwrap();
        let socket = SocketConfig {
            kind: SocketKind::Udp,
            local: Some(SocketAddrV4::new(OWN, 9)),
            peer: Some(SocketAddrV4::new(PEER, 1000)),
            options: Vec::new(),
        };
        stack.open_socket(Instant::ZERO, 0, &socket, &mut Void).unwrap();
        let datagram =
            ipv4().source(PEER).destination(OWN).carry(udp().source_port(1000).destination_port(9)).build();
        let outcomes = [0, 1, 0].map(|interface| {
            let interface = InterfaceId::configured(interface);
            stack.receive(Instant::ZERO, 0, interface, LinkClass::Host, &datagram, &mut Void)
        });
        assert_eq!(outcomes.map(|outcome| outcome == Outcome::Delivered), delivered);
    }
}
