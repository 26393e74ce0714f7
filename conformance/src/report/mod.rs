//! Results for readers: terminal, JSON, JUnit, annotated pcapng, HTML.
//!
//! A report knows the model and nothing of how a result came about: no DUT, no comparison.

pub mod annotate;
pub mod badge;
pub mod dissect;
pub mod html;
pub mod json;
pub mod junit;
pub mod matrix;
pub mod merge;
pub mod order;
pub mod sample;
pub mod suite;
pub mod terminal;
mod text;
