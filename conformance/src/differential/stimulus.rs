//! What kind of stimulus a step is: what a divergence is filed under, and what ledger entries speak of.

use std::fmt;
use std::net::Ipv4Addr;

use super::field::protocol_name;
use super::layout::{Layout, options};
use crate::model::{Action, RouteKind, Scenario, SocketAction, Step};

/// What an address is to a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressClass {
    /// An address of the DUT.
    Local,
    /// The broadcast address of one of its subnets.
    SubnetBroadcast,
    /// 255.255.255.255.
    LimitedBroadcast,
    /// 224.0.0.0/4.
    Multicast,
    /// 127.0.0.0/8.
    Loopback,
    /// 0.0.0.0/8.
    ThisNetwork,
    /// 240.0.0.0/4 but for the limited broadcast.
    Reserved,
    /// In a subnet of the DUT.
    OnLink,
    /// Anything else.
    Elsewhere,
}

/// Whether `address` is one that the DUT takes as its own: an address of an interface, in a local route, or loopback.
pub fn is_own(address: Ipv4Addr, scenario: &Scenario) -> bool {
    let mut addresses = scenario.interfaces.iter().flat_map(|interface| &interface.addresses);
    let mut local_routes = scenario.routes.iter().filter(|route| route.kind == RouteKind::Local);
    address.is_loopback()
        || addresses.any(|own| own.address == address)
        || local_routes.any(|route| route.to.contains(address))
}

impl AddressClass {
    /// The class of `address` in `scenario`.
    pub fn of(address: Ipv4Addr, scenario: &Scenario) -> Self {
        let own = || scenario.interfaces.iter().flat_map(|interface| &interface.addresses);
        if !address.is_loopback() && is_own(address, scenario) {
            Self::Local
        } else if address.is_broadcast() {
            Self::LimitedBroadcast
        } else if own().any(|own| own.length < 31 && own.broadcast() == address) {
            Self::SubnetBroadcast
        } else if own().any(|own| own.contains(address)) {
            Self::OnLink
        } else {
            match address.octets()[0] {
                0 => Self::ThisNetwork,
                127 => Self::Loopback,
                224..=239 => Self::Multicast,
                240.. => Self::Reserved,
                _ => Self::Elsewhere,
            }
        }
    }

    /// The name in ledger files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::SubnetBroadcast => "subnet-broadcast",
            Self::LimitedBroadcast => "limited-broadcast",
            Self::Multicast => "multicast",
            Self::Loopback => "loopback",
            Self::ThisNetwork => "this-network",
            Self::Reserved => "reserved",
            Self::OnLink => "on-link",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// Which part of a datagram it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fragment {
    /// All of it.
    Whole,
    /// The beginning.
    First,
    /// Neither beginning nor end.
    Middle,
    /// The end.
    Last,
}

/// The kind of a stimulus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stimulus {
    /// An IPv4 datagram with a whole header.
    Datagram(Datagram),
    /// Any other frame.
    Malformed,
    /// Time passed.
    Advance,
    /// Something was done on a socket: its kind and the action.
    Socket(String),
    /// Several steps, of which it is not known which one it was.
    Stretch,
}

/// What an injected datagram was like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Protocol number.
    pub protocol: u8,
    /// ICMP type and code, if it holds them.
    pub icmp: Option<(u8, u8)>,
    /// Protocol number of the datagram that it quotes, if it is an ICMP error.
    pub quoted_protocol: Option<u8>,
    /// TCP flags, if it holds them.
    pub tcp_flags: Option<u8>,
    /// Which part of a datagram.
    pub fragment: Fragment,
    /// Types of its IP options, in order, without padding.
    pub options: Vec<u8>,
    /// What its source is.
    pub source: AddressClass,
    /// What its destination is.
    pub destination: AddressClass,
    /// TTL.
    pub ttl: u8,
    /// Whether DF is set.
    pub dont_fragment: bool,
    /// Whether the header checksum is right.
    pub checksum_is_right: bool,
    /// Whether the frame holds as many octets as the total length says, and that is no less than the header.
    pub length_is_right: bool,
}

impl Stimulus {
    /// The kind of `step` in `scenario`.
    pub fn of(step: &Step, scenario: &Scenario) -> Self {
        match &step.action {
            Action::Advance => Self::Advance,
            Action::Socket { socket, action } => {
                let kind = scenario
                    .sockets
                    .get(*socket)
                    .map_or("unknown".to_owned(), |socket| format!("{:?}", socket.kind).to_lowercase());
                let action = match action {
                    SocketAction::Send { to: Some(_), .. } => "send to",
                    SocketAction::Send { to: None, .. } => "send",
                    SocketAction::Connect { .. } => "connect",
                    SocketAction::SetOption { name, .. } => name,
                    SocketAction::Close => "close",
                };
                Self::Socket(format!("{kind} {action}"))
            }
            Action::Inject { interface, frame } => scenario
                .interfaces
                .get(*interface)
                .and_then(|interface| Layout::of(frame, interface.link))
                .map_or(Self::Malformed, |layout| Self::Datagram(Datagram::of(frame, &layout, scenario))),
        }
    }
}

