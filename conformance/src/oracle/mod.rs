//! What must hold whatever happens: procedures written from the RFC text, laws and invariants.
//!
//! An oracle judges what it is shown and knows no generator and no DUT.

pub mod aftermath;
pub mod answer;
pub mod blame;
pub mod checksum;
pub mod conservation;
pub mod cost;
pub mod emission;
pub mod fate;
pub mod frame;
pub mod header;
pub mod message;
pub mod options;
pub mod parsers;
pub mod quote;
pub mod rate;
pub mod reassembly;
pub mod rebuild;
pub mod reply;
pub mod residue;
pub mod restoration;
pub mod splice;
pub mod tracking;

use std::fmt::Debug;

/// Why an oracle objects: what was seen and the clause it offends.
///
/// The words stand on the heap, so that what a rule says is one word in a register: a rule that is kept, as nearly every
/// one is nearly always, needs no room on the stack, which AddressSanitizer would guard at each call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ({})", .0.what, .0.clause)]
pub struct Objection(Box<Words>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Words {
    /// What is wrong, in one line.
    what: String,
    /// The clause it offends, such as `RFC 1122 §3.2.2`.
    clause: &'static str,
}

impl Objection {
    /// An objection to `what`, by `clause`.
    pub fn new(clause: &'static str, what: impl Into<String>) -> Self {
        Self(Box::new(Words { what: what.into(), clause }))
    }

    /// What is wrong, in one line.
    pub fn what(&self) -> &str {
        &self.0.what
    }

    /// The clause that it offends.
    pub fn clause(&self) -> &'static str {
        self.0.clause
    }
}

/// Objects by `clause` unless `condition` holds; `what` is the rule, `found` tells what is there.
///
/// Nearly every rule is kept nearly always, so only the words for a broken one are a call.
#[inline(always)]
pub(crate) fn hold(
    clause: &'static str,
    what: &str,
    condition: bool,
    found: impl FnOnce() -> String,
) -> Result<(), Objection> {
    if condition { Ok(()) } else { Err(broken(clause, what, found)) }
}

#[cold]
#[inline(never)]
fn broken(clause: &'static str, what: &str, found: impl FnOnce() -> String) -> Objection {
    Objection::new(clause, format!("{what}: {}", found()))
}

/// Objects by `clause` unless both sides are equal; `what` is the rule.
#[inline(always)]
fn same<T: Debug + PartialEq>(
    clause: &'static str,
    what: &str,
    found: T,
    expected: T,
) -> Result<(), Objection> {
    hold(clause, what, found == expected, || format!("{found:?} instead of {expected:?}"))
}
