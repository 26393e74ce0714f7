//! Interfaces, addresses and routes by rtnetlink.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::netlink::{CREATE, Message, Netlink, attributes};
use crate::model::{Prefix, Route, RouteKind};

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_TXQLEN: u16 = 13;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;

const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTAX_LOCK: u16 = 1;
const RTAX_MTU: u16 = 2;
const RTAX_HOPLIMIT: u16 = 10;

const RT_TABLE_MAIN: u8 = 254;
const RTPROT_STATIC: u8 = 4;
const RTNH_F_ONLINK: u32 = 4;

const IFF_UP: u32 = libc::IFF_UP as u32;
const IFF_NOARP: u32 = libc::IFF_NOARP as u32;

/// What to change on an interface; `None` leaves it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LinkChange {
    /// Hardware address.
    pub(super) mac: Option<[u8; 6]>,
    /// MTU in octets.
    pub(super) mtu: Option<u32>,
    /// How many frames may wait in the device's queue.
    pub(super) queue: Option<u32>,
    /// Address resolution off.
    pub(super) no_arp: bool,
    /// Bring it up.
    pub(super) up: bool,
}

/// Number of the loopback interface in every namespace.
pub(super) const LOOPBACK: u32 = 1;

/// `struct ifinfomsg`.
fn link_header(index: u32, flags: u32, mask: u32) -> [u8; 16] {
    let mut header = [0; 16];
    header[4..8].copy_from_slice(&index.to_ne_bytes());
    header[8..12].copy_from_slice(&flags.to_ne_bytes());
    header[12..].copy_from_slice(&mask.to_ne_bytes());
    header
}

impl Netlink {
    /// Number of the interface called `name`.
    pub(super) fn link_index(&mut self, name: &str) -> io::Result<u32> {
        let mut index = None;
        let message = Message::new(RTM_GETLINK, 0, &link_header(0, 0, 0)).text(IFLA_IFNAME, name);
        self.query(message, |part| {
            if part.kind == RTM_NEWLINK {
                index = part.body.get(4..8).and_then(|octets| octets.try_into().ok()).map(u32::from_ne_bytes);
            }
        })?;
        index.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))
    }

    /// Hardware address of an interface.
    pub(super) fn link_mac(&mut self, index: u32) -> io::Result<[u8; 6]> {
        let mut mac = None;
        self.query(Message::new(RTM_GETLINK, 0, &link_header(index, 0, 0)), |part| {
            if part.kind == RTM_NEWLINK {
                let data = attributes(part.body.get(16..).unwrap_or_default())
                    .find(|(kind, _)| *kind == IFLA_ADDRESS);
                mac = data.and_then(|(_, octets)| octets.try_into().ok());
            }
        })?;
        mac.ok_or_else(|| io::Error::from_raw_os_error(libc::ENODEV))
    }

    /// Changes an interface.
    pub(super) fn change_link(&mut self, index: u32, change: LinkChange) -> io::Result<()> {
        let flags = if change.up { IFF_UP } else { 0 } | if change.no_arp { IFF_NOARP } else { 0 };
        let mut message = Message::new(RTM_NEWLINK, 0, &link_header(index, flags, flags));
        if let Some(mac) = change.mac {
            message = message.attribute(IFLA_ADDRESS, &mac);
        }
        if let Some(mtu) = change.mtu {
            message = message.attribute(IFLA_MTU, &mtu.to_ne_bytes());
        }
        if let Some(queue) = change.queue {
            message = message.attribute(IFLA_TXQLEN, &queue.to_ne_bytes());
        }
        self.request(message)
    }

    /// Makes a pair of virtual Ethernet devices: `name` with the number `index` here and, under the same name, its peer
    /// in `other`.
    pub(super) fn add_veth(&mut self, name: &str, index: u32, other: BorrowedFd<'_>) -> io::Result<()> {
        let namespace = other.as_raw_fd().to_ne_bytes();
        let peer = |message: Message| {
            let message = message.raw(&link_header(0, 0, 0)).text(IFLA_IFNAME, name);
            message.attribute(IFLA_NET_NS_FD, &namespace)
        };
        let message = Message::new(RTM_NEWLINK, CREATE, &link_header(index, 0, 0)).text(IFLA_IFNAME, name);
        self.request(message.nest(IFLA_LINKINFO, |info| {
            let data = |info: Message| info.nest(VETH_INFO_PEER, peer);
            info.attribute(IFLA_INFO_KIND, b"veth").nest(IFLA_INFO_DATA, data)
        }))
    }

    /// Adds an address to an interface; the kernel adds the subnet's routes once the interface is up.
    pub(super) fn add_address(&mut self, index: u32, prefix: Prefix) -> io::Result<()> {
        let mut header = [libc::AF_INET as u8, prefix.length, 0, 0, 0, 0, 0, 0];
        header[4..].copy_from_slice(&index.to_ne_bytes());
        let octets = prefix.address.octets();
        let message = Message::new(RTM_NEWADDR, CREATE, &header);
        self.request(message.attribute(IFA_LOCAL, &octets).attribute(IFA_ADDRESS, &octets))
    }

    /// Adds a route to the main table; `index` is the number of its interface.
    pub(super) fn add_route(&mut self, route: &Route, index: Option<u32>) -> io::Result<()> {
        self.request(route_message(route, index))
    }
}