impl Datagram {
    fn of(frame: &[u8], layout: &Layout, scenario: &Scenario) -> Self {
        let payload = frame.get(layout.payload()..layout.end).unwrap_or_default();
        let offset = layout.fragment_offset(frame);
        let fragment = match (offset, layout.more_fragments(frame)) {
            (0, false) => Fragment::Whole,
            (0, true) => Fragment::First,
            (_, true) => Fragment::Middle,
            (_, false) => Fragment::Last,
        };
        let header = &frame[layout.header()];
        let sum: u32 = header.chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
        let total_len = usize::from(u16::from_be_bytes([header[2], header[3]]));
        Self {
            protocol: layout.protocol(frame),
            icmp: layout.icmp_type(frame).zip(payload.get(1).copied()),
            quoted_protocol: layout.quote(frame).map(|quote| quote.protocol(frame)),
            tcp_flags: payload.get(13).copied().filter(|_| layout.protocol(frame) == 6 && offset == 0),
            fragment,
            options: options(frame, layout).map(|option| option.kind).filter(|kind| *kind > 1).collect(),
            source: AddressClass::of(layout.source(frame), scenario),
            destination: AddressClass::of(layout.destination(frame), scenario),
            ttl: layout.ttl(frame),
            dont_fragment: layout.dont_fragment(frame),
            checksum_is_right: (sum & 0xffff) + (sum >> 16) == 0xffff,
            length_is_right: layout.header_len <= total_len && total_len <= frame.len() - layout.ip,
        }
    }
}

impl fmt::Display for Stimulus {
    /// The kind in a few words: `icmp 8 to local`, `udp fragment (last) with options 7 to elsewhere`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("malformed frame"),
            Self::Advance => f.write_str("passing of time"),
            Self::Socket(what) => write!(f, "socket {what}"),
            Self::Stretch => f.write_str("a stretch of steps"),
            Self::Datagram(datagram) => datagram.fmt(f),
        }
    }
}

impl fmt::Display for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&protocol_name(self.protocol))?;
        if let Some((icmp_type, _)) = self.icmp {
            write!(f, " {icmp_type}")?;
        }
        match self.fragment {
            Fragment::Whole => {}
            Fragment::First => f.write_str(" first fragment")?,
            Fragment::Middle => f.write_str(" middle fragment")?,
            Fragment::Last => f.write_str(" last fragment")?,
        }
        for (index, option) in self.options.iter().enumerate() {
            write!(f, "{}{option}", if index == 0 { " with options " } else { "," })?;
        }
        if !self.checksum_is_right {
            f.write_str(" with a wrong header checksum")?;
        }
        if !self.length_is_right {
            f.write_str(" with a wrong total length")?;
        }
        if !matches!(self.source, AddressClass::OnLink | AddressClass::Elsewhere) {
            write!(f, " from {}", self.source.name())?;
        }
        let destination = match self.destination {
            // Hosts treat both alike; routers tell them apart by what happens, which is the difference itself.
            AddressClass::OnLink => AddressClass::Elsewhere,
            class => class,
        };
        write!(f, " to {}", destination.name())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::super::rule::tests_support::{identified, inject, scenario, with_options};
    use super::*;

    fn to_local(mut frame: Vec<u8>) -> Vec<u8> {
        frame.copy_within(12..16, 16);
        frame
    }

    #[rstest]
    #[case::echo(identified(1, 1, 0, &[8, 0, 0, 0]), "icmp 8 from local to elsewhere")]
    #[case::fragment(identified(17, 1, 0x2000, &[0; 8]), "udp first fragment from local to elsewhere")]
    #[case::options(with_options(&[7, 3, 4, 0], &[8, 0, 0, 0]), "icmp 8 with options 7 from local to elsewhere")]
    #[case::malformed(vec![0x45], "malformed frame")]
    fn kinds_in_words(#[case] frame: Vec<u8>, #[case] words: &str) {
        assert_eq!(Stimulus::of(&inject(0, frame), &scenario()).to_string(), words);
    }

    #[test]
    fn wrong_checksum_is_seen() {
        let kind = Stimulus::of(&inject(0, to_local(identified(1, 1, 0, &[0, 0]))), &scenario()).to_string();
        assert_eq!(kind, "icmp 0 with a wrong header checksum from local to local");
    }

    #[test]
    fn time_is_a_stimulus() {
        let step = Step { at: Duration::from_secs(30), action: Action::Advance, packet: 0, comment: None };
        assert_eq!(Stimulus::of(&step, &scenario()), Stimulus::Advance);
    }
}
