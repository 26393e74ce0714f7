//! The keyed hash of the connection tables: SipHash-1-3 of exactly two words.
//!
//! Whoever does not know the key cannot choose tuples that fall together, so lookups stay cheap under attack.

/// The secret of a table's hash. Two tables with the same key behave alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKey {
    /// First half.
    pub k0: u64,
    /// Second half.
    pub k1: u64,
}

impl HashKey {
    /// A key spread from a single seed, for runs that must repeat exactly.
    pub const fn from_seed(seed: u64) -> Self {
        Self { k0: spread(seed), k1: spread(seed ^ 0x6a09_e667_f3bc_c908) }
    }

    /// SipHash-1-3 of the sixteen octets `first`, `second` in little-endian order.
    pub fn hash(self, first: u64, second: u64) -> u64 {
        self.siphash::<1, 3>(first, second)
    }

    /// SipHash with `EACH` rounds for each word and `LAST` at the end.
    fn siphash<const EACH: usize, const LAST: usize>(self, first: u64, second: u64) -> u64 {
        let mut state = [
            self.k0 ^ 0x736f_6d65_7073_6575,
            self.k1 ^ 0x646f_7261_6e64_6f6d,
            self.k0 ^ 0x6c79_6765_6e65_7261,
            self.k1 ^ 0x7465_6462_7974_6573,
        ];
        // The last block holds the length in its top octet.
        for word in [first, second, 16 << 56] {
            state[3] ^= word;
            (0..EACH).for_each(|_| round(&mut state));
            state[0] ^= word;
        }
        state[2] ^= 0xff;
        (0..LAST).for_each(|_| round(&mut state));
        state[0] ^ state[1] ^ state[2] ^ state[3]
    }
}

/// One SipRound.
fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

/// SplitMix64: one step of a generator that visits every 64-bit value.
pub(crate) const fn spread(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::hash::Hasher;

    fn with(mut hasher: impl Hasher, first: u64, second: u64) -> u64 {
        hasher.write(&first.to_le_bytes());
        hasher.write(&second.to_le_bytes());
        hasher.finish()
    }

    /// The standard library has SipHash-2-4 with a key, and SipHash-1-3 under the key of zeros.
    #[test]
    #[expect(
        deprecated,
        reason = "the independent implementation at hand; std's SipHasher13 cannot be keyed"
    )]
    fn it_is_siphash() {
        for seed in 0..64 {
            let (HashKey { k0, k1 }, first, second) = (HashKey::from_seed(seed), spread(!seed), seed << 40);
            let keyed = with(core::hash::SipHasher::new_with_keys(k0, k1), first, second);
            assert_eq!(HashKey { k0, k1 }.siphash::<2, 4>(first, second), keyed);
            let quick = with(std::hash::DefaultHasher::new(), first, second);
            assert_eq!(HashKey { k0: 0, k1: 0 }.hash(first, second), quick);
        }
    }

    #[test]
    fn each_bit_of_a_seed_changes_both_halves_of_the_key() {
        let none = HashKey::from_seed(0);
        for bit in 0..64 {
            let key = HashKey::from_seed(1 << bit);
            assert!(key.k0 != none.k0 && key.k1 != none.k1 && key.k0 != key.k1, "bit {bit}");
        }
    }

    /// The first outputs of SplitMix64 under two seeds, as its authors publish them.
    #[test]
    fn it_is_splitmix() {
        assert_eq!([spread(0), spread(1_234_567)], [0xe220_a839_7b1d_cdaf, 6_457_827_717_110_365_317]);
    }

    #[test]
    fn every_input_bit_and_the_key_matter() {
        let key = HashKey::from_seed(7);
        let base = key.hash(0, 0);
        for bit in 0..64 {
            for changed in [key.hash(1 << bit, 0), key.hash(0, 1 << bit)] {
                let distance = (changed ^ base).count_ones();
                assert!((12..=52).contains(&distance), "bit {bit} changes {distance} bits");
            }
        }
        assert_ne!(HashKey::from_seed(8).hash(0, 0), base);
    }
}