fn route_message(route: &Route, index: Option<u32>) -> Message {
    let mut header = [0; 12];
    header[0] = libc::AF_INET as u8;
    header[1] = route.to.length;
    header[4] = RT_TABLE_MAIN;
    header[5] = RTPROT_STATIC;
    header[6] = scope(route);
    header[7] = route_type(route.kind);
    header[8..].copy_from_slice(&if route.onlink { RTNH_F_ONLINK } else { 0 }.to_ne_bytes());

    let address = |message: Message, kind, address: Option<Ipv4Addr>| match address {
        Some(address) => message.attribute(kind, &address.octets()),
        None => message,
    };
    let number = |message: Message, kind, number: Option<u32>| match number {
        Some(number) => message.attribute(kind, &number.to_ne_bytes()),
        None => message,
    };
    let mut message = Message::new(RTM_NEWROUTE, CREATE, &header);
    message = address(message, RTA_DST, (route.to.length > 0).then(|| route.to.network()));
    message = address(message, RTA_GATEWAY, route.via);
    message = address(message, RTA_PREFSRC, route.source);
    message = number(message, RTA_OIF, index);
    message = number(message, RTA_PRIORITY, (route.metric > 0).then_some(route.metric));
    if route.mtu.is_none() && route.hoplimit.is_none() {
        return message;
    }
    message.nest(RTA_METRICS, |nested| {
        let nested = number(nested, RTAX_LOCK, route.mtu_lock.then_some(1 << RTAX_MTU));
        let nested = number(nested, RTAX_MTU, route.mtu);
        number(nested, RTAX_HOPLIMIT, route.hoplimit.map(u32::from))
    })
}

/// How far away the destinations of a route are: here, on the link, or anywhere.
fn scope(route: &Route) -> u8 {
    const UNIVERSE: u8 = libc::RT_SCOPE_UNIVERSE;
    match route.kind {
        RouteKind::Local => libc::RT_SCOPE_HOST,
        RouteKind::Broadcast | RouteKind::Multicast => libc::RT_SCOPE_LINK,
        RouteKind::Unicast if route.via.is_none() => libc::RT_SCOPE_LINK,
        RouteKind::Unicast
        | RouteKind::Unreachable
        | RouteKind::Prohibit
        | RouteKind::Blackhole
        | RouteKind::Throw => UNIVERSE,
    }
}

fn route_type(kind: RouteKind) -> u8 {
    match kind {
        RouteKind::Unicast => libc::RTN_UNICAST,
        RouteKind::Local => libc::RTN_LOCAL,
        RouteKind::Broadcast => libc::RTN_BROADCAST,
        RouteKind::Multicast => libc::RTN_MULTICAST,
        RouteKind::Unreachable => libc::RTN_UNREACHABLE,
        RouteKind::Prohibit => libc::RTN_PROHIBIT,
        RouteKind::Blackhole => libc::RTN_BLACKHOLE,
        RouteKind::Throw => libc::RTN_THROW,
    }
}
