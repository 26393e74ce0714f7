//! The Internet Protocol: validate, options, route, reassemble, deliver or forward, output.

mod deliver;
mod forward;
pub mod fragmentation;
pub mod identification;
pub mod options;
pub(crate) mod output;
mod reassemble;
pub mod reassembly;
mod receive;
pub mod route;
pub(crate) mod source_route;

pub(crate) use reassemble::{FragmentContext, reassembly_config};
