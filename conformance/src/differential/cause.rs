//! Divergences grouped by cause, in bounded memory however many there are.

use std::collections::BTreeMap;

use super::fingerprint::Fingerprint;
use crate::model::{Cause, Divergence};

/// How many causes are kept apart.
const CAUSES: usize = 2048;
/// How many octets of hexadecimal text all examples together may have.
const EXAMPLE_OCTETS: usize = 24 << 20;
/// What divergences beyond [`CAUSES`] are filed under: unexplained and explained ones.
const FURTHER: [Fingerprint; 2] = [Fingerprint(u64::MAX), Fingerprint(u64::MAX - 1)];

/// A divergence before it is written out.
pub struct Found<'f> {
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Which replay it was found in: counts captures.
    pub position: u64,
    /// Ledger entries that explain it.
    pub ledger: &'f [String],
    /// One line.
    pub title: &'f dyn Fn() -> String,
    /// The whole, should it be kept as an example.
    pub example: &'f dyn Fn() -> Divergence,
}

/// All causes of a run.
#[derive(Debug, Default)]
pub struct Causes {
    causes: BTreeMap<Fingerprint, Kept>,
    example_octets: usize,
}

#[derive(Debug)]
struct Kept {
    cause: Cause,
    last_position: u64,
}

impl Causes {
    /// Counts a divergence, and keeps it whole if it is one of the first of its cause.
    pub fn add(&mut self, found: &Found<'_>) {
        let is_new = !self.causes.contains_key(&found.fingerprint);
        let is_further = is_new && self.causes.len() >= CAUSES;
        let fingerprint =
            if is_further { FURTHER[usize::from(!found.ledger.is_empty())] } else { found.fingerprint };
        let kept = self.causes.entry(fingerprint).or_insert_with(|| Kept {
            cause: Cause {
                fingerprint: fingerprint.to_string(),
                title: if is_further { "further causes, not kept apart".to_owned() } else { (found.title)() },
                count: 0,
                captures: 0,
                ledger: found.ledger.to_vec(),
                examples: Vec::new(),
            },
            last_position: u64::MAX,
        });
        kept.cause.count += 1;
        if kept.last_position != found.position {
            kept.last_position = found.position;
            kept.cause.captures += 1;
        }
        if kept.cause.examples.len() < Cause::EXAMPLES && self.example_octets < EXAMPLE_OCTETS {
            let example = (found.example)();
            self.example_octets += octets(&example);
            kept.cause.examples.push(example);
        }
    }

    /// Adds all that `other` counted. The two have no replay in common.
    pub fn absorb(&mut self, other: Self) {
        for (fingerprint, mut kept) in other.causes {
            match self.causes.get_mut(&fingerprint) {
                Some(known) => {
                    known.cause.count += kept.cause.count;
                    known.cause.captures += kept.cause.captures;
                    known.cause.examples.append(&mut kept.cause.examples);
                    known.cause.examples.truncate(Cause::EXAMPLES);
                }
                None => {
                    self.causes.insert(fingerprint, kept);
                }
            }
        }
    }

    /// The causes so far, in the order of their fingerprints.
    pub fn iter(&self) -> impl Iterator<Item = &Cause> {
        self.causes.values().map(|kept| &kept.cause)
    }

    /// The causes, in the order of their fingerprints.
    pub fn finish(self) -> Vec<Cause> {
        self.causes.into_values().map(|kept| kept.cause).collect()
    }
}

fn octets(example: &Divergence) -> usize {
    let frames = example.frames_a.iter().chain(&example.frames_b).map(|(_, hex)| hex.len());
    example.stimulus.len() + frames.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dimension;

    fn example(octets: usize) -> Divergence {
        Divergence {
            fingerprint: String::new(),
            title: String::new(),
            dimension: Dimension::Frames,
            capture: String::new(),
            scenario: String::new(),
            packet: 1,
            at_us: 0,
            fields: Vec::new(),
            interface: String::new(),
            stimulus: "00".repeat(octets),
            frames_a: Vec::new(),
            frames_b: Vec::new(),
            counters_a: BTreeMap::new(),
            counters_b: BTreeMap::new(),
            drops_a: Vec::new(),
            drops_b: Vec::new(),
            ledger: Vec::new(),
            command: String::new(),
        }
    }

    fn add(causes: &mut Causes, fingerprint: u64, position: u64, ledger: &[String]) {
        causes.add(&Found {
            fingerprint: Fingerprint(fingerprint),
            position,
            ledger,
            title: &|| "title".to_owned(),
            example: &|| example(65_535),
        });
    }

    #[test]
    fn a_million_divergences_stay_small() {
        let mut causes = Causes::default();
        let explained = ["known".to_owned()];
        for number in 0..1_000_000 {
            add(&mut causes, number % 5000, number / 500_000, if number % 2 == 0 { &[] } else { &explained });
        }
        assert!(causes.example_octets <= EXAMPLE_OCTETS + 2 * 65_535);
        let causes = causes.finish();
        assert_eq!(causes.len(), CAUSES + 2);
        assert_eq!(causes.iter().map(|cause| cause.count).sum::<u64>(), 1_000_000);
        assert!(causes.iter().all(|cause| cause.examples.len() <= Cause::EXAMPLES));
        assert_eq!((causes[0].count, causes[0].captures), (200, 2));
    }
}
