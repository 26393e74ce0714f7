//! The Internet Protocol: validate, options, route, reassemble, deliver or forward, output.

pub mod fragmentation;
pub mod identification;
pub mod options;
pub mod reassembly;
pub mod route;
