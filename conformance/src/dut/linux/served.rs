//! A TUN device in the namespace of the caller, behind which a stack of ours is served to the kernel and its programs.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use super::device::TUN;
use super::error::Doing as _;
use super::netlink::Netlink;
use super::port::{self, Carrier, Port};
use super::rtnetlink::LinkChange;
use super::sys::ioctl::{self, TunMode};
use super::sys::{process, socket};
use crate::dut::DutError;
use crate::model::{Interface, LinkKind, Prefix};

/// Any number: the kernel chooses.
const ANY_INDEX: u32 = 0;

/// A device for one interface of the stack. It goes away with this value.
#[derive(Debug)]
pub struct ServedDevice {
    port: Port,
    buffer: Vec<u8>,
    scratch: Vec<u8>,
}

impl ServedDevice {
    /// Makes the device `name` for `interface`, gives our side the address `neighbor`, and brings it up.
    ///
    /// # Errors
    /// If the process may not, or the interface carries Ethernet.
    pub fn new(name: &str, interface: &Interface, neighbor: Option<Prefix>) -> Result<Self, DutError> {
        if interface.link == LinkKind::Ethernet {
            let what =
                format!("interface `{}` carries Ethernet; only bare IP links are served", interface.name);
            return Err(DutError::Unsupported(what));
        }
        let device = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(TUN);
        let device = device.map_err(|error| lacking(format!("opening {TUN}"), error))?;
        ioctl::make_tun(device.as_fd(), name, ANY_INDEX, TunMode::TunWithPacketInformation)
            .map_err(|error| lacking(format!("making the device {name}"), error))?;
        let netlink = socket::open(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE);
        let mut netlink = Netlink::new(netlink.doing(|| "opening a netlink socket".to_owned())?);
        let index = netlink.link_index(name).doing(|| format!("looking for {name}"))?;
        if let Some(prefix) = neighbor {
            netlink.add_address(index, prefix).doing(|| format!("adding the address {prefix} to {name}"))?;
        }
        let change = LinkChange { mtu: Some(interface.mtu), up: true, ..LinkChange::default() };
        netlink.change_link(index, change).doing(|| format!("bringing {name} up"))?;
        let port = Port { name: name.to_owned(), index, carrier: Carrier::Tun(device) };
        Ok(Self { port, buffer: vec![0; port::LONGEST], scratch: Vec::new() })
    }

    /// Name of the device.
    pub fn name(&self) -> &str {
        &self.port.name
    }

    /// One datagram that the kernel sent, if there is one. What is not IPv4 is passed over.
    ///
    /// # Errors
    /// If the device is gone.
    pub fn receive(&mut self) -> Result<Option<&[u8]>, DutError> {
        // The octets are borrowed again once it is known that they are wanted.
        let wanted = loop {
            let taken = self.port.take(&mut self.buffer);
            match taken.doing(|| "reading from a device".to_owned())? {
                None => return Ok(None),
                // The kernel sends IPv6 of its own accord.
                Some(octets) if octets.first().is_some_and(|octet| octet >> 4 == 6) => {}
                Some(octets) => break octets.len(),
            }
        };
        Ok(self.buffer.get(port::TUN_SKIP..port::TUN_SKIP + wanted))
    }

    /// Hands `datagram` to the kernel.
    ///
    /// # Errors
    /// If the device is gone. What the kernel does not take is lost, as on any link.
    pub fn send(&mut self, datagram: &[u8]) -> Result<(), DutError> {
        match self.port.inject(datagram, &mut self.scratch) {
            Err(error) if !port::is_refusal(&error) => {
                Err(super::error::failed(format!("writing to {}", self.port.name), error))
            }
            _ => Ok(()),
        }
    }

    /// Waits until the kernel has sent something on one of `devices`, a signal has come, or `limit` is over.
    ///
    /// # Errors
    /// If waiting is not possible.
    pub fn wait(devices: &[Self], limit: Duration) -> Result<(), DutError> {
        let mut entries: Vec<_> =
            devices.iter().map(|device| process::poll_entry(device.port.fd())).collect();
        match process::poll(&mut entries, Some(limit)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(super::error::failed("waiting for a datagram".to_owned(), error))
            }
            _ => Ok(()),
        }
    }
}

/// Where there is no TUN, the machine lacks it; a device of that name in use is nobody's lack.
fn lacking(what: String, error: io::Error) -> DutError {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::EPERM | libc::EACCES) => {
            DutError::Environment { what, why: error.to_string() }
        }
        _ => DutError::Io { what, source: error },
    }
}
