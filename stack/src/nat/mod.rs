//! Network address translation: which addresses, ports and identifiers a connection wears outside.
//!
//! It is decided once for each connection and each end, while its first packet is on its way, and stored by changing
//! the entry's reply tuple; from then on both directions are rewritten by what the tuples say. Packets of no
//! connection are never translated and never dropped. The behavior is that of Linux 6.18 as written down in
//! `stack/spec/linux-conntrack-nat.md` §7.

mod choose;
mod field;
mod jenkins;
mod range;
mod reach;
mod related;
mod rewrite;
mod translate;

#[cfg(test)]
mod tests;

pub use range::{Binding, Manip, Range};
pub use reach::reach;
pub use translate::{Addresses, Nat, Request, Translation};
