//! The Internet Protocol: validate, options, route, reassemble, deliver or forward, output.

pub mod options;
pub mod route;
