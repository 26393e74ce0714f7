//! The fingerprint of a divergence: equal for equal causes, on every machine and in every run.

use std::fmt;

use super::compare::Difference;
use super::stimulus::Stimulus;
use crate::model::{Dimension, Role};

/// 64 bits made from the scenario's role, the dimension, the fields that differ and the kind of stimulus. Neither
/// values that vary nor positions in a list take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of differences in one dimension.
    pub fn new(role: Role, dimension: Dimension, differences: &[Difference], stimulus: &Stimulus) -> Self {
        let mut parts: Vec<String> = differences
            .iter()
            .map(|difference| format!("{} {}", without_positions(&difference.field.field), difference.class))
            .collect();
        parts.sort_unstable();
        parts.dedup();
        let mut hash = Fnv::default();
        hash.add(&format!("{role:?}"));
        hash.add(dimension.name());
        hash.add(&stimulus.to_string());
        parts.iter().for_each(|part| hash.add(part));
        Self(hash.0)
    }

    /// The fingerprint of what these ledger entries explain: never that of something unexplained.
    #[must_use]
    pub fn explained_by(self, ids: &[String]) -> Self {
        let mut hash = Fnv(self.0);
        ids.iter().for_each(|id| hash.add(id));
        Self(hash.0)
    }
}

impl fmt::Display for Fingerprint {
    /// 16 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// `path` with every index in brackets replaced by `*`.
pub fn without_positions(path: &str) -> String {
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        plain.push_str(before);
        plain.push_str("[*]");
        rest = after.split_once(']').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    plain
}

/// FNV-1a over texts: stable for ever, unlike the hashers of the standard library.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn add(&mut self, text: &str) {
        // The closing zero keeps "ab", "c" apart from "a", "bc".
        for octet in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldDifference;

    fn difference(field: &str, a: &str, class: &str) -> Difference {
        let field = FieldDifference { field: field.to_owned(), a: a.to_owned(), b: "0".to_owned() };
        Difference { dimension: Dimension::Frames, field, class: class.to_owned() }
    }

    fn print(differences: &[Difference]) -> Fingerprint {
        Fingerprint::new(Role::Host, Dimension::Frames, differences, &Stimulus::Advance)
    }

    #[test]
    fn values_and_positions_do_not_matter() {
        let one = print(&[difference("frames[0].ipv4.ttl", "64", "")]);
        let other =
            print(&[difference("frames[3].ipv4.ttl", "63", ""), difference("frames[1].ipv4.ttl", "7", "")]);
        assert_eq!(one, other);
    }

    #[test]
    fn fields_and_classes_matter() {
        let one = print(&[difference("frames[0].ipv4.ttl", "64", "")]);
        assert_ne!(one, print(&[difference("frames[0].ipv4.tos", "64", "")]));
        assert_ne!(one, print(&[difference("frames[0].ipv4.ttl", "64", "only A")]));
    }

    /// The value is in ledgers and old results: it may not change by accident.
    #[test]
    fn is_stable() {
        assert_eq!(print(&[difference("frames[0].ipv4.ttl", "64", "")]).to_string(), "aeb645f275683e9b");
    }
}
