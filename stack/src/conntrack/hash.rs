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
        let mut state = [
            self.k0 ^ 0x736f_6d65_7073_6575,
            self.k1 ^ 0x646f_7261_6e64_6f6d,
            self.k0 ^ 0x6c79_6765_6e65_7261,
            self.k1 ^ 0x7465_6462_7974_6573,
        ];
        // The last block holds the length in its top octet.
        for word in [first, second, 16 << 56] {
            state[3] ^= word;
            round(&mut state);
            state[0] ^= word;
        }
        state[2] ^= 0xff;
        for _ in 0..3 {
            round(&mut state);
        }
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
    use core::hash::Hasher as _;

    #[test]
    #[expect(
        deprecated,
        reason = "the independent implementation at hand; std's SipHasher13 cannot be keyed"
    )]
    fn structure_is_that_of_siphash() {
        // std offers only SipHash-2-4 with a key; with the rounds counted differently the results must differ,
        // while the same key and message give the same hash again.
        let mut sip24 = core::hash::SipHasher::new_with_keys(1, 2);
        sip24.write_u64(3);
        sip24.write_u64(4);
        let key = HashKey { k0: 1, k1: 2 };
        assert_ne!(key.hash(3, 4), sip24.finish());
        assert_eq!(key.hash(3, 4), key.hash(3, 4));
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
