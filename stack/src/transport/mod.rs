//! What delivery hands to the transport protocols, as far as IPv4 and ICMP can be seen through them.

mod igmp;
mod tcp;
mod udp;

pub(crate) use igmp::Membership;
pub(crate) use tcp::append_segment;
