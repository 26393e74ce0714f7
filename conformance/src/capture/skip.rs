//! Why a packet of a capture does not become a step.

use std::collections::BTreeMap;
use std::fmt;

use crate::model::Skip;

/// A reason that has a name in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// The packet filter does not select it.
    Filtered,
    /// No decoder for this link type.
    LinkType(u32),
    /// The captured octets end inside the link header.
    LinkHeaderCutOff,
    /// Another protocol above the link, by a well-known name (`arp`, `ipv6`, `lldp`, …).
    Protocol(&'static str),
    /// Another protocol above the link, by its EtherType.
    EtherType(u16),
    /// Another protocol above PPP, by its PPP protocol number.
    PppProtocol(u16),
    /// The capture does not hold the whole datagram.
    TruncatedBySnaplen,
    /// More octets than the largest IPv4 datagram has.
    TooLong,
    /// Unicast to somebody who is not the DUT, while the DUT is a host.
    NotToTheDut,
    /// Sent by an address that the DUT has taken over, while the DUT is a host.
    SentByTheDut,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Filtered => f.write_str("filtered-out"),
            Self::LinkType(link_type) => write!(f, "link-type {link_type}"),
            Self::LinkHeaderCutOff => f.write_str("link-header-cut-off"),
            Self::Protocol(name) => write!(f, "not-ipv4:{name}"),
            Self::EtherType(ether_type) => write!(f, "not-ipv4:ethertype-{ether_type:#06x}"),
            Self::PppProtocol(protocol) => write!(f, "not-ipv4:ppp-{protocol:#06x}"),
            Self::TruncatedBySnaplen => f.write_str("truncated-by-snaplen"),
            Self::TooLong => f.write_str("longer-than-65535"),
            Self::NotToTheDut => f.write_str("not-to-the-dut"),
            Self::SentByTheDut => f.write_str("sent-by-the-dut"),
        }
    }
}

/// Packets that did not become steps, by reason. Reasons are few: at most the EtherTypes there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skips(BTreeMap<SkipReason, u64>);

impl Skips {
    /// Counts one packet.
    pub fn add(&mut self, reason: SkipReason) {
        *self.0.entry(reason).or_default() += 1;
    }

    /// How many packets were skipped for `reason`.
    pub fn count(&self, reason: SkipReason) -> u64 {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// How many packets were skipped.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Reasons and counts, in the order of the reasons.
    pub fn iter(&self) -> impl Iterator<Item = (SkipReason, u64)> + '_ {
        self.0.iter().map(|(reason, packets)| (*reason, *packets))
    }

    /// As reports store it.
    pub fn to_model(&self) -> Vec<Skip> {
        self.iter().map(|(reason, packets)| Skip { reason: reason.to_string(), packets }).collect()
    }
}
