//! Conformance: the catalogue of requirements and, by RFC and section, the cases that test them.

pub mod requirement;
