//! The decision log: which rule fired, in which order, with its clause.

use core::fmt;
use core::net::Ipv4Addr;

/// One rule that fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The rule's name.
    pub rule: &'static str,
    /// The clause it comes from; empty where only Linux has it.
    pub clause: &'static str,
    /// What it was about.
    pub detail: Detail,
}

/// What a [`Decision`] was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing to add.
    None,
    /// An address.
    Address(Ipv4Addr),
    /// A number: a length, an MTU, a TTL.
    Number(u32),
    /// ICMP type and code.
    Icmp {
        /// Type.
        icmp_type: u8,
        /// Code.
        code: u8,
    },
    /// A name.
    Text(&'static str),
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule)?;
        match self.detail {
            Detail::None => {}
            Detail::Address(address) => write!(f, " {address}")?,
            Detail::Number(number) => write!(f, " {number}")?,
            Detail::Icmp { icmp_type, code } => write!(f, " {icmp_type}/{code}")?,
            Detail::Text(text) => write!(f, " {text}")?,
        }
        if self.clause.is_empty() { Ok(()) } else { write!(f, " ({})", self.clause) }
    }
}
