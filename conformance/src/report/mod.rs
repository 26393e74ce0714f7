//! Results for readers: terminal, JSON, JUnit, annotated pcapng, HTML.
//!
//! A report knows the model and nothing of how a result came about: no DUT, no comparison.

#[cfg(feature = "command")]
pub mod annotate;
#[cfg(feature = "command")]
pub mod badge;
pub mod dissect;
#[cfg(feature = "command")]
pub mod html;
#[cfg(feature = "command")]
pub mod json;
#[cfg(feature = "command")]
pub mod junit;
#[cfg(feature = "command")]
pub mod matrix;
#[cfg(feature = "command")]
pub mod merge;
#[cfg(feature = "command")]
pub mod order;
#[cfg(feature = "command")]
pub mod sample;
#[cfg(feature = "command")]
pub mod suite;
#[cfg(feature = "command")]
pub mod terminal;
#[cfg(feature = "command")]
mod text;
