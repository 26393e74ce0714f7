//! Ports: the harness's ends of the DUT's interfaces, where frames go in and come out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::bpf::Queue;
use super::setup::QUEUE;
use super::sys::socket;
use crate::model::{EmittedFrame, Observation};

/// Octets before each datagram on a TUN device: flags, then the EtherType of IPv4.
const PACKET_INFORMATION: [u8; 4] = [0, 0, 0x08, 0x00];

/// Where the datagram begins in what is read from a TUN device.
pub(super) const TUN_SKIP: usize = PACKET_INFORMATION.len();

/// Octets of an Ethernet header.
const ETHERNET: usize = 14;

/// `PACKET_STATISTICS`: how many frames a packet socket got and lost since it was last asked.
const PACKET_STATISTICS: i32 = 6;

/// From this many frames at once on, a packet socket is asked whether it lost any: fewer always fit.
const MANY: usize = 64;

/// Room for the longest frame with everything that may stand before it.
pub(super) const LONGEST: usize = 1 << 17;

/// The harness's end of one interface.
#[derive(Debug)]
pub(super) struct Port {
    /// Name of the interface.
    pub(super) name: String,
    /// Its number in the namespace.
    pub(super) index: u32,
    /// What carries the frames.
    pub(super) carrier: Carrier,
}

/// What carries frames into and out of the namespace.
#[derive(Debug)]
pub(super) enum Carrier {
    /// A TUN device with packet information.
    Tun(File),
    /// A TAP device.
    Tap(File),
    /// The far end of a virtual Ethernet pair.
    Veth(Veth),
}

/// A packet socket on the far end of a virtual Ethernet pair.
#[derive(Debug)]
pub(super) struct Veth {
    socket: OwnedFd,
    /// The Ethernet header that makes a frame of a datagram, where the scenario's link has bare datagrams.
    header: Option<[u8; ETHERNET]>,
    /// The longest frame that the stack's end takes.
    limit: usize,
}

impl Veth {
    /// The far end that `socket` is bound to. `mtu` is that of the stack's end.
    pub(super) fn new(socket: OwnedFd, header: Option<[u8; ETHERNET]>, mtu: u32) -> Self {
        /// The kernel lets four octets more pass, for a VLAN tag.
        const TAG: usize = 4;
        Self { socket, header, limit: mtu as usize + ETHERNET + TAG }
    }

    fn inject(&mut self, frame: &[u8], scratch: &mut Vec<u8>) -> io::Result<()> {
        let frame = match &self.header {
            None => frame,
            Some(header) => {
                scratch.clear();
                scratch.extend_from_slice(header);
                scratch.extend_from_slice(frame);
                scratch
            }
        };
        if frame.len() > self.limit {
            // The kernel would drop it between the two ends and say nothing.
            return Err(io::Error::from_raw_os_error(libc::EMSGSIZE));
        }
        whole(socket::send(&self.socket, frame, &[])?, frame.len())
    }

    fn take<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        loop {
            let len = match socket::receive(&self.socket, buffer, libc::MSG_DONTWAIT) {
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            };
            match self.header {
                None => return Ok(buffer.get(..len)),
                // On a link of bare datagrams there is nothing but IPv4.
                Some(header) if buffer[12..ETHERNET] == header[12..] => return Ok(buffer.get(ETHERNET..len)),
                Some(_) => {}
            }
        }
    }

    /// Fails if the socket had no room for some frames.
    fn check_for_loss(&self) -> io::Result<()> {
        let mut statistics = [0; 8];
        socket::option(&self.socket, libc::SOL_PACKET, PACKET_STATISTICS, &mut statistics)?;
        match u32::from_ne_bytes([statistics[4], statistics[5], statistics[6], statistics[7]]) {
            0 => Ok(()),
            lost => Err(io::Error::other(format!("{lost} frames did not fit into the socket's buffer"))),
        }
    }
}

impl Port {
    /// What to watch for frames that come out.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.carrier {
            Carrier::Tun(device) | Carrier::Tap(device) => device.as_fd(),
            Carrier::Veth(veth) => veth.socket.as_fd(),
        }
    }

    /// What to look at for frames that come out; `None` if that is no device.
    pub(super) fn queue(&self) -> Option<Queue<'_>> {
        match &self.carrier {
            Carrier::Tun(device) | Carrier::Tap(device) => Some(Queue::Device(device.as_fd(), QUEUE)),
            Carrier::Veth(_) => None,
        }
    }

    /// Hands `frame` to the stack, which has dealt with it when this returns. `scratch` keeps its allocation between
    /// calls.
    pub(super) fn inject(&mut self, frame: &[u8], scratch: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.carrier {
            Carrier::Tun(device) => {
                scratch.clear();
                scratch.extend_from_slice(&PACKET_INFORMATION);
                scratch.extend_from_slice(frame);
                whole(device.write(scratch)?, scratch.len())
            }
            Carrier::Tap(device) => whole(device.write(frame)?, frame.len()),
            Carrier::Veth(veth) => veth.inject(frame, scratch),
        }
    }

    /// Takes the `count` frames that wait, or those that are there, and puts them into `observation` as from interface
    /// number `interface`.
    pub(super) fn collect_some(
        &mut self,
        count: usize,
        interface: usize,
        buffer: &mut [u8],
        observation: &mut Observation,
    ) -> io::Result<()> {
        for _ in 0..count {
            let Some(octets) = self.take(buffer)? else { break };
            observation.frames.push(EmittedFrame { interface, octets: octets.to_vec() });
        }
        Ok(())
    }

    /// Takes everything that the interface sent, without waiting, and puts it into `observation` as from interface
    /// number `interface`.
    pub(super) fn collect(
        &mut self,
        interface: usize,
        buffer: &mut [u8],
        observation: &mut Observation,
    ) -> io::Result<()> {
        let mut count = 0;
        while let Some(octets) = self.take(buffer)? {
            count += 1;
            observation.frames.push(EmittedFrame { interface, octets: octets.to_vec() });
        }
        match &self.carrier {
            Carrier::Veth(veth) if count >= MANY => veth.check_for_loss(),
            _ => Ok(()),
        }
    }

    /// One frame that the interface sent, if there is one.
    pub(super) fn take<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        let (device, skip) = match &mut self.carrier {
            Carrier::Tun(device) => (device, TUN_SKIP),
            Carrier::Tap(device) => (device, 0),
            Carrier::Veth(veth) => return veth.take(buffer),
        };
        match device.read(buffer) {
            Ok(len) => Ok(buffer.get(skip..len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A device takes a frame whole or not at all; anything else is its end.
fn whole(written: usize, len: usize) -> io::Result<()> {
    if written == len { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Whether an error of [`Port::inject`] says that the link layer would not take this frame, rather than that the
/// device does not work any more.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE | libc::E2BIG | libc::ENETDOWN)
    )
}
