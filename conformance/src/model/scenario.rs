//! The world around a stack, as data: a TOML file, read strictly: unknown keys, duplicates and contradictions are errors with file and line.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use serde::{Deserialize, Serialize};

use super::address::Prefix;

/// Role, interfaces, routes, knobs, rules and sockets around a stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Short name, unique among the scenarios.
    pub name: String,
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// What the stack is.
    pub role: Role,
    /// Whether the DUT's ICMP rate limits are lifted.
    #[serde(default)]
    pub limits: Limits,
    /// Sysctls by their full kernel name (`net.ipv4.ip_forward`), applied in order after `limits` and before the
    /// interfaces come up; `net.ipv4.conf.<interface>.*` stands in the interface instead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctl: BTreeMap<String, String>,
    /// At least one; a loopback interface is always there besides.
    #[serde(rename = "interface")]
    pub interfaces: Vec<Interface>,
    /// Routes beyond those that the addresses bring.
    #[serde(default, rename = "route", skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Packet filter and NAT rules, in order.
    #[serde(default, rename = "rule", skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Local sockets, opened before the first step.
    #[serde(default, rename = "socket", skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<Socket>,
}

/// What the stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Does not forward.
    Host,
    /// Forwards (`net.ipv4.ip_forward = 1`).
    Router,
    /// Forwards and tracks connections.
    Conntrack,
    /// Forwards, tracks and translates.
    Nat,
}

/// ICMP rate limits and similar guards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limits {
    /// `icmp_ratelimit = 0` and an `icmp_msgs_burst` that is never used up: every packet is judged alone.
    #[default]
    Open,
    /// What the DUT does out of the box.
    Default,
}

/// Sysctls that lift every ICMP rate limit of Linux: no bucket per destination, and a global bucket that is filled
/// faster than the kernel can make errors.
///
/// The rate stays below 2³¹ ÷ HZ, because the kernel multiplies it by the jiffies since the last refill. Each error
/// costs at most 2 credits, so a full bucket lasts for millions of errors, and once it is used up the next refill is
/// long due. RFC 1812 §4.3.2.8 leaves rate limits to the implementation.
const NO_LIMITS: &[(&str, &str)] = &[
    ("net.ipv4.icmp_ratelimit", "0"),
    ("net.ipv4.icmp_msgs_per_sec", "8000000"),
    ("net.ipv4.icmp_msgs_burst", "8000000"),
];

impl Limits {
    /// The sysctls, by full kernel name, that bring these limits about in a freshly made Linux stack.
    pub const fn sysctls(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Open => NO_LIMITS,
            Self::Default => &[],
        }
    }
}

/// What frames on an interface look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    /// Bare IPv4 datagrams (TUN). Everything that arrives is addressed to us at the link.
    #[default]
    Ip,
    /// Ethernet frames (TAP, ARP off).
    Ethernet,
}

/// One interface of the stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Interface {
    /// Name, at most 15 octets.
    pub name: String,
    /// Form of its frames.
    #[serde(default)]
    pub link: LinkKind,
    /// Hardware address of an Ethernet interface, `02:00:00:00:00:01` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Addresses with the prefix of their subnet; the first of a subnet is its primary one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Prefix>,
    /// Largest datagram in octets, 68 to 65535.
    #[serde(default = "default_mtu")]
    pub mtu: u32,
    /// Whether it is up.
    #[serde(default = "yes")]
    pub up: bool,
    /// `net.ipv4.conf.<name>.*` without that prefix, applied once the interface exists.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctl: BTreeMap<String, String>,
    /// Multicast groups joined besides 224.0.0.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<Ipv4Addr>,
}

const fn default_mtu() -> u32 {
    1500
}

const fn yes() -> bool {
    true
}

/// What a route does with a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RouteKind {
    /// Sends it on.
    #[default]
    Unicast,
    /// Delivers it here.
    Local,
    /// Delivers it here as a broadcast.
    Broadcast,
    /// Refuses it as multicast.
    Multicast,
    /// Answers Host Unreachable.
    Unreachable,
    /// Answers Communication Administratively Prohibited.
    Prohibit,
    /// Drops it.
    Blackhole,
    /// Ends the lookup as if there were no route.
    Throw,
}

/// One route of the main table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route {
    /// Destinations it covers.
    pub to: Prefix,
    /// What it does.
    #[serde(default)]
    pub kind: RouteKind,
    /// Gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Ipv4Addr>,
    /// Interface by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<String>,
    /// Preferred source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Ipv4Addr>,
    /// Metric; the lowest wins among routes of the same prefix.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub metric: u32,
    /// MTU metric in octets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Whether the MTU metric is locked.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mtu_lock: bool,
    /// TTL of datagrams sent on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hoplimit: Option<u8>,
    /// Whether the gateway is reachable although no subnet contains it (`onlink`).
    #[serde(default, skip_serializing_if = "is_false")]
    pub onlink: bool,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !*value
}

