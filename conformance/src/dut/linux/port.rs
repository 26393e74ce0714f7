//! Ports: the harness's ends of the DUT's interfaces, where frames go in and come out.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::model::{EmittedFrame, LinkKind, Observation};

/// Octets before each datagram on a TUN device: flags, then the EtherType of IPv4.
const PACKET_INFORMATION: [u8; 4] = [0, 0, 0x08, 0x00];

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
}

impl Port {
    /// Form of the frames that go in and out here.
    pub(super) fn link(&self) -> LinkKind {
        match self.carrier {
            Carrier::Tun(_) => LinkKind::Ip,
            Carrier::Tap(_) => LinkKind::Ethernet,
        }
    }

    /// What to watch for frames that come out.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match &self.carrier {
            Carrier::Tun(device) | Carrier::Tap(device) => device.as_fd(),
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
        }
    }

    /// Takes everything that the interface sent, without waiting, and puts it into `observation` as from interface
    /// number `interface`. Returns how many frames there were.
    pub(super) fn collect(
        &mut self,
        interface: usize,
        buffer: &mut [u8],
        observation: &mut Observation,
    ) -> io::Result<usize> {
        let mut count = 0;
        while let Some(octets) = self.take(buffer)? {
            count += 1;
            observation.frames.push(EmittedFrame { interface, octets: octets.to_vec() });
        }
        Ok(count)
    }

    /// One frame that the interface sent, if there is one.
    pub(super) fn take<'a>(&mut self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        let (Carrier::Tun(device) | Carrier::Tap(device)) = &mut self.carrier;
        let len = match device.read(buffer) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let skip = if matches!(self.carrier, Carrier::Tun(_)) { PACKET_INFORMATION.len() } else { 0 };
        Ok(buffer.get(skip..len))
    }
}

/// A device takes a frame whole or not at all; anything else is its end.
fn whole(written: usize, len: usize) -> io::Result<()> {
    if written == len { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Whether an error of [`Port::inject`] says that the link layer would not take this frame, rather than that the
/// device does not work any more.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EIO | libc::EMSGSIZE | libc::E2BIG))
}
