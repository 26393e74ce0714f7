//! ICMP: input by type, generation of errors, replies, rate limits.

mod error;
mod input;
pub mod limit;
mod limited;
mod neighbor;
mod reply;

pub(crate) use input::ErrorReport;
pub(crate) use neighbor::Neighbors;
pub(crate) use reply::append_message;
