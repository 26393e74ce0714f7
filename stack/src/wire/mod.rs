//! Octets only: typed views, builders and checksums. Knows no address of its own, no time, no policy.
//!
//! Three rungs of trust, three kinds of name: a `…View` has been checked whole, [`QuotedView`] is the cut-off
//! original inside an ICMP error, and `…Header` is owned and used to write. Builders for tests and generators
//! stand in [`build`].

/// Defines an enumeration over a `u8` code point that keeps values without a name as `Unknown`.
macro_rules! open_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
            /// A value without a name here.
            Unknown(u8),
        }

        impl From<u8> for $name {
            #[inline]
            fn from(value: u8) -> Self {
                match value {
                    $($value => Self::$variant,)+
                    other => Self::Unknown(other),
                }
            }
        }

        impl From<$name> for u8 {
            #[inline]
            fn from(value: $name) -> Self {
                match value {
                    $($name::$variant => $value,)+
                    $name::Unknown(other) => other,
                }
            }
        }
    };
}

pub mod build;
pub mod checksum;
pub mod extension;
pub mod icmp;
pub mod igmp;
pub mod ipv4;
pub mod option;
pub mod protocol;
pub mod quoted;
pub mod tcp;
pub mod udp;

pub use checksum::Sum;
pub use extension::{ExtensionObject, ExtensionView, InterfaceIdentification};
pub use icmp::{IcmpHeader, IcmpType, IcmpView};
pub use igmp::IgmpView;
pub use ipv4::{FragmentOffset, Ipv4Edit, Ipv4Error, Ipv4Header, Ipv4View};
pub use option::{Ipv4Option, Ipv4Options, OptionKind};
pub use protocol::Protocol;
pub use quoted::QuotedView;
pub use tcp::TcpView;
pub use udp::UdpView;

/// The two octets at `at`, as a number; `at + 1` is below `N`.
#[inline]
const fn u16_at<const N: usize>(octets: &[u8; N], at: usize) -> u16 {
    u16::from_be_bytes([octets[at], octets[at + 1]])
}

/// The four octets at `at`, as a number; `at + 3` is below `N`.
#[inline]
const fn u32_at<const N: usize>(octets: &[u8; N], at: usize) -> u32 {
    u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
}