impl Route {
    /// A route to `to`, with nothing but what it does said of it.
    pub const fn new(to: Prefix, kind: RouteKind) -> Self {
        Self {
            to,
            kind,
            via: None,
            dev: None,
            source: None,
            metric: 0,
            mtu: None,
            mtu_lock: false,
            hoplimit: None,
            onlink: false,
        }
    }
}

/// Where in the passage of a packet a rule stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// On arrival, before routing.
    Prerouting,
    /// Before local delivery.
    Input,
    /// Between two interfaces.
    Forward,
    /// Locally made, before routing is final.
    Output,
    /// Before leaving.
    Postrouting,
}

/// One packet filter or NAT rule. All conditions given must hold; the first rule of a hook and table whose
/// conditions hold decides. The table (raw, filter, nat) follows from the action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// Where it stands.
    pub hook: Hook,
    /// Incoming interface.
    #[serde(default, rename = "in", skip_serializing_if = "Option::is_none")]
    pub incoming: Option<String>,
    /// Outgoing interface.
    #[serde(default, rename = "out", skip_serializing_if = "Option::is_none")]
    pub outgoing: Option<String>,
    /// Source addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Prefix>,
    /// Destination addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Prefix>,
    /// Protocol number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    /// Source port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_port: Option<u16>,
    /// Destination port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_port: Option<u16>,
    /// ICMP type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp_type: Option<u8>,
    /// Connection tracking states, any of which matches: `new`, `established`, `related`, `invalid`, `untracked`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ct_state: Vec<String>,
    /// What is done.
    pub action: RuleAction,
}

impl Rule {
    /// A rule for every packet at `hook`, to be narrowed down.
    pub const fn new(hook: Hook, action: RuleAction) -> Self {
        Self {
            hook,
            incoming: None,
            outgoing: None,
            from: None,
            to: None,
            protocol: None,
            source_port: None,
            destination_port: None,
            icmp_type: None,
            ct_state: Vec::new(),
            action,
        }
    }
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleAction {
    /// Lets it pass (filter).
    Accept,
    /// Discards it silently (filter).
    Drop,
    /// Discards it and answers with this ICMP Destination Unreachable code (filter).
    Reject {
        /// Code of the Destination Unreachable message.
        code: u8,
    },
    /// Leaves it out of connection tracking (raw).
    Notrack,
    /// Puts it into a tracking zone (raw).
    Zone(u16),
    /// Rewrites the source (nat, postrouting or input).
    Snat(Translation),
    /// Rewrites the destination (nat, prerouting or output).
    Dnat(Translation),
    /// Rewrites the source to the address of the outgoing interface (nat, postrouting).
    Masquerade(Ports),
    /// Rewrites the destination to the address of the incoming interface (nat, prerouting or output).
    Redirect(Ports),
}

/// Addresses and ports that a NAT rule maps to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Translation {
    /// First address of the range.
    pub first: Ipv4Addr,
    /// Last address of the range; the first if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Ipv4Addr>,
    /// Ports or ICMP identifiers.
    #[serde(flatten)]
    pub ports: Ports,
}

/// Ports or ICMP identifiers that a NAT rule maps to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ports {
    /// First and last port or identifier of the range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<(u16, u16)>,
    /// Choose at random.
    #[serde(default, skip_serializing_if = "is_false")]
    pub random: bool,
    /// Same address for the same client.
    #[serde(default, skip_serializing_if = "is_false")]
    pub persistent: bool,
}

/// Kind of a local socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SocketKind {
    /// `SOCK_DGRAM`, `IPPROTO_UDP`.
    Udp,
    /// `SOCK_STREAM`, listening unless it is told to connect.
    Tcp,
    /// `SOCK_DGRAM`, `IPPROTO_ICMP`.
    Ping,
    /// `SOCK_RAW` with a protocol number.
    Raw,
}

/// One local socket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Socket {
    /// Kind.
    pub kind: SocketKind,
    /// Protocol number of a raw socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u8>,
    /// Bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddrV4>,
    /// Connected to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddrV4>,
    /// Options by name: `recverr`, `recverr-rfc4884`, `pmtudisc` (0 to 5), `ttl`, `tos`, `hdrincl`, `router-alert`,
    /// `icmp-filter`, `broadcast`, `multicast-ttl`, `multicast-loop`, `nodefrag`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, i64>,
}
