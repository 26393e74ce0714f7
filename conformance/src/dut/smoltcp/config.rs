//! From a scenario to interfaces of smoltcp.

use std::net::Ipv4Addr;

use smoltcp::iface::{Config, Interface as StackInterface, Route as StackRoute, SocketSet};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, Ipv4Cidr};

use super::link::Link;
use super::port::Port;
use crate::dut::DutError;
use crate::dut::foreign::{self, Abilities};
use crate::model::{Interface, LinkKind, Prefix, Route};

/// What smoltcp can be. It answers echo requests to a broadcast address, and has no limits on ICMP.
pub(super) const ABILITIES: Abilities = Abilities {
    name: "smoltcp",
    forwards: false,
    sysctls: &[
        ("net.ipv4.ip_default_ttl", "64"),
        ("net.ipv4.ip_forward", "0"),
        ("net.ipv4.icmp_echo_ignore_all", "0"),
        ("net.ipv4.icmp_echo_ignore_broadcasts", "0"),
        ("net.ipv4.icmp_ratelimit", "0"),
    ],
};

/// What sequence numbers and the like are drawn from; what is drawn is never compared.
const SEED: u64 = 0x6e65_7461_7373_6179;

/// The interface that `interface` asks for, with those of `routes` that lead out of it.
pub(super) fn port(interface: &Interface, routes: &[Route]) -> Result<Port, DutError> {
    let mac = foreign::mac(interface.mac.as_deref())?;
    let hardware = match interface.link {
        LinkKind::Ip => HardwareAddress::Ip,
        LinkKind::Ethernet if mac[0] & 1 != 0 || mac == [0; 6] => {
            return unsupported(format!("takes no hardware address such as that of {}", interface.name));
        }
        LinkKind::Ethernet => HardwareAddress::Ethernet(EthernetAddress(mac)),
    };
    let mut link = Link::new(interface.link, mac, interface.mtu);
    let mut config = Config::new(hardware);
    config.random_seed = SEED;
    let mut stack = StackInterface::new(config, &mut link, Instant::ZERO);
    add_addresses(&mut stack, interface)?;
    let mut gateways = Vec::new();
    for route in routes {
        add_route(&mut stack, interface, route, &mut gateways)?;
    }
    for group in &interface.groups {
        stack
            .join_multicast_group(*group)
            .or_else(|error| unsupported(format!("cannot join {group}: {error}")))?;
    }
    Ok(Port {
        stack,
        link,
        sockets: SocketSet::new(Vec::new()),
        addresses: interface.addresses.clone(),
        gateways,
        is_up: interface.up,
        last: Instant::ZERO,
    })
}

fn add_addresses(stack: &mut StackInterface, interface: &Interface) -> Result<(), DutError> {
    let is_usable = |prefix: &Prefix| {
        let address = prefix.address;
        !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified()
    };
    if let Some(prefix) = interface.addresses.iter().find(|prefix| !is_usable(prefix)) {
        return unsupported(format!("takes no address such as {prefix}"));
    }
    let mut fits = true;
    stack.update_ip_addrs(|known| {
        for prefix in &interface.addresses {
            fits &= known.push(cidr(*prefix)).is_ok();
        }
    });
    if fits { Ok(()) } else { unsupported(format!("has no room for the addresses of {}", interface.name)) }
}

/// Adds `route` if it leads out of `interface`.
fn add_route(
    stack: &mut StackInterface,
    interface: &Interface,
    route: &Route,
    gateways: &mut Vec<(Prefix, Option<Ipv4Addr>)>,
) -> Result<(), DutError> {
    let is_ours = match (&route.dev, route.via) {
        (Some(dev), _) => *dev == interface.name,
        (None, Some(via)) => interface.addresses.iter().any(|prefix| prefix.contains(via)),
        (None, None) => false,
    };
    if !is_ours {
        return Ok(());
    }
    if route.mtu.is_some() || route.hoplimit.is_some() || route.source.is_some() {
        return unsupported("has no routes with metrics".to_owned());
    }
    let Some(via) = route.via else {
        gateways.push((route.to, None));
        // Where there is no link address to find, datagrams leave without a route.
        return match interface.link {
            LinkKind::Ip => Ok(()),
            LinkKind::Ethernet => unsupported("has no routes without a gateway".to_owned()),
        };
    };
    let via_router = via.into();
    let added = StackRoute { cidr: cidr(route.to), via_router, preferred_until: None, expires_at: None };
    let mut fits = true;
    stack.routes_mut().update(|known| fits = known.push(added).is_ok());
    gateways.push((route.to, Some(via)));
    if fits { Ok(()) } else { unsupported("has no room for the routes".to_owned()) }
}

fn cidr(prefix: Prefix) -> IpCidr {
    IpCidr::Ipv4(Ipv4Cidr::new(prefix.address, prefix.length))
}

fn unsupported<T>(what: String) -> Result<T, DutError> {
    Err(DutError::Unsupported(format!("smoltcp {what}")))
}
