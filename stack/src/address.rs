//! IPv4 addresses with a prefix length, and the classes into which addresses fall by their number alone.

use core::fmt;
use core::net::Ipv4Addr;

/// An IPv4 address and the length of its network prefix. Host bits are kept, so that the type serves interface
/// addresses as well as routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The address, host bits included.
    pub address: Ipv4Addr,
    /// Length of the network part in bits; values above 32 count as 32.
    pub length: u8,
}

impl Default for Prefix {
    /// 0.0.0.0/0: every address.
    fn default() -> Self {
        Self::new(Ipv4Addr::UNSPECIFIED, 0)
    }
}

impl Prefix {
    /// `address` with `length` bits of network part; a `length` above 32 counts as 32.
    pub const fn new(address: Ipv4Addr, length: u8) -> Self {
        Self { address, length: if length > 32 { 32 } else { length } }
    }

    /// The single address.
    pub const fn host(address: Ipv4Addr) -> Self {
        Self::new(address, 32)
    }

    /// The network mask as a number in host order: `length` ones, then zeros.
    pub const fn mask(self) -> u32 {
        match self.length {
            0 => 0,
            length @ 1..=31 => u32::MAX << (32 - length),
            _ => u32::MAX,
        }
    }

    /// The address with all host bits zero.
    pub const fn network(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() & self.mask())
    }

    /// The address with all host bits one.
    pub const fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() | !self.mask())
    }

    /// Whether `address` lies inside the network.
    pub const fn contains(self, address: Ipv4Addr) -> bool {
        (address.to_bits() ^ self.address.to_bits()) & self.mask() == 0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

/// Whether `address` is 255.255.255.255. RFC 919 §7.
pub const fn is_limited_broadcast(address: Ipv4Addr) -> bool {
    address.to_bits() == u32::MAX
}

/// Whether `address` lies in 224.0.0.0/24, which no router forwards. RFC 5771 §4.
pub const fn is_local_multicast(address: Ipv4Addr) -> bool {
    address.to_bits() & 0xffff_ff00 == 0xe000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_and_broadcast_follow_the_length() {
        let prefix = Prefix::new(Ipv4Addr::new(10, 0, 0, 1), 24);
        assert_eq!(prefix.network(), Ipv4Addr::new(10, 0, 0, 0));
        assert_eq!(prefix.broadcast(), Ipv4Addr::new(10, 0, 0, 255));
        assert!(prefix.contains(Ipv4Addr::new(10, 0, 0, 77)) && !prefix.contains(Ipv4Addr::new(10, 0, 1, 1)));
    }

    #[test]
    fn the_whole_space_and_a_single_address_are_prefixes() {
        assert!(Prefix::new(Ipv4Addr::UNSPECIFIED, 0).contains(Ipv4Addr::BROADCAST));
        assert!(!Prefix::host(Ipv4Addr::LOCALHOST).contains(Ipv4Addr::new(127, 0, 0, 2)));
        assert_eq!(Prefix::new(Ipv4Addr::LOCALHOST, 200).mask(), u32::MAX);
    }
}
