//! An IPv4 address with a prefix length, as it stands in scenario files: `10.0.0.1/24`.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An IPv4 address and the length of its network prefix, 0 to 32 bits.
///
/// Host bits are kept, so that the type serves interface addresses as well as routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    /// The address, host bits included.
    pub address: Ipv4Addr,
    /// Length of the network part in bits, 0 to 32.
    pub length: u8,
}

/// Why a text is not a [`Prefix`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// The part before the slash is not a dotted quad.
    #[error("`{0}` is not an IPv4 address")]
    Address(String),
    /// The part after the slash is not a number from 0 to 32.
    #[error("`{0}` is not a prefix length from 0 to 32")]
    Length(String),
}

impl Prefix {
    /// `address` with `length` bits of network part.
    ///
    /// # Panics
    /// If `length` is above 32.
    pub const fn new(address: Ipv4Addr, length: u8) -> Self {
        assert!(length <= 32, "a prefix has at most 32 bits");
        Self { address, length }
    }

    /// The network mask as a number in host order: `length` ones, then zeros.
    pub const fn mask(self) -> u32 {
        if self.length == 0 { 0 } else { u32::MAX << (32 - self.length) }
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

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `a.b.c.d/n`; without `/n` the prefix is the single address.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, length) = text.split_once('/').unwrap_or((text, "32"));
        let address = address.parse().map_err(|_| PrefixError::Address(address.to_owned()))?;
        match length.parse() {
            Ok(length @ 0..=32) => Ok(Self { address, length }),
            _ => Err(PrefixError::Length(length.to_owned())),
        }
    }
}

impl Serialize for Prefix {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Prefix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::subnet("10.0.0.1/24", "10.0.0.0", "10.0.0.255")]
    #[case::everything("1.2.3.4/0", "0.0.0.0", "255.255.255.255")]
    #[case::single("192.0.2.7", "192.0.2.7", "192.0.2.7")]
    fn network_and_broadcast(#[case] text: &str, #[case] network: Ipv4Addr, #[case] broadcast: Ipv4Addr) {
        let prefix: Prefix = text.parse().unwrap();
        assert_eq!((prefix.network(), prefix.broadcast()), (network, broadcast));
    }

    #[rstest]
    #[case("10.0.0/24")]
    #[case("10.0.0.1/33")]
    #[case("10.0.0.1/")]
    #[case("")]
    fn nonsense_is_refused(#[case] text: &str) {
        assert!(text.parse::<Prefix>().is_err());
    }
}
