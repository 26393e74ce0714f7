//! Translating ICMP errors together with the datagram they quote. RFC 5508 §4.

use super::field::write;
use super::range::Manip;
use super::rewrite::{Unwritable, rewrite};
use crate::conntrack::{Direction, Entry, Status};
use crate::hook::Hook;
use crate::wire::checksum::{checksum, is_intact};

const REDIRECT: u8 = 5;

/// Translates the ICMP error about `entry` at a hook, as far as the entry says.
///
/// # Errors
/// When the error has to be discarded: its checksum is wrong, it is a redirect about a connection that is translated or
/// not decided upon, or it quotes too little.
pub(super) fn translate(
    entry: &Entry,
    direction: Direction,
    hook: Hook,
    manip: Manip,
    octets: &mut [u8],
) -> Result<bool, Unwritable> {
    let message = usize::from(*octets.first().ok_or(Unwritable)? & 15) * 4;
    let icmp = octets.get(message..).filter(|icmp| icmp.len() >= 28).ok_or(Unwritable)?;
    // What came by Prerouting was verified there.
    let is_verified = matches!(hook, Hook::Postrouting | Hook::LocalIn);
    if !is_verified && !is_intact(icmp) {
        return Err(Unwritable);
    }
    let is_plain = entry.status.contains(Status::NAT_DONE) && !entry.status.intersects(Status::NAT);
    if icmp[0] == REDIRECT && !is_plain {
        return Err(Unwritable);
    }
    if !entry.status.intersects(manip.bit_towards(direction)) {
        return Ok(false);
    }
    // The quoted packet goes the other way, so its other end is the one.
    let opposite = entry.tuple(direction.opposite());
    rewrite(octets, message + 8, opposite, manip.opposite())?;
    write(octets, message + 2, 0);
    let sum = checksum(octets.get(message..).unwrap_or(&[]));
    write(octets, message + 2, sum);
    let target = opposite.invert().ok_or(Unwritable)?;
    let protocol = crate::conntrack::protocol::ICMP;
    rewrite(octets, 0, crate::conntrack::Tuple { protocol, ..target }, manip)?;
    Ok(true)
}
