//! ICMP errors as sockets see them: error numbers, error queues, what is learned on the way.

use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};

use super::{PathMtuDiscovery, Socket, SocketId, SocketKind};
use crate::errno::Errno;
use crate::icmp::ErrorReport;
use crate::sink::{ErrorOrigin, QueuedError, Sink, SocketError};
use crate::stack::Stack;
use crate::wire::icmp::IcmpType;
use crate::wire::{ExtensionView, Protocol, extension};

/// Octets of a UDP header.
const UDP_HEADER_LEN: usize = 8;

/// An error number and whether it is fatal: told even to sockets that did not ask for errors, if they are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) errno: Errno,
    pub(super) is_fatal: bool,
}

const fn fatal(errno: Errno) -> Verdict {
    Verdict { errno, is_fatal: true }
}

const fn transient(errno: Errno) -> Verdict {
    Verdict { errno, is_fatal: false }
}

/// What a code of Destination Unreachable means to a socket. RFC 1122 §4.2.3.9, §4.1.3.3.
const fn unreachable_verdict(code: u8) -> Verdict {
    match code {
        0 | 11 => transient(Errno::NetworkUnreachable),
        2 => fatal(Errno::NoProtocolOption),
        3 => fatal(Errno::ConnectionRefused),
        4 => transient(Errno::MessageSize),
        5 => transient(Errno::NotSupported),
        6 | 9 => fatal(Errno::NetworkUnreachable),
        7 => fatal(Errno::HostDown),
        8 => fatal(Errno::NoMachine),
        10 | 13 | 14 | 15 => fatal(Errno::HostUnreachable),
        _ => transient(Errno::HostUnreachable),
    }
}

/// What a report means to a socket of `kind` with this mode of path MTU discovery; `None` if it is not told.
pub(super) fn verdict(report: &ErrorReport<'_>, kind: SocketKind, mode: PathMtuDiscovery) -> Option<Verdict> {
    match report.icmp_type {
        IcmpType::DestinationUnreachable if report.is_fragmentation_needed() => match (kind, mode) {
            (SocketKind::Raw(_), PathMtuDiscovery::Dont) => Some(transient(Errno::MessageSize)),
            (_, PathMtuDiscovery::Dont) => None,
            _ => Some(fatal(Errno::MessageSize)),
        },
        IcmpType::DestinationUnreachable => Some(unreachable_verdict(report.code)),
        IcmpType::ParameterProblem => Some(fatal(Errno::Protocol)),
        IcmpType::SourceQuench | IcmpType::Redirect if kind == SocketKind::Ping => {
            Some(transient(Errno::RemoteIo))
        }
        IcmpType::SourceQuench | IcmpType::Redirect => None,
        _ => Some(transient(Errno::HostUnreachable)),
    }
}

impl Stack {
    /// Tells the raw sockets that may have sent what `report` quotes. RFC 1122 §3.4.
    pub(crate) fn report_to_raw<S: Sink>(&mut self, report: &ErrorReport<'_>, sink: &mut S) {
        if !self.sockets.has_raw() {
            return;
        }
        let quoted = &report.quoted;
        let matching: Vec<SocketId> = self
            .sockets
            .raw(quoted.protocol().into(), quoted.source(), quoted.destination())
            .map(|(id, _)| id)
            .collect();
        for id in matching {
            self.learn_for(id, report);
            let Some(socket) = self.sockets.get(id) else { continue };
            let stripped = if socket.options.header_included { 0 } else { quoted.header_len() };
            tell(id, socket, report, 0, stripped, sink);
        }
    }

    /// Tells the UDP socket that sent what `report` quotes; tells whether there is one.
    pub(crate) fn report_to_udp<S: Sink>(&mut self, report: &ErrorReport<'_>, sink: &mut S) -> bool {
        let Some((local, remote)) = endpoints(report) else { return false };
        if report.quoted.protocol() != Protocol::Udp {
            return false;
        }
        let Some(id) = self.sockets.find(SocketKind::Udp, local, remote) else { return false };
        self.learn_for(id, report);
        if let Some(socket) = self.sockets.get(id) {
            let stripped = report.quoted.header_len() + UDP_HEADER_LEN;
            tell(id, socket, report, remote.port(), stripped, sink);
        }
        true
    }

    /// Tells the ping socket whose request `report` quotes.
    pub(crate) fn report_to_ping<S: Sink>(&mut self, report: &ErrorReport<'_>, sink: &mut S) {
        let Some(&[icmp_type, code, _, _, high, low, ..]) = report.quoted.payload().first_chunk::<8>() else {
            return;
        };
        let is_request = matches!(IcmpType::from(icmp_type), IcmpType::Echo | IcmpType::ExtendedEchoRequest);
        if !is_request || code != 0 {
            return;
        }
        let identifier = u16::from_be_bytes([high, low]);
        let Some(id) = self.sockets.find_ping(identifier, report.recipient) else { return };
        self.learn_for(id, report);
        if let Some(socket) = self.sockets.get(id) {
            tell(id, socket, report, 0, report.quoted.header_len(), sink);
        }
    }

