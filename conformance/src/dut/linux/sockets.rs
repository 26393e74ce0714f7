//! The DUT's local sockets: opened inside the namespace, read after every step.
//!
//! A pending error is taken with `SO_ERROR` first, then the error queue is emptied, then the data is read. The order
//! matters: taking an entry off the queue makes the kernel change the pending error.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::{io, mem};

use super::errno;
use super::error::Doing;
use super::inside::Inside;
use super::sys::process::{self, PollEntry};
use super::sys::socket::{self, Received};
use crate::dut::DutError;
use crate::model::observation::QueuedError;
use crate::model::{Delivery, Observation, Scenario, Socket, SocketAction, SocketError, SocketKind};

/// Connections that may wait to be accepted; they are accepted after every step.
const BACKLOG: i32 = 1024;

/// `ICMP_FILTER` at level `SOL_RAW`.
const ICMP_FILTER: (i32, i32) = (libc::SOL_RAW, 1);

/// Level and name of each socket option that a scenario can set.
const OPTIONS: &[(&str, (i32, i32))] = &[
    ("recverr", (libc::IPPROTO_IP, libc::IP_RECVERR)),
    ("recverr-rfc4884", (libc::IPPROTO_IP, 26)),
    ("pmtudisc", (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER)),
    ("ttl", (libc::IPPROTO_IP, libc::IP_TTL)),
    ("tos", (libc::IPPROTO_IP, libc::IP_TOS)),
    ("hdrincl", (libc::IPPROTO_IP, libc::IP_HDRINCL)),
    ("router-alert", (libc::IPPROTO_IP, 5)),
    ("icmp-filter", ICMP_FILTER),
    ("broadcast", (libc::SOL_SOCKET, libc::SO_BROADCAST)),
    ("multicast-ttl", (libc::IPPROTO_IP, libc::IP_MULTICAST_TTL)),
    ("multicast-loop", (libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP)),
    ("nodefrag", (libc::IPPROTO_IP, 22)),
];

/// All local sockets of a scenario, in its order.
#[derive(Debug, Default)]
pub(super) struct LocalSockets(Vec<LocalSocket>);

#[derive(Debug)]
struct LocalSocket {
    kind: SocketKind,
    /// `None` once it is closed.
    socket: Option<Stream>,
    listening: bool,
    /// Connections that a listening TCP socket accepted.
    accepted: Vec<Stream>,
}

/// A socket and, for an accepted connection, its peer.
#[derive(Debug)]
struct Stream {
    fd: OwnedFd,
    peer: Option<SocketAddrV4>,
    /// The peer has closed its direction: there is nothing more to read.
    finished: bool,
}

impl Stream {
    fn new(fd: OwnedFd, peer: Option<SocketAddrV4>) -> Self {
        Self { fd, peer, finished: false }
    }
}

