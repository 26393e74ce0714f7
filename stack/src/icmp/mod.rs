//! ICMP: input by type, generation of errors, redirects, path MTU, rate limits.

pub mod limit;
