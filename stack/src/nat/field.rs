//! Writing fields of a packet together with the checksums over them, incrementally: a wrong checksum stays wrong by
//! as much. RFC 1624 §3.

use core::net::Ipv4Addr;

use crate::wire::checksum::{update_u16, update_u32};

/// The 16-bit field at `at`; 0 past the end.
pub(super) fn read(octets: &[u8], at: usize) -> u16 {
    match octets.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}

/// Writes the 16-bit field at `at`; nothing past the end.
pub(super) fn write(octets: &mut [u8], at: usize, value: u16) {
    if let Some(field) = octets.get_mut(at..at + 2) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

/// The address at `at`; 0.0.0.0 past the end.
pub(super) fn address(octets: &[u8], at: usize) -> Ipv4Addr {
    match octets.get(at..at + 4) {
        Some(&[a, b, c, d]) => Ipv4Addr::new(a, b, c, d),
        _ => Ipv4Addr::UNSPECIFIED,
    }
}

/// Writes the address at `at`.
pub(super) fn write_address(octets: &mut [u8], at: usize, address: Ipv4Addr) {
    if let Some(field) = octets.get_mut(at..at + 4) {
        field.copy_from_slice(&address.octets());
    }
}

/// Updates the checksum at `at` for a field that changed from `old` to `new`.
pub(super) fn follow(octets: &mut [u8], at: usize, old: u16, new: u16) {
    let updated = update_u16(read(octets, at), old, new);
    write(octets, at, updated);
}

/// Updates the checksum at `at` for an address that changed from `old` to `new`.
pub(super) fn follow_address(octets: &mut [u8], at: usize, old: Ipv4Addr, new: Ipv4Addr) {
    let updated = update_u32(read(octets, at), old.to_bits(), new.to_bits());
    write(octets, at, updated);
}
