//! Where generators take their decisions from: a seed, or the octets of a fuzzer.

/// A source of decisions. Every generator is a function of the numbers drawn here and of nothing else.
pub trait Choice {
    /// The next 32 bits.
    fn bits(&mut self) -> u32;

    /// Whether the source has run dry: from then on it gives zeros, so that decoding is total.
    fn is_exhausted(&self) -> bool {
        false
    }

    /// A number below `bound`; 0 when `bound` is 0 or 1.
    fn below(&mut self, bound: u32) -> u32 {
        if bound < 2 {
            return 0;
        }
        ((u64::from(self.bits()) * u64::from(bound)) >> 32) as u32
    }

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// Whether an event of `numerator` chances in `denominator` happens.
    fn chance(&mut self, numerator: u32, denominator: u32) -> bool {
        self.below(denominator) < numerator
    }

    /// An octet.
    fn octet(&mut self) -> u8 {
        (self.bits() >> 24) as u8
    }

    /// Two octets.
    fn word(&mut self) -> u16 {
        (self.bits() >> 16) as u16
    }

    /// One element of `options`.
    ///
    /// # Panics
    /// If `options` is empty.
    fn pick<'o, T>(&mut self, options: &'o [T]) -> &'o T
    where
        Self: Sized,
    {
        &options[self.below(options.len() as u32) as usize]
    }
}

/// Decisions from a seed: SplitMix64, the same sequence everywhere and in every version.
#[derive(Clone, Debug)]
pub struct Seeded(u64);

impl Seeded {
    /// The sequence that belongs to `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of part `index` of a run with `seed`, unrelated to that of other parts.
    pub fn part(seed: u64, index: u64) -> Self {
        let mut source = Self(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95));
        source.next();
        source
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Choice for Seeded {
    fn bits(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }
}

/// Decisions from octets, four for each full draw and fewer for small ones, so that a fuzzer's mutation of one octet
/// changes one decision. Dry, it gives zeros: every octet string decodes.
#[derive(Clone, Debug)]
pub struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    /// Decisions read from `octets`, front to back.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    fn take(&mut self) -> u32 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                u32::from(*first)
            }
            None => 0,
        }
    }
}

impl Choice for Octets<'_> {
    fn bits(&mut self) -> u32 {
        (0..4).fold(0, |bits, _| bits << 8 | self.take())
    }

    fn is_exhausted(&self) -> bool {
        self.0.is_empty()
    }

    fn below(&mut self, bound: u32) -> u32 {
        match bound {
            0 | 1 => 0,
            2..=0x100 => self.take() % bound,
            0x101..=0x1_0000 => (self.take() << 8 | self.take()) % bound,
            _ => self.bits() % bound,
        }
    }

    fn octet(&mut self) -> u8 {
        self.take() as u8
    }

    fn word(&mut self) -> u16 {
        (self.take() << 8 | self.take()) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_sequence() {
        let draws: Vec<_> = {
            let mut source = Seeded::new(7);
            (0..4).map(|_| source.bits()).collect()
        };
        assert_eq!(draws, [0x63cb_e1e4, 0x044c_3cd7, 0xe698_4080, 0x953a_eb70]);
    }

    #[test]
    fn parts_of_a_run_differ() {
        assert_ne!(Seeded::part(1, 0).bits(), Seeded::part(1, 1).bits());
    }

    #[test]
    fn dry_octets_choose_zero() {
        let mut source = Octets::new(&[5]);
        assert_eq!((source.below(4), source.below(4), source.bits()), (1, 0, 0));
        assert!(source.is_exhausted());
    }

    #[test]
    fn every_draw_stays_below_its_bound() {
        fn holds(octets: Vec<u8>, bound: u32) -> bool {
            let mut source = Octets::new(&octets);
            let mut seeded = Seeded::new(u64::from(bound));
            source.below(bound) < bound.max(1) && seeded.below(bound) < bound.max(1)
        }
        quickcheck::quickcheck(holds as fn(Vec<u8>, u32) -> bool);
    }
}
