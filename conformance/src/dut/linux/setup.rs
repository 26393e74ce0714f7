//! From a scenario to a configured namespace.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use super::bpf::Queue;
use super::conntrack::Conntrack;
use super::counters::ProcCounters;
use super::device::{Devices, Maker};
use super::error::Doing;
use super::inside::{Access, Inside};
use super::netlink::Netlink;
use super::port::Port;
use super::rtnetlink::{LOOPBACK, LinkChange};
use super::rules;
use super::sockets::LocalSockets;
use super::sys::process::{self, PollEntry};
use super::sys::socket;
use crate::dut::DutError;
use crate::model::{Interface, LinkKind, Role, Route, Scenario};

/// Hardware address of an Ethernet interface for which the scenario gives none.
const DEFAULT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// There where the kernel can track connections.
pub(super) const CONNTRACK: &str = "/proc/sys/net/netfilter/nf_conntrack_max";

/// Frames that a device holds for us: more than the fragments of the largest datagram at the smallest MTU.
pub(super) const QUEUE: u32 = 10_000;

/// Everything that keeps a namespace alive and connects us to it.
#[derive(Debug)]
pub(super) struct World {
    /// In the order of the scenario's interfaces.
    pub(super) ports: Vec<Port>,
    /// Number of the first interface, which no other world on this machine uses; the others follow. `None` if they
    /// have the small numbers of a machine that was just started.
    pub(super) unique_index: Option<u32>,
    /// The namespace itself.
    pub(super) namespace: File,
    /// Counters by way of `/proc`.
    pub(super) proc: ProcCounters,
    /// The scenario's sockets.
    pub(super) sockets: LocalSockets,
    /// Where the kernel tracks connections.
    pub(super) conntrack: Option<Conntrack>,
    /// Whether anything in this scenario makes the kernel track connections; otherwise there are no events.
    pub(super) tracks: bool,
    /// Sockets that hold memberships in multicast groups.
    _memberships: Vec<OwnedFd>,
}

impl World {
    /// The devices in their order, then the socket with the events of connection tracking if there are any to come.
    /// `None` if they are no devices whose queues can be looked at, or if there are sockets, reading which can make the
    /// kernel send and count.
    pub(super) fn queues(&self) -> Option<Vec<Queue<'_>>> {
        if !self.sockets.is_empty() {
            return None;
        }
        let mut queues: Vec<_> = self.ports.iter().map(Port::queue).collect::<Option<_>>()?;
        let conntrack = self.conntrack.as_ref().filter(|_| self.tracks);
        queues.extend(conntrack.map(|conntrack| Queue::Socket(conntrack.fd())));
        Some(queues)
    }

    /// Everything that can be waited for.
    pub(super) fn poll_entries(&self) -> Vec<PollEntry> {
        let mut entries = self.sockets.poll_entries();
        entries.extend(self.ports.iter().map(|port| process::poll_entry(port.fd())));
        entries.extend(self.conntrack.iter().map(|conntrack| process::poll_entry(conntrack.fd())));
        entries
    }
}

/// Sets up `scenario` in the empty namespace that `inside` is in.
pub(super) fn build(scenario: &Scenario, devices: Devices, inside: &Inside) -> Result<World, DutError> {
    let mut maker = Maker::new(devices, scenario.interfaces.len(), inside)?;
    let mut netlink = inside.netlink(libc::NETLINK_ROUTE).doing(|| "opening a netlink socket".to_owned())?;
    silence_ipv6(inside)?;
    compiled_defaults(inside)?;
    if scenario.role != Role::Host {
        inside.set_sysctl("net.ipv4.ip_forward", "1")?;
    }
    for (name, value) in scenario.limits.sysctls() {
        inside.set_sysctl(name, value)?;
    }
    // One knob can bound another (`ipfrag_low_thresh` the high one): what is refused now may be taken after the rest.
    let is_refused = |(name, value): &(&String, &String)| inside.set_sysctl(name, value).is_err();
    let refused: Vec<_> = scenario.sysctl.iter().filter(is_refused).collect();
    for (name, value) in refused {
        inside.set_sysctl(name, value)?;
    }
    let up = LinkChange { up: true, ..LinkChange::default() };
    netlink.change_link(LOOPBACK, up).doing(|| "bringing the loopback interface up".to_owned())?;

    let mut ports = Vec::new();
    let unique_index = (!can_be_asked_for_numbers(scenario)).then(unique_index);
    for (index, interface) in (unique_index.unwrap_or(LOOPBACK + 1)..).zip(&scenario.interfaces) {
        ports.push(add_interface(interface, index, &mut maker, inside, &mut netlink)?);
    }
    for route in &scenario.routes {
        add_route(route, &ports, &mut netlink)?;
    }
    rules::install(scenario, inside)?;
    let robustness = inside.read_sysctl(ROBUSTNESS).ok();
    let joins = scenario.interfaces.iter().any(|interface| !interface.groups.is_empty());
    if joins && robustness.is_some() {
        inside.set_sysctl("net.ipv4.igmp_qrv", "1")?;
    }
    let memberships = join_groups(scenario, &ports, inside)?;
    let mut world = World {
        ports,
        unique_index,
        namespace: inside
            .open("/proc/thread-self/ns/net", Access::Read)
            .doing(|| "opening the namespace".to_owned())?,
        sockets: LocalSockets::open(scenario, inside)?,
        conntrack: Path::new(CONNTRACK).exists().then(|| Conntrack::open(inside)).transpose()?,
        tracks: matches!(scenario.role, Role::Conntrack | Role::Nat) || !scenario.rules.is_empty(),
        proc: ProcCounters::open(inside).doing(|| "opening the counter files in /proc/net".to_owned())?,
        _memberships: memberships,
    };
    await_membership_reports(scenario, &mut world)?;
    if let Some(robustness) = robustness.filter(|_| joins) {
        inside.set_sysctl("net.ipv4.igmp_qrv", &robustness)?;
    }
    Ok(world)
}

