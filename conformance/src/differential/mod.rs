//! One trace on two DUTs, and what differs.
//!
//! [`pairing`] drives two DUTs through the same steps; [`compare`] turns two observations into differences by the
//! named rules in [`rule`]; [`ledger`] holds the differences that are explained; [`cause`] groups the rest by
//! [`fingerprint`]. No concrete DUT is known here.

pub mod campaign;
pub mod cause;
pub mod compare;
pub mod field;
pub mod fingerprint;
pub mod judge;
pub mod layout;
pub mod ledger;
pub mod pairing;
pub mod rule;
pub mod shrink;
pub mod stimulus;
pub mod tuple;
