//! From a capture to a trace: a scenario around a DUT, and the packets as steps in it.
//!
//! Two passes over the file. The first ([`Survey`]) gathers who talks to whom, in bounded memory. A [`Plan`] makes
//! a scenario of that for a role. The second pass ([`Replay`]) yields the steps. Every packet read becomes a step
//! or is counted under a named skip.
//!
//! * `host`: the DUT owns the destination addresses that together get the most packets; what is sent to them, to
//!   groups and to broadcast addresses is injected.
//! * `router`: the addresses are divided into two sides so that most packets cross; every packet goes in by the side
//!   of its source.
//! * `conntrack`: the router with connection tracking; the invalid is dropped.
//! * `nat`: the router that hides one side. Answers of the capture are re-addressed to the DUT's outside address.

mod cover;
mod host;
mod plan;
mod readdress;
mod replay;
mod router;
mod sides;
mod survey;

pub use plan::{Plan, RoleChoice};
pub use replay::Replay;
pub use survey::Survey;

#[cfg(test)]
mod tests;