/// Keeps the kernel from sending router solicitations and the like. Without IPv6 there is nothing to do.
fn silence_ipv6(inside: &Inside) -> Result<(), DutError> {
    for group in ["all", "default"] {
        let path = format!("net/ipv6/conf/{group}/disable_ipv6");
        match inside.write_sysctl(&path, "1") {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(super::inside::sysctl_error(&path, "1", error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Values of `net.ipv4.conf.{all,default}.*` in a kernel that nobody configured; all others are 0.
const COMPILED_DEFAULTS: &[(&str, &str)] = &[
    ("all/accept_redirects", "1"),
    ("all/arp_evict_nocarrier", "1"),
    ("all/igmpv2_unsolicited_report_interval", "10000"),
    ("all/igmpv3_unsolicited_report_interval", "1000"),
    ("all/secure_redirects", "1"),
    ("all/send_redirects", "1"),
    ("all/shared_media", "1"),
    ("default/accept_redirects", "1"),
    ("default/accept_source_route", "1"),
    ("default/arp_evict_nocarrier", "1"),
    ("default/igmpv2_unsolicited_report_interval", "10000"),
    ("default/igmpv3_unsolicited_report_interval", "1000"),
    ("default/secure_redirects", "1"),
    ("default/send_redirects", "1"),
    ("default/shared_media", "1"),
];

/// Gives the namespace the defaults of an unconfigured kernel.
///
/// A new namespace copies `net.ipv4.conf.*` from the initial one, which the distribution or a container engine may
/// have changed. What differs is found out once per process.
fn compiled_defaults(inside: &Inside) -> Result<(), DutError> {
    static CHANGED: OnceLock<Vec<(String, &'static str)>> = OnceLock::new();
    for (path, value) in CHANGED.get_or_init(|| inherited_changes(inside)) {
        inside.write_sysctl(path, value).map_err(|error| super::inside::sysctl_error(path, value, error))?;
    }
    Ok(())
}

/// The sysctls in which a new namespace differs from the compiled defaults, with those defaults.
fn inherited_changes(inside: &Inside) -> Vec<(String, &'static str)> {
    let mut changes = Vec::new();
    for group in ["all", "default"] {
        for name in CONF_NAMES {
            let key = format!("{group}/{name}");
            let path = format!("net/ipv4/conf/{key}");
            let compiled =
                COMPILED_DEFAULTS.iter().find(|(known, _)| *known == key).map_or("0", |(_, value)| value);
            if inside.read_sysctl(&path).is_ok_and(|value| value != compiled) {
                changes.push((path, compiled));
            }
        }
    }
    changes
}

/// The writable names below `net.ipv4.conf.*` that bear on what a stack does with datagrams.
const CONF_NAMES: &[&str] = &[
    "accept_local",
    "accept_redirects",
    "accept_source_route",
    "arp_accept",
    "arp_announce",
    "arp_evict_nocarrier",
    "arp_filter",
    "arp_ignore",
    "arp_notify",
    "bc_forwarding",
    "bootp_relay",
    "disable_policy",
    "disable_xfrm",
    "drop_unicast_in_l2_multicast",
    "force_igmp_version",
    "forwarding",
    "igmpv2_unsolicited_report_interval",
    "igmpv3_unsolicited_report_interval",
    "ignore_routes_with_linkdown",
    "log_martians",
    "promote_secondaries",
    "proxy_arp",
    "proxy_arp_pvlan",
    "route_localnet",
    "rp_filter",
    "secure_redirects",
    "send_redirects",
    "shared_media",
    "src_valid_mark",
];

/// Whether a datagram can ask for an interface by its number, which then has to be the one that everybody expects.
/// RFC 8335 §2.1.
fn can_be_asked_for_numbers(scenario: &Scenario) -> bool {
    scenario.sysctl.get("net.ipv4.icmp_echo_enable_probe").is_some_and(|value| value != "0")
}

/// A number for the first interface of a world that no other world on this machine uses: packets keep the number of the
/// interface they came in by when nothing else tells any more whose they are. A multiple of 256.
fn unique_index() -> u32 {
    // Hashing with fresh keys is the random source that the standard library has.
    let random = RandomState::new().hash_one(std::process::id());
    0x4000_0000 | random as u32 & 0x3fff_ff00
}

/// Makes one interface, with its addresses, and brings it up if the scenario says so.
fn add_interface(
    interface: &Interface,
    index: u32,
    maker: &mut Maker,
    inside: &Inside,
    netlink: &mut Netlink,
) -> Result<Port, DutError> {
    let name = &interface.name;
    let carrier = maker.make(interface, index, inside, netlink)?;
    let change = LinkChange {
        mac: mac_of(interface)?,
        mtu: Some(interface.mtu),
        queue: Some(QUEUE),
        no_arp: true,
        up: false,
    };
    netlink.change_link(index, change).doing(|| format!("setting the MTU of {name} to {}", interface.mtu))?;
    for (key, value) in &interface.sysctl {
        let path = format!("net/ipv4/conf/{name}/{key}");
        inside
            .write_sysctl(&path, value)
            .map_err(|error| super::inside::sysctl_error(&path, value, error))?;
    }
    for prefix in &interface.addresses {
        netlink.add_address(index, *prefix).doing(|| format!("adding the address {prefix} to {name}"))?;
    }
    if interface.up {
        let up = LinkChange { up: true, ..LinkChange::default() };
        netlink.change_link(index, up).doing(|| format!("bringing the interface {name} up"))?;
    }
    Ok(Port { name: name.clone(), index, carrier })
}

/// The hardware address that an Ethernet interface is to have; none for other links.
fn mac_of(interface: &Interface) -> Result<Option<[u8; 6]>, DutError> {
    if interface.link == LinkKind::Ip {
        return Ok(None);
    }
    let Some(text) = &interface.mac else { return Ok(Some(DEFAULT_MAC)) };
    let octets: Vec<u8> = text.split(':').filter_map(|part| u8::from_str_radix(part, 16).ok()).collect();
    match octets.try_into() {
        Ok(mac) if text.split(':').count() == 6 => Ok(Some(mac)),
        _ => Err(DutError::Unsupported(format!("`{text}` is not a hardware address"))),
    }
}

fn add_route(route: &Route, ports: &[Port], netlink: &mut Netlink) -> Result<(), DutError> {
    let index = match route.dev.as_deref() {
        None => None,
        Some("lo") => Some(LOOPBACK),
        Some(name) => {
            Some(ports.iter().find(|port| port.name == name).map(|port| port.index).ok_or_else(|| {
                DutError::Unsupported(format!("a route names the unknown interface `{name}`"))
            })?)
        }
    };
    netlink.add_route(route, index).doing(|| format!("adding the {:?} route to {}", route.kind, route.to))
}

/// Joins the multicast groups of all interfaces. A socket may hold only so many memberships, so each has its own.
fn join_groups(scenario: &Scenario, ports: &[Port], inside: &Inside) -> Result<Vec<OwnedFd>, DutError> {
    let mut memberships = Vec::new();
    for (interface, port) in scenario.interfaces.iter().zip(ports) {
        if !interface.groups.is_empty() && !scenario.sysctl.contains_key("net.ipv4.igmp_qrv") {
            // One report per membership instead of repeating it at random times in the middle of the test.
            inside.set_sysctl("net.ipv4.igmp_qrv", "1")?;
        }
        for group in &interface.groups {
            let what = || format!("joining the group {group} on {}", port.name);
            let socket = inside.socket(libc::AF_INET, libc::SOCK_DGRAM, 0).doing(what)?;
            // `struct ip_mreqn`: group, any local address, interface number.
            let mut request = [0; 12];
            request[..4].copy_from_slice(&group.octets());
            request[8..].copy_from_slice(&port.index.to_ne_bytes());
            socket::set_option(&socket, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &request).doing(what)?;
            memberships.push(socket);
        }
    }
    Ok(memberships)
}

/// How often a membership report is sent. It is repeated after a random time, so that while groups are joined it is sent
/// once. RFC 3376 §8.1.
const ROBUSTNESS: &str = "net/ipv4/igmp_qrv";

/// How long the kernel may take to send a membership report; it does so within a few jiffies.
const REPORT_LIMIT: Duration = Duration::from_secs(5);

/// Waits until the kernel has reported the joined groups (IGMP), so that no report comes in the middle of the test.
fn await_membership_reports(scenario: &Scenario, world: &mut World) -> Result<(), DutError> {
    let start = process::clock(libc::CLOCK_MONOTONIC);
    let mut buffer = vec![0; super::port::LONGEST];
    for (interface, port) in scenario.interfaces.iter().zip(&mut world.ports) {
        let mut silent: Vec<_> = interface.groups.iter().map(|group| group.octets()).collect();
        while interface.up && !silent.is_empty() {
            let left = (start + REPORT_LIMIT).saturating_sub(process::clock(libc::CLOCK_MONOTONIC));
            let ready = process::poll(&mut [process::poll_entry(port.fd())], Some(left));
            if ready.doing(|| "waiting for membership reports".to_owned())? == 0 {
                break;
            }
            let frame = port.take(&mut buffer).doing(|| "reading a membership report".to_owned())?;
            let frame = frame.unwrap_or_default();
            silent.retain(|group| !frame.windows(4).any(|octets| octets == group));
        }
    }
    Ok(())
}
