//! Reading fields at fixed places of a slice that may end too early.

use core::net::Ipv4Addr;

/// The 16-bit field at `at`, in network order; `None` past the end.
pub(crate) fn be16(octets: &[u8], at: usize) -> Option<u16> {
    let field = octets.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes([field[0], field[1]]))
}

/// The 32-bit field at `at`, in network order; `None` past the end.
pub(crate) fn be32(octets: &[u8], at: usize) -> Option<u32> {
    let field = octets.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([field[0], field[1], field[2], field[3]]))
}

/// The IPv4 address at `at`; `None` past the end.
pub(crate) fn address(octets: &[u8], at: usize) -> Option<Ipv4Addr> {
    be32(octets, at).map(Ipv4Addr::from_bits)
}
