//! Devices: what the interfaces of a scenario are made of.
//!
//! TUN and TAP take any frame of any length and cost least. Where `/dev/net/tun` may not be opened, an interface is
//! one end of a pair of virtual Ethernet devices; the other end stands in a second namespace, so that no stack but the
//! one under test answers, and a packet socket there is our end.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::error::Doing;
use super::inside::{Access, Inside};
use super::netlink::Netlink;
use super::port::{Carrier, Veth};
use super::rtnetlink::LinkChange;
use super::sys::ioctl::{self, TunMode};
use super::sys::socket;
use crate::dut::DutError;
use crate::model::{Interface, LinkKind};

/// Which devices interfaces are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Devices {
    /// TUN and TAP if `/dev/net/tun` may be opened, or else virtual Ethernet pairs.
    #[default]
    Best,
    /// Virtual Ethernet pairs.
    Veth,
}

/// Where TUN and TAP devices come from.
pub(super) const TUN: &str = "/dev/net/tun";

/// `ETHTOOL_STXCSUM` and `ETHTOOL_SGSO`: checksums and segmentation that the stack leaves to the device.
const OFFLOADS: [u32; 2] = [0x17, 0x24];

/// Octets of frames that may wait in a packet socket, as far as the system allows.
pub(super) const PACKET_BUFFER: i32 = 64 << 20;

/// `PACKET_QDISC_BYPASS`: frames go straight into the device.
pub(super) const PACKET_QDISC_BYPASS: i32 = 20;
/// `PACKET_IGNORE_OUTGOING`: the socket does not see what it sends.
pub(super) const PACKET_IGNORE_OUTGOING: i32 = 23;

/// A maker of devices for one world.
#[derive(Debug)]
pub(super) enum Maker {
    /// By `/dev/net/tun`.
    Tun,
    /// Pairs between the namespace of the stack and one outside.
    Veth(Outside),
}

/// The namespace in which our ends of the pairs are.
#[derive(Debug)]
pub(super) struct Outside {
    namespace: File,
    netlink: Netlink,
    /// Packet sockets, not bound yet.
    sockets: Vec<OwnedFd>,
}

impl Maker {
    /// Makes ready for `count` devices. For pairs this moves `inside` on: the namespace it was in becomes the outside.
    pub(super) fn new(devices: Devices, count: usize, inside: &Inside) -> Result<Self, DutError> {
        if devices == Devices::Best && inside.open(TUN, Access::Device).is_ok() {
            return Ok(Self::Tun);
        }
        let outside = Outside::new(count, inside).doing(|| "opening packet sockets".to_owned())?;
        inside.unshare_network().doing(|| "making a second network namespace".to_owned())?;
        Ok(Self::Veth(outside))
    }

    /// Makes the device of `interface` with the number `index`, still down.
    pub(super) fn make(
        &mut self,
        interface: &Interface,
        index: u32,
        inside: &Inside,
        netlink: &mut Netlink,
    ) -> Result<Carrier, DutError> {
        let name = &interface.name;
        match self {
            Self::Tun => {
                let device = inside.open(TUN, Access::Device).doing(|| format!("opening {TUN}"))?;
                let mode = match interface.link {
                    LinkKind::Ip => TunMode::TunWithPacketInformation,
                    LinkKind::Ethernet => TunMode::Tap,
                };
                let made = ioctl::make_tun(device.as_fd(), name, index, mode);
                made.doing(|| format!("making the device {name}"))?;
                Ok(match interface.link {
                    LinkKind::Ip => Carrier::Tun(device),
                    LinkKind::Ethernet => Carrier::Tap(device),
                })
            }
            Self::Veth(outside) => {
                let veth = outside.make(interface, index, inside, netlink);
                veth.doing(|| format!("making the virtual Ethernet pair {name}")).map(Carrier::Veth)
            }
        }
    }
}

impl Outside {
    fn new(count: usize, inside: &Inside) -> io::Result<Self> {
        let packet_socket = || {
            // Protocol 0: it receives nothing until it is bound.
            let socket = inside.socket(libc::AF_PACKET, libc::SOCK_RAW, 0)?;
            let one = 1i32.to_ne_bytes();
            socket::set_option(&socket, libc::SOL_PACKET, PACKET_QDISC_BYPASS, &one)?;
            socket::set_option(&socket, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &one)?;
            socket::enlarge_buffer(&socket, PACKET_BUFFER)?;
            Ok(socket)
        };
        Ok(Self {
            namespace: inside.open("/proc/thread-self/ns/net", Access::Read)?,
            netlink: inside.netlink(libc::NETLINK_ROUTE)?,
            sockets: (0..count).map(|_| packet_socket()).collect::<io::Result<_>>()?,
        })
    }

    fn make(
        &mut self,
        interface: &Interface,
        index: u32,
        inside: &Inside,
        netlink: &mut Netlink,
    ) -> io::Result<Veth> {
        let name = &interface.name;
        netlink.add_veth(name, index, self.namespace.as_fd())?;
        let control = inside.socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
        for offload in OFFLOADS {
            ioctl::ethtool_set(control.as_fd(), name, offload, 0)?;
        }
        let ours = self.netlink.link_index(name)?;
        // Our end takes every length; what the stack's end takes is up to its own MTU.
        let change = LinkChange { mtu: Some(65_535), no_arp: true, up: true, ..LinkChange::default() };
        self.netlink.change_link(ours, change)?;
        let socket = self.sockets.pop().ok_or_else(|| io::Error::other("more interfaces than sockets"))?;
        socket::bind(&socket, &socket::packet_address(ours))?;
        let header = match interface.link {
            LinkKind::Ethernet => None,
            LinkKind::Ip => {
                let (to, from) = (netlink.link_mac(index)?, self.netlink.link_mac(ours)?);
                let mut header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00];
                header[..6].copy_from_slice(&to);
                header[6..12].copy_from_slice(&from);
                Some(header)
            }
        };
        Ok(Veth::new(socket, header, interface.mtu))
    }
}
