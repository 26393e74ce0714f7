//! Storage with stable small numbers: slots in chunks, vacated ones used again first.
//!
//! Memory grows by one chunk at a time, so at no size more than a chunk is reserved in vain,
//! and no element ever moves.

use alloc::vec::Vec;

/// Slots in a chunk.
const CHUNK: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 10;
/// Ends the chain of vacant slots.
const NONE: u32 = u32::MAX;

/// A slot. `T` has a spare bit pattern, so the tag costs nothing.
#[derive(Clone, Debug)]
enum Slot<T> {
    Used(T),
    Vacant { next: u32 },
}

/// Elements by slot number.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Slot<T>>>,
    vacant: u32,
    slots: u32,
    len: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), vacant: NONE, slots: 0, len: 0 }
    }
}

impl<T> Slab<T> {
    /// Number of elements.
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    /// Number of slots, used and vacant; every slot number is below it.
    pub(crate) const fn slots(&self) -> u32 {
        self.slots
    }

    /// Keeps `element` and tells its slot number: the one vacated last, or a new one.
    pub(crate) fn insert(&mut self, element: T) -> u32 {
        self.len += 1;
        let slot = self.vacant;
        if let Some(place) = self.place(slot)
            && let Slot::Vacant { next } = *place
        {
            *place = Slot::Used(element);
            self.vacant = next;
            return slot;
        }
        self.push(element)
    }

    /// Vacates a slot and returns what was in it.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let vacant = self.vacant;
        let place = self.place(slot)?;
        if matches!(place, Slot::Vacant { .. }) {
            return None;
        }
        let taken = core::mem::replace(place, Slot::Vacant { next: vacant });
        self.vacant = slot;
        self.len -= 1;
        match taken {
            Slot::Used(element) => Some(element),
            Slot::Vacant { .. } => None,
        }
    }

    /// The element in a slot.
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        match self.chunks.get((slot >> CHUNK_BITS) as usize)?.get(slot as usize % CHUNK)? {
            Slot::Used(element) => Some(element),
            Slot::Vacant { .. } => None,
        }
    }

    /// The element in a slot, to change.
    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        match self.place(slot)? {
            Slot::Used(element) => Some(element),
            Slot::Vacant { .. } => None,
        }
    }

    /// Octets reserved on the heap.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<Slot<T>>()).sum();
        chunks + self.chunks.capacity() * size_of::<Vec<Slot<T>>>()
    }

    fn place(&mut self, slot: u32) -> Option<&mut Slot<T>> {
        self.chunks.get_mut((slot >> CHUNK_BITS) as usize)?.get_mut(slot as usize % CHUNK)
    }

    /// Appends a slot. The first chunk grows as it fills, so that a small table is small.
    fn push(&mut self, element: T) -> u32 {
        let slot = self.slots;
        if (slot as usize).is_multiple_of(CHUNK) {
            let capacity = if slot == 0 { 4 } else { CHUNK };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.push(Slot::Used(element));
        }
        self.slots += 1;
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::num::NonZeroU16;

    #[test]
    fn slot_vacated_last_is_used_first() {
        let mut slab = Slab::default();
        let slots: Vec<u32> = (0..3000_u32).map(|n| slab.insert(n)).collect();
        assert_eq!(slots, (0..3000).collect::<Vec<_>>());
        assert_eq!(slab.remove(5), Some(5));
        assert_eq!(slab.remove(2000), Some(2000));
        assert_eq!(slab.remove(2000), None);
        assert_eq!((slab.len(), slab.get(5)), (2998, None));
        assert_eq!((slab.insert(1), slab.insert(2), slab.insert(3)), (2000, 5, 3000));
        assert_eq!((slab.get(5), slab.get(3001)), (Some(&2), None));
    }

    #[test]
    fn tag_hides_in_a_spare_bit_pattern() {
        assert_eq!(size_of::<Slot<(NonZeroU16, u16, [u64; 7])>>(), size_of::<(NonZeroU16, u16, [u64; 7])>());
    }

    #[test]
    fn a_few_elements_take_little() {
        let mut slab = Slab::default();
        slab.insert((NonZeroU16::MIN, 7_u64));
        assert!(slab.footprint() < 32 * size_of::<(NonZeroU16, u64)>(), "{}", slab.footprint());
    }

    #[test]
    fn at_most_one_chunk_is_reserved_in_vain() {
        let mut slab = Slab::default();
        for n in 0..(5 * CHUNK as u64 + 1) {
            slab.insert((NonZeroU16::MIN, n));
        }
        let used = slab.len() * size_of::<(NonZeroU16, u64)>();
        assert!(slab.footprint() <= used + (CHUNK + 1) * 16 + 1024, "{} for {used}", slab.footprint());
    }
}
