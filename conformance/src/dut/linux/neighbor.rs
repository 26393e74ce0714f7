//! An Ethernet interface that is there already, with another stack behind it: what it sends is read and what it is to
//! receive is written by a packet socket.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use super::device::{PACKET_BUFFER, PACKET_IGNORE_OUTGOING, PACKET_QDISC_BYPASS};
use super::netlink::Netlink;
use super::sys::{process, socket};
use crate::dut::Clock;

/// An interface of the namespace that the calling thread is in.
#[derive(Debug)]
pub(in crate::dut) struct NeighborPort {
    socket: OwnedFd,
    /// Hardware address of the interface itself: of our side.
    pub(in crate::dut) mac: [u8; 6],
}

impl NeighborPort {
    /// Opens the interface called `name`.
    pub(in crate::dut) fn open(name: &str) -> io::Result<Self> {
        let netlink = socket::open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
        let mut netlink = Netlink::new(netlink);
        let index = netlink.link_index(name)?;
        let mac = netlink.link_mac(index)?;
        // Protocol 0: it receives nothing until it is bound.
        let socket = socket::open(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
        let one = 1i32.to_ne_bytes();
        socket::set_option(&socket, libc::SOL_PACKET, PACKET_QDISC_BYPASS, &one)?;
        socket::set_option(&socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &one)?;
        socket::enlarge_buffer(&socket, PACKET_BUFFER)?;
        socket::bind(&socket, &socket::packet_address(index))?;
        Ok(Self { socket, mac })
    }

    /// Hands `frame` to whoever is behind the interface.
    pub(in crate::dut) fn send(&self, frame: &[u8]) -> io::Result<()> {
        socket::send(&self.socket, frame, &[]).map(drop)
    }

    /// Takes one frame that came from there, if there is one, and returns its length.
    pub(in crate::dut) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match socket::receive(&self.socket, buffer, libc::MSG_DONTWAIT) {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Waits until a frame has come on one of `ports`, at most for `limit`.
pub(in crate::dut) fn await_frame<'p>(
    ports: impl Iterator<Item = &'p NeighborPort>,
    limit: Duration,
) -> io::Result<()> {
    let mut entries: Vec<_> = ports.map(|port| process::poll_entry(port.socket.as_fd())).collect();
    match process::poll(&mut entries, Some(limit)) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// The present, by the clocks of this machine.
pub(in crate::dut) fn present() -> Clock {
    Clock { monotonic: process::clock(libc::CLOCK_MONOTONIC), midnight_ms: super::watch::midnight_ms() }
}
