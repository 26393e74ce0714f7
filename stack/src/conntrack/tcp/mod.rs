//! TCP: the state of a connection and the windows of both sides, followed from outside.
//!
//! The tracker does not terminate connections, so it may lag behind the endpoints. Packets that could mean that are
//! *ignored*: let through and remembered, without believing them.

mod record;
mod segment;
mod state;
mod track;
mod window;

pub use state::TcpState;

pub(crate) use record::TcpRecord;
pub(crate) use segment::Segment;
pub(crate) use track::{TcpContext, open, track};

#[cfg(test)]
mod tests;
