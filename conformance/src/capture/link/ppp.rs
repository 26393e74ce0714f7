//! PPP on serial lines and on Ethernet, and Cisco's HDLC.

use super::{SkipReason, ethernet, skip, take};

/// A PPP frame with or without HDLC address and control octets, or a Cisco HDLC frame where the address says so:
/// capture files mix them under one link type. RFC 1662 §3.1.
pub(super) fn serial(frame: &[u8]) -> Result<&[u8], SkipReason> {
    match frame {
        [0xff, 0x03, rest @ ..] => by_protocol(rest),
        [0x0f | 0x8f, 0x00, ..] => cisco_hdlc(frame),
        _ => by_protocol(frame),
    }
}

/// Cisco HDLC: address, control, EtherType.
pub(super) fn cisco_hdlc(frame: &[u8]) -> Result<&[u8], SkipReason> {
    let (header, rest) = take::<4>(frame)?;
    match u16::from_be_bytes([header[2], header[3]]) {
        0x8035 => Err(SkipReason::Protocol("slarp")),
        0x2000 => Err(SkipReason::Protocol("cdp")),
        0xfefe => Err(SkipReason::Protocol("osi")),
        ether_type => ethernet::by_ether_type(ether_type, rest),
    }
}

/// A PPPoE session header and the PPP frame that its length field delimits. RFC 2516 §4.
pub(super) fn pppoe_session(frame: &[u8]) -> Result<&[u8], SkipReason> {
    let (header, rest) = take::<6>(frame)?;
    if header[1] != 0 {
        return Err(SkipReason::Protocol("pppoe-discovery"));
    }
    let length = usize::from(u16::from_be_bytes([header[4], header[5]]));
    by_protocol(&rest[..rest.len().min(length)])
}

/// What follows a PPP protocol number, which has one octet when that is odd. RFC 1661 §2, §6.5.
fn by_protocol(frame: &[u8]) -> Result<&[u8], SkipReason> {
    let (protocol, rest) = match frame {
        [odd, ..] if odd & 1 != 0 => (u16::from(*odd), skip(frame, 1)?),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(SkipReason::LinkHeaderCutOff),
    };
    match protocol {
        0x0021 => Ok(rest),
        0x0057 => Err(SkipReason::Protocol("ipv6")),
        0x0281 | 0x0283 => ethernet::mpls(rest),
        other => Err(SkipReason::PppProtocol(other)),
    }
}