impl LocalSockets {
    /// Opens, configures, binds and connects the sockets of `scenario`.
    pub(super) fn open(scenario: &Scenario, inside: &Inside) -> Result<Self, DutError> {
        let range = "net.ipv4.ping_group_range";
        let wants_ping = scenario.sockets.iter().any(|socket| socket.kind == SocketKind::Ping);
        if wants_ping && !scenario.sysctl.contains_key(range) {
            // Out of the box nobody may open one, root included.
            let (_, group) = process::effective_ids();
            inside.set_sysctl(range, &format!("{group} {group}"))?;
        }
        scenario
            .sockets
            .iter()
            .map(|socket| LocalSocket::open(socket, inside))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Carries out `action` on socket number `number`. What the call itself refuses is an observation.
    pub(super) fn act(
        &mut self,
        number: usize,
        action: &SocketAction,
        observation: &mut Observation,
    ) -> Result<(), DutError> {
        let Some(local) = self.0.get_mut(number) else {
            return Err(DutError::Unsupported(format!("there is no socket number {number}")));
        };
        if let SocketAction::SetOption { name, .. } = action {
            // An option that we do not know is a mistake in the trace, one that the kernel refuses is its answer.
            option_by_name(name)?;
        }
        if let Err(error) = local.act(action) {
            report(number, &error, observation);
        }
        Ok(())
    }

    /// Everything that can be waited for.
    pub(super) fn poll_entries(&self) -> Vec<PollEntry> {
        self.0.iter().flat_map(LocalSocket::readable).map(process::poll_entry).collect()
    }

    /// Takes everything that there is to be read from all sockets.
    pub(super) fn collect(&mut self, buffer: &mut [u8], observation: &mut Observation) -> io::Result<()> {
        let mut entries = self.poll_entries();
        if entries.is_empty() || process::poll(&mut entries, Some(std::time::Duration::ZERO))? == 0 {
            return Ok(());
        }
        for (number, local) in self.0.iter_mut().enumerate() {
            local.collect(number, buffer, observation);
        }
        Ok(())
    }
}

impl LocalSocket {
    fn open(wanted: &Socket, inside: &Inside) -> Result<Self, DutError> {
        let (kind, protocol) = match wanted.kind {
            SocketKind::Udp => (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
            SocketKind::Tcp => (libc::SOCK_STREAM, libc::IPPROTO_TCP),
            SocketKind::Ping => (libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
            SocketKind::Raw => {
                (libc::SOCK_RAW, i32::from(wanted.protocol.unwrap_or(libc::IPPROTO_RAW as u8)))
            }
        };
        let what = || format!("opening a {:?} socket", wanted.kind);
        let fd = inside.socket(libc::AF_INET, kind | libc::SOCK_NONBLOCK, protocol).doing(what)?;
        for (name, value) in &wanted.options {
            set_option(&fd, option_by_name(name)?, *value)
                .doing(|| format!("setting the socket option {name}"))?;
        }
        if let Some(local) = wanted.local {
            if wanted.kind == SocketKind::Tcp {
                let one = 1i32.to_ne_bytes();
                socket::set_option(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &one).doing(what)?;
            }
            socket::bind(&fd, &socket::internet(local)).doing(|| format!("binding a socket to {local}"))?;
        }
        if let Some(peer) = wanted.peer {
            connect(&fd, wanted.kind, peer).doing(|| format!("connecting a socket to {peer}"))?;
        }
        let listening = wanted.kind == SocketKind::Tcp && wanted.local.is_some() && wanted.peer.is_none();
        if listening {
            socket::listen(&fd, BACKLOG).doing(|| "listening on a socket".to_owned())?;
        }
        Ok(Self {
            kind: wanted.kind,
            socket: Some(Stream::new(fd, wanted.peer)),
            listening,
            accepted: Vec::new(),
        })
    }

    fn readable(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let streams = self.socket.iter().chain(&self.accepted);
        streams.filter(|stream| !stream.finished).map(|stream| stream.fd.as_fd())
    }

    fn act(&mut self, action: &SocketAction) -> io::Result<()> {
        let closed = || io::Error::from_raw_os_error(libc::EBADF);
        match action {
            SocketAction::Close => {
                self.accepted.clear();
                self.socket.take().map(drop).ok_or_else(closed)
            }
            SocketAction::SetOption { name, value } => {
                let option = option_by_name(name).map_err(|error| io::Error::other(error.to_string()))?;
                set_option(&self.socket.as_ref().ok_or_else(closed)?.fd, option, *value)
            }
            SocketAction::Connect { to } => {
                let stream = self.socket.as_mut().ok_or_else(closed)?;
                if mem::take(&mut self.listening) {
                    // A listening socket cannot connect; this makes it an idle one that stays bound.
                    socket::shut_down(&stream.fd)?;
                }
                stream.peer = Some(*to);
                connect(&stream.fd, self.kind, *to)
            }
            SocketAction::Send { to, data } => {
                let own = self.socket.as_ref().filter(|_| !self.listening);
                let stream = own.or(self.accepted.last()).ok_or_else(closed)?;
                let address = to.map(|to| socket::internet(self.without_port(to)));
                socket::send(&stream.fd, data, address.as_ref().map_or(&[][..], |octets| octets)).map(drop)
            }
        }
    }

    /// Raw and ping sockets have no ports.
    fn without_port(&self, mut address: SocketAddrV4) -> SocketAddrV4 {
        if matches!(self.kind, SocketKind::Raw | SocketKind::Ping) {
            address.set_port(0);
        }
        address
    }

    fn collect(&mut self, number: usize, buffer: &mut [u8], observation: &mut Observation) {
        if let Some(stream) = &mut self.socket {
            if self.listening {
                while let Ok((fd, peer)) = socket::accept(&stream.fd) {
                    self.accepted.push(Stream::new(fd, Some(peer)));
                }
                take_errors(number, stream, buffer, observation);
            } else {
                read_stream(number, self.kind, stream, buffer, observation);
            }
        }
        for stream in &mut self.accepted {
            read_stream(number, self.kind, stream, buffer, observation);
        }
    }
}

/// Starts to connect; for TCP the handshake goes on by itself.
fn connect(fd: &OwnedFd, kind: SocketKind, to: SocketAddrV4) -> io::Result<()> {
    match socket::connect(fd, &socket::internet(to)) {
        Err(error) if kind == SocketKind::Tcp && error.raw_os_error() == Some(libc::EINPROGRESS) => Ok(()),
        result => result,
    }
}

fn option_by_name(name: &str) -> Result<(i32, i32), DutError> {
    let known = OPTIONS.iter().find(|(known, _)| *known == name).map(|(_, option)| *option);
    known.ok_or_else(|| DutError::Unsupported(format!("there is no socket option called `{name}`")))
}

fn set_option(fd: &OwnedFd, (level, name): (i32, i32), value: i64) -> io::Result<()> {
    // Filters and masks use all 32 bits, so the value is cut rather than range checked.
    socket::set_option(fd, level, name, &(value as i32).to_ne_bytes())
}

/// Adds the pending error and the queued errors of a socket to `observation`.
fn take_errors(number: usize, stream: &Stream, buffer: &mut [u8], observation: &mut Observation) {
    match socket::take_error(&stream.fd) {
        Ok(0) => {}
        Ok(error) => report(number, &io::Error::from_raw_os_error(error), observation),
        Err(error) => report(number, &error, observation),
    }
    let mut control = [0; 512];
    while let Ok(received) = socket::receive_message(&stream.fd, buffer, &mut control, libc::MSG_ERRQUEUE) {
        let queued = queued_error(&received, &control, &buffer[..received.len]);
        observation.socket_errors.extend(queued.map(|(number_of_error, queued)| SocketError {
            socket: number,
            errno: errno::name(number_of_error),
            queued: Some(queued),
        }));
    }
}

/// Reads everything that there is on one socket.
fn read_stream(
    number: usize,
    kind: SocketKind,
    stream: &mut Stream,
    buffer: &mut [u8],
    observation: &mut Observation,
) {
    if stream.finished {
        return;
    }
    take_errors(number, stream, buffer, observation);
    loop {
        match socket::receive_message(&stream.fd, buffer, &mut [], 0) {
            // The peer of a TCP connection has nothing more to say.
            Ok(Received { len: 0, .. }) if kind == SocketKind::Tcp => {
                stream.finished = true;
                return;
            }
            Ok(received) => {
                let nobody = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0);
                let source = match kind {
                    SocketKind::Tcp => stream.peer.unwrap_or(nobody),
                    SocketKind::Udp | SocketKind::Ping | SocketKind::Raw => {
                        socket::from_internet(&received.source)
                    }
                };
                let data = buffer[..received.len].to_vec();
                observation.deliveries.push(Delivery { socket: number, source, data });
            }
            Err(error) => {
                match error.raw_os_error() {
                    Some(libc::EAGAIN) => {}
                    // Not connected yet, or closed after an error that was reported.
                    Some(libc::ENOTCONN) => stream.finished |= stream.peer.is_some(),
                    _ => report(number, &error, observation),
                }
                return;
            }
        }
    }
}

fn report(socket: usize, error: &io::Error, observation: &mut Observation) {
    let errno = error.raw_os_error().map_or_else(|| error.to_string(), errno::name);
    observation.socket_errors.push(SocketError { socket, errno, queued: None });
}

/// The error number and the entry that a message from the error queue carries: a control message of level
/// `IPPROTO_IP` and type `IP_RECVERR` with `struct sock_extended_err` and the offender's address.
fn queued_error(received: &Received, control: &[u8], data: &[u8]) -> Option<(i32, QueuedError)> {
    const WORD: usize = size_of::<usize>();
    let mut rest = control.get(..received.control_len)?;
    loop {
        let (len, after) = rest.split_first_chunk::<WORD>()?;
        let len = usize::from_ne_bytes(*len);
        let (level, kind) = (i32_at(after, 0)?, i32_at(after, 4)?);
        let body = rest.get(WORD + 8..len)?;
        if (level, kind) == (libc::IPPROTO_IP, libc::IP_RECVERR) {
            return extended_error(body, received, data);
        }
        rest = rest.get(len.next_multiple_of(WORD)..)?;
    }
}

fn extended_error(body: &[u8], received: &Received, data: &[u8]) -> Option<(i32, QueuedError)> {
    let offender = body.get(16..32).and_then(|octets| octets.try_into().ok());
    let queued = QueuedError {
        origin: *body.get(4)?,
        icmp_type: *body.get(5)?,
        icmp_code: *body.get(6)?,
        info: i32_at(body, 8)? as u32,
        data: i32_at(body, 12)? as u32,
        offender: offender.map_or(Ipv4Addr::UNSPECIFIED, |octets| *socket::from_internet(octets).ip()),
        name: socket::from_internet(&received.source),
        payload: data.to_vec(),
    };
    Some((i32_at(body, 0)?, queued))
}

fn i32_at(octets: &[u8], at: usize) -> Option<i32> {
    octets.get(at..at + 4).and_then(|octets| octets.try_into().ok()).map(i32::from_ne_bytes)
}
