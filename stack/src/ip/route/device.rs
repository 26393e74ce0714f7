//! Interfaces with their addresses, as routing sees them.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::address::Prefix;
use crate::config::policy::DevicePolicy;
use crate::config::{Address, Config, Scope};
use crate::interface::InterfaceId;

/// The group of all hosts, which every interface has joined. RFC 1112 §4.
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

/// The group of all routers. RFC 1256 §2.
const ALL_ROUTERS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 2);

/// An address of a device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceAddress {
    pub(crate) prefix: Prefix,
    pub(crate) scope: Scope,
    /// Whether an earlier address of the device has the same subnet.
    pub(crate) is_secondary: bool,
}

/// An interface as the running stack knows it.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its identity.
    pub id: InterfaceId,
    /// Name.
    pub name: String,
    /// Largest datagram in octets.
    pub mtu: u32,
    /// Whether it is up.
    pub is_up: bool,
    /// Whether it has an IPv6 address.
    pub has_ipv6: bool,
    /// Its knobs, combined with `conf.all`.
    pub policy: DevicePolicy,
    pub(crate) ipv6_addresses: Vec<Ipv6Addr>,
    pub(crate) addresses: Vec<DeviceAddress>,
    pub(crate) groups: Vec<Ipv4Addr>,
}

impl Device {
    /// The loopback interface and those of `config`, in the order of their identities.
    pub(super) fn all(config: &Config) -> Vec<Self> {
        let loopback = [Address::from(Prefix::new(Ipv4Addr::LOCALHOST, 8))];
        let mut devices = Vec::with_capacity(config.interfaces.len() + 1);
        devices.push(Self {
            id: InterfaceId::LOOPBACK,
            name: String::from("lo"),
            mtu: 65_536,
            is_up: true,
            has_ipv6: false,
            policy: DevicePolicy::of(&config.all, &config.loopback),
            ipv6_addresses: Vec::new(),
            addresses: ranked(loopback.iter().chain(&config.loopback_addresses)),
            groups: Vec::from([ALL_HOSTS]),
        });
        for (position, interface) in config.interfaces.iter().enumerate() {
            let mut groups = Vec::from([ALL_HOSTS]);
            groups.extend(interface.groups.iter().filter(|group| **group != ALL_HOSTS));
            let policy = DevicePolicy::of(&config.all, &interface.sysctls);
            let is_solicited = policy.forwarding && config.departures.router_solicitation_is_answered;
            if is_solicited && !groups.contains(&ALL_ROUTERS) {
                groups.push(ALL_ROUTERS);
            }
            devices.push(Self {
                id: InterfaceId::configured(u16::try_from(position).unwrap_or(u16::MAX)),
                name: interface.name.clone(),
                mtu: interface.mtu,
                is_up: interface.is_up,
                has_ipv6: interface.has_ipv6 || !interface.ipv6_addresses.is_empty(),
                policy,
                ipv6_addresses: interface.ipv6_addresses.clone(),
                addresses: ranked(interface.addresses.iter()),
                groups,
            });
        }
        devices
    }

    /// Whether it is the loopback interface.
    pub const fn is_loopback(&self) -> bool {
        self.id.0 == 0
    }

    /// Whether it has an IPv4 address.
    pub fn has_ipv4(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Whether `address` is one of its own.
    pub(crate) fn has_address(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|own| own.prefix.address == address)
    }

    /// Its first address; `None` if it has none.
    pub fn primary_address(&self) -> Option<Ipv4Addr> {
        self.addresses.first().map(|address| address.prefix.address)
    }

    /// Its multicast groups, 224.0.0.1 first.
    pub fn groups(&self) -> &[Ipv4Addr] {
        &self.groups
    }

    /// Whether it takes datagrams to `group`. RFC 1112 §7.2.
    pub fn has_joined(&self, group: Ipv4Addr) -> bool {
        self.is_up && self.groups.contains(&group)
    }

    pub(crate) fn primary_addresses(&self) -> impl Iterator<Item = &DeviceAddress> {
        self.addresses.iter().filter(|address| !address.is_secondary)
    }

    /// Whether `address` lies in a subnet of it that also holds `other`, where one is given.
    pub(crate) fn is_on_link(&self, address: Ipv4Addr, other: Option<Ipv4Addr>) -> bool {
        self.primary_addresses()
            .any(|own| own.prefix.contains(address) && other.is_none_or(|other| own.prefix.contains(other)))
    }
}

/// Marks the addresses whose subnet an earlier one has already.
fn ranked<'a>(addresses: impl Iterator<Item = &'a Address>) -> Vec<DeviceAddress> {
    let mut ranked: Vec<DeviceAddress> = Vec::new();
    for address in addresses {
        let prefix = address.prefix;
        let is_secondary = ranked
            .iter()
            .any(|other| other.prefix.length == prefix.length && other.prefix.network() == prefix.network());
        ranked.push(DeviceAddress { prefix, scope: address.scope, is_secondary });
    }
    ranked
}