    /// Takes a path MTU or a gateway into the routing tables, unless the socket's mode forbids it.
    pub(super) fn learn_for(&mut self, id: SocketId, report: &ErrorReport<'_>) {
        let ignores_mtu = self.sockets.get(id).is_some_and(|socket| {
            matches!(socket.options.path_mtu_discovery, PathMtuDiscovery::Interface | PathMtuDiscovery::Omit)
        });
        if report.icmp_type == IcmpType::Redirect || (report.is_fragmentation_needed() && !ignores_mtu) {
            self.learn_from(report);
        }
    }
}

/// The socket addresses that the quoted datagram went from and to.
pub(super) fn endpoints(report: &ErrorReport<'_>) -> Option<(SocketAddrV4, SocketAddrV4)> {
    let (source, destination) = report.quoted.ports()?;
    Some((
        SocketAddrV4::new(report.quoted.source(), source),
        SocketAddrV4::new(report.quoted.destination(), destination),
    ))
}

/// Gives the report to a socket, with `stripped` octets of the quote taken off, if it is to hear of it.
fn tell<S: Sink>(
    id: SocketId,
    socket: &Socket,
    report: &ErrorReport<'_>,
    port: u16,
    stripped: usize,
    sink: &mut S,
) {
    let options = &socket.options;
    let Some(verdict) = verdict(report, socket.kind, options.path_mtu_discovery) else { return };
    let is_told = options.receive_errors || (verdict.is_fatal && socket.peer.is_some());
    if !is_told {
        return;
    }
    let queued =
        options.receive_errors.then(|| queued(report, port, stripped, options.receive_errors_rfc4884));
    sink.socket_error(id, &SocketError { errno: verdict.errno, queued });
}

/// The entry of the error queue for `report`.
pub(super) fn queued(report: &ErrorReport<'_>, port: u16, stripped: usize, rfc4884: bool) -> QueuedError {
    QueuedError {
        origin: ErrorOrigin::Icmp,
        icmp_type: report.icmp_type.into(),
        icmp_code: report.code,
        info: report.info,
        data: if rfc4884 { extension_data(report, stripped) } else { 0 },
        offender: report.offender,
        name: SocketAddrV4::new(report.quoted.destination(), port),
        payload: report.quoted.octets().get(stripped..).unwrap_or_default().to_vec(),
    }
}

/// The entry for a datagram that was too big to send.
pub(super) fn local_error(mtu: u32, destination: Ipv4Addr, port: u16) -> QueuedError {
    QueuedError {
        origin: ErrorOrigin::Local,
        icmp_type: 0,
        icmp_code: 0,
        info: mtu,
        data: 0,
        offender: Ipv4Addr::UNSPECIFIED,
        name: SocketAddrV4::new(destination, port),
        payload: Vec::new(),
    }
}

/// Where the extension structure starts in the payload handed to the socket, and whether it is broken. RFC 4884 §5.
fn extension_data(report: &ErrorReport<'_>, stripped: usize) -> u32 {
    const INVALID: u32 = 1 << 16;
    let has_length = matches!(
        report.icmp_type,
        IcmpType::DestinationUnreachable | IcmpType::TimeExceeded | IcmpType::ParameterProblem
    );
    let len = usize::from(report.message.quoted_words()) * 4;
    if !has_length || len < extension::MIN_QUOTED_LEN || len < stripped {
        return 0;
    }
    let Some(view) = report.quoted.octets().get(len..).and_then(ExtensionView::new) else { return 0 };
    let start = (len - stripped) as u32;
    if is_broken(&view) { start | INVALID } else { start }
}

/// Whether the structure is of the known version and its checksum or one of its objects is wrong.
fn is_broken(view: &ExtensionView<'_>) -> bool {
    view.version() == extension::VERSION
        && ((view.checksum() != 0 && !view.is_checksum_valid())
            || view.objects().any(|object| object.is_err()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "ENETUNREACH", false)]
    #[case(1, "EHOSTUNREACH", false)]
    #[case(2, "ENOPROTOOPT", true)]
    #[case(3, "ECONNREFUSED", true)]
    #[case(5, "EOPNOTSUPP", false)]
    #[case(6, "ENETUNREACH", true)]
    #[case(7, "EHOSTDOWN", true)]
    #[case(8, "ENONET", true)]
    #[case(9, "ENETUNREACH", true)]
    #[case(10, "EHOSTUNREACH", true)]
    #[case(11, "ENETUNREACH", false)]
    #[case(12, "EHOSTUNREACH", false)]
    #[case(13, "EHOSTUNREACH", true)]
    #[case(14, "EHOSTUNREACH", true)]
    #[case(15, "EHOSTUNREACH", true)]
    fn codes_of_destination_unreachable(#[case] code: u8, #[case] errno: &str, #[case] is_fatal: bool) {
        let verdict = unreachable_verdict(code);
        assert_eq!((verdict.errno.name(), verdict.is_fatal), (errno, is_fatal));
    }
}
