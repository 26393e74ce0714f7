//! Bob Jenkins' hash "lookup3" for four words: it chooses the address from a pool.
//!
//! It is neither keyed nor seeded, so the same client gets the same address on every machine and after every restart.

/// Hash of the words `first`, 0, 0, 0 with the initial value `initial`.
pub(super) fn hash(first: u32, initial: u32) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(16).wrapping_add(initial);
    let mut state = [start.wrapping_add(first), start, start];
    mix(&mut state);
    finish(&mut state);
    state[2]
}

fn mix([a, b, c]: &mut [u32; 3]) {
    *a = a.wrapping_sub(*c) ^ c.rotate_left(4);
    *c = c.wrapping_add(*b);
    *b = b.wrapping_sub(*a) ^ a.rotate_left(6);
    *a = a.wrapping_add(*c);
    *c = c.wrapping_sub(*b) ^ b.rotate_left(8);
    *b = b.wrapping_add(*a);
    *a = a.wrapping_sub(*c) ^ c.rotate_left(16);
    *c = c.wrapping_add(*b);
    *b = b.wrapping_sub(*a) ^ a.rotate_left(19);
    *a = a.wrapping_add(*c);
    *c = c.wrapping_sub(*b) ^ b.rotate_left(4);
    *b = b.wrapping_add(*a);
}

fn finish([a, b, c]: &mut [u32; 3]) {
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(14));
    *a = (*a ^ *c).wrapping_sub(c.rotate_left(11));
    *b = (*b ^ *a).wrapping_sub(a.rotate_left(25));
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(16));
    *a = (*a ^ *c).wrapping_sub(c.rotate_left(4));
    *b = (*b ^ *a).wrapping_sub(a.rotate_left(14));
    *c = (*c ^ *b).wrapping_sub(b.rotate_left(24));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an implementation computes them that gives the results which the author publishes for texts.
    #[test]
    fn it_is_lookup3() {
        let rows = [
            (0, 0, 0xbaf9_078c),
            (0x0a01_000a, 0, 0xfcec_79de),
            (u32::MAX, u32::MAX, 0x6fd2_a334),
            (0x1234_5678, 0x9abc_def0, 0x777e_5847),
        ];
        for (first, initial, expected) in rows {
            assert_eq!(hash(first, initial), expected);
        }
    }
}
