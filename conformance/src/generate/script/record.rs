//! The records of a script, before anybody knows what they mean.

/// Octets before the content of a record: kind and length.
const HEADER: usize = 3;

/// A record: what kind, and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// Kind, any number.
    pub(super) kind: u8,
    /// Content.
    pub(super) content: &'a [u8],
}

/// Walks over the records in `octets`. A length beyond the end is cut; fewer than 3 octets at the end are none.
pub(super) fn records(mut octets: &[u8]) -> impl Iterator<Item = Record<'_>> {
    std::iter::from_fn(move || {
        let (&[kind, high, low], rest) = octets.split_first_chunk::<HEADER>()?;
        let len = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (content, rest) = rest.split_at(len);
        octets = rest;
        Some(Record { kind, content })
    })
}

/// Appends a record; content beyond 65 535 octets is cut.
pub(super) fn append(octets: &mut Vec<u8>, kind: u8, content: &[u8]) {
    let content = &content[..content.len().min(usize::from(u16::MAX))];
    octets.push(kind);
    octets.extend((content.len() as u16).to_be_bytes());
    octets.extend(content);
}

/// Reads numbers from the content of a record; what is missing reads as zeros.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// One octet.
    pub(super) fn octet(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// Two octets.
    pub(super) fn word(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// Four octets.
    pub(super) fn long(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    /// `N` octets.
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let len = N.min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        array[..len].copy_from_slice(taken);
        self.0 = rest;
        array
    }

    /// Up to `len` octets.
    pub(super) fn octets(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// An element of `all`, by its place modulo their number.
    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.octet()) % all.len()]
    }

    /// Whether nothing is left.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_the_end_are_cut() {
        let found: Vec<_> = records(&[1, 0, 2, 7, 8, 2, 0xff, 0xff, 9, 3]).collect();
        assert_eq!(found, [Record { kind: 1, content: &[7, 8] }, Record { kind: 2, content: &[9, 3] }]);
        assert_eq!(records(&[1, 0]).count(), 0);
    }

    #[test]
    fn what_is_missing_reads_as_zeros() {
        let mut reader = Reader(&[1, 2, 3]);
        assert_eq!((reader.word(), reader.long(), reader.octet()), (0x0102, 0x0300_0000, 0));
        assert!(reader.is_empty());
    }
}
