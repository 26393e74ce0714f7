//! From a link-layer frame to the IPv4 datagram in it, for each link type.
//!
//! The datagram is everything that arrived after the link header, **with** what trails it (Ethernet padding, a frame
//! check sequence the capture kept): Linux counts `IpExt.InOctets` before it trims to the total length, so a DUT has
//! to see those octets. The exceptions are links whose own length field ends the datagram and which Linux therefore
//! trims first: IEEE 802.3 length with LLC, and PPPoE; and an 802.11 check sequence that the radiotap header declares.
//!
//! Nothing here looks at the datagram beyond the version nibble where the link does not name the protocol.

mod ethernet;
mod ppp;
mod wifi;

use super::skip::SkipReason;

/// To whom the link layer addressed a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LinkClass {
    /// To one station, or a link without addresses.
    Unicast,
    /// To all stations.
    Broadcast,
    /// To a group.
    Multicast,
}

impl LinkClass {
    /// The class of an IEEE 802 destination address.
    fn of_mac(destination: &[u8; 6]) -> Self {
        match destination {
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => Self::Broadcast,
            [first, ..] if first & 1 != 0 => Self::Multicast,
            _ => Self::Unicast,
        }
    }
}

/// The IPv4 datagram of a frame, with whatever trails it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// From the first octet of the IPv4 header to the end of the frame. May be anything: too short, of a wrong version.
    pub octets: &'a [u8],
    /// To whom the frame was addressed.
    pub class: LinkClass,
}

/// Link types by their numbers in capture files (<https://www.tcpdump.org/linktypes.html>).
mod link_type {
    pub(super) const NULL: u32 = 0;
    pub(super) const ETHERNET: u32 = 1;
    pub(super) const TOKEN_RING: u32 = 6;
    pub(super) const PPP: u32 = 9;
    pub(super) const FDDI: u32 = 10;
    /// `DLT_RAW` where libpcap translates, and files that store it untranslated.
    pub(super) const RAW_BSD: u32 = 12;
    pub(super) const RAW_OPENBSD: u32 = 14;
    pub(super) const PPP_HDLC: u32 = 50;
    pub(super) const PPP_ETHER: u32 = 51;
    pub(super) const RAW: u32 = 101;
    pub(super) const CISCO_HDLC: u32 = 104;
    pub(super) const WIFI: u32 = 105;
    pub(super) const LOOP: u32 = 108;
    pub(super) const LINUX_SLL: u32 = 113;
    pub(super) const WIFI_PRISM: u32 = 119;
    pub(super) const WIFI_RADIOTAP: u32 = 127;
    pub(super) const WIFI_AVS: u32 = 163;
    pub(super) const PPP_WITH_DIRECTION: u32 = 204;
    pub(super) const IPV4: u32 = 228;
    pub(super) const IPV6: u32 = 229;
    pub(super) const LINUX_SLL2: u32 = 276;
}

/// The IPv4 datagram in `frame`, captured on a link of type `link_type`.
///
/// # Errors
/// The name under which a frame without one is counted.
pub fn datagram(link_type: u32, frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let unicast = |octets| Datagram { octets, class: LinkClass::Unicast };
    match link_type {
        link_type::ETHERNET => ethernet::frame(frame),
        link_type::TOKEN_RING => ethernet::token_ring(frame),
        link_type::FDDI => ethernet::fddi(frame),
        link_type::NULL | link_type::LOOP => null(frame).map(unicast),
        link_type::RAW | link_type::RAW_BSD | link_type::RAW_OPENBSD => raw(frame).map(unicast),
        link_type::IPV4 => Ok(unicast(frame)),
        link_type::IPV6 => Err(SkipReason::Protocol("ipv6")),
        link_type::PPP | link_type::PPP_HDLC => ppp::serial(frame).map(unicast),
        link_type::PPP_WITH_DIRECTION => ppp::serial(skip(frame, 1)?).map(unicast),
        link_type::PPP_ETHER => ppp::pppoe_session(frame).map(unicast),
        link_type::CISCO_HDLC => ppp::cisco_hdlc(frame).map(unicast),
        link_type::LINUX_SLL => linux_sll(frame),
        link_type::LINUX_SLL2 => linux_sll2(frame),
        link_type::WIFI => wifi::frame(frame),
        link_type::WIFI_RADIOTAP => wifi::radiotap(frame),
        link_type::WIFI_PRISM => wifi::prism(frame),
        link_type::WIFI_AVS => wifi::avs(frame),
        other => Err(SkipReason::LinkType(other)),
    }
}

/// `frame` without its first `len` octets.
fn skip(frame: &[u8], len: usize) -> Result<&[u8], SkipReason> {
    frame.get(len..).ok_or(SkipReason::LinkHeaderCutOff)
}

/// Splits `N` octets off the front.
fn take<const N: usize>(frame: &[u8]) -> Result<(&[u8; N], &[u8]), SkipReason> {
    frame.split_first_chunk().ok_or(SkipReason::LinkHeaderCutOff)
}

/// A link that carries only IP: the version nibble tells IPv6 apart; anything else is handed on as IPv4, so that a DUT
/// can judge a wrong version.
fn raw(frame: &[u8]) -> Result<&[u8], SkipReason> {
    match frame.first() {
        Some(first) if first >> 4 == 6 => Err(SkipReason::Protocol("ipv6")),
        _ => Ok(frame),
    }
}

/// BSD loopback: an address family of four octets, in the order of the machine that captured, or in network order.
fn null(frame: &[u8]) -> Result<&[u8], SkipReason> {
    let (family, rest) = take::<4>(frame)?;
    let family = u32::from_le_bytes(*family);
    match if family > 0xffff { family.swap_bytes() } else { family } {
        2 => Ok(rest),
        // The numbers of AF_INET6 in Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
        10 | 24 | 28 | 30 => Err(SkipReason::Protocol("ipv6")),
        _ => Err(SkipReason::Protocol("address-family")),
    }
}

/// Packet types of the Linux cooked headers: 1 broadcast, 2 multicast; to us, to others and from us are unicast as
/// far as can be known.
fn cooked_class(packet_type: u16) -> LinkClass {
    match packet_type {
        1 => LinkClass::Broadcast,
        2 => LinkClass::Multicast,
        _ => LinkClass::Unicast,
    }
}

/// Linux cooked capture, version 1.
fn linux_sll(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let (header, rest) = take::<16>(frame)?;
    let class = cooked_class(u16::from_be_bytes([header[0], header[1]]));
    let octets = ethernet::by_ether_type(u16::from_be_bytes([header[14], header[15]]), rest)?;
    Ok(Datagram { octets, class })
}

/// Linux cooked capture, version 2.
fn linux_sll2(frame: &[u8]) -> Result<Datagram<'_>, SkipReason> {
    let (header, rest) = take::<20>(frame)?;
    let class = cooked_class(u16::from(header[10]));
    let octets = ethernet::by_ether_type(u16::from_be_bytes([header[0], header[1]]), rest)?;
    Ok(Datagram { octets, class })
}

#[cfg(test)]
mod tests;
