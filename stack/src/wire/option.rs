//! IPv4 options: their kinds, and a walk over them that survives anything.

open_enum! {
    /// The type octet of an IPv4 option, copied flag, class and number together. RFC 791 §3.1 "Options".
    OptionKind {
        /// End of option list; one octet.
        EndOfList = 0,
        /// No operation; one octet.
        NoOperation = 1,
        /// Record route.
        RecordRoute = 7,
        /// Quick-start. RFC 4782 §3.
        QuickStart = 25,
        /// Internet timestamp.
        Timestamp = 68,
        /// Security. RFC 1108 §2.
        Security = 130,
        /// Loose source and record route.
        LooseSourceRoute = 131,
        /// Commercial IP security option.
        Cipso = 134,
        /// Stream identifier, obsolete. RFC 6814 §2.
        StreamIdentifier = 136,
        /// Strict source and record route.
        StrictSourceRoute = 137,
        /// Router alert. RFC 2113 §2.1.
        RouterAlert = 148,
    }
}

impl OptionKind {
    /// Whether the option goes into every fragment. RFC 791 §3.1 "Options".
    #[inline]
    pub fn is_copied(self) -> bool {
        u8::from(self) & 0x80 != 0
    }

    /// Whether the option is a lone octet without a length.
    #[inline]
    pub const fn is_single_octet(self) -> bool {
        matches!(self, Self::EndOfList | Self::NoOperation)
    }
}

/// One option, whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Option<'a> {
    /// Where its type octet stands, counted from the first octet of the options.
    pub offset: usize,
    /// Its type.
    pub kind: OptionKind,
    /// All of it, type and length octets included.
    pub octets: &'a [u8],
}

impl<'a> Ipv4Option<'a> {
    /// What follows type and length.
    pub fn data(&self) -> &'a [u8] {
        self.octets.get(2..).unwrap_or_default()
    }

    /// The pointer octet of a route or timestamp option, if there is room for one.
    pub fn pointer(&self) -> Option<u8> {
        self.octets.get(2).copied()
    }
}

/// Why the walk cannot go on: the option at `offset` has no length octet, or one below 2 or past the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// Where the type octet of the bad option stands, counted from the first octet of the options.
    pub offset: usize,
}

impl core::fmt::Display for OptionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "option at offset {} has a bad length", self.offset)
    }
}

/// A walk over the options of a header.
///
/// Ends after the end-of-list option, at the end of the octets, or with one [`OptionError`].
#[derive(Clone, Debug)]
pub struct Ipv4Options<'a> {
    octets: &'a [u8],
    offset: usize,
}

impl<'a> Ipv4Options<'a> {
    /// Over `octets`, which begin right after the fixed header.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { octets, offset: 0 }
    }
}

impl<'a> Iterator for Ipv4Options<'a> {
    type Item = Result<Ipv4Option<'a>, OptionError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.offset;
        let rest = self.octets.get(offset..)?;
        let kind = OptionKind::from(*rest.first()?);
        let len = match (kind.is_single_octet(), rest.get(1)) {
            (true, _) => 1,
            (false, Some(len)) if *len >= 2 => usize::from(*len),
            (false, _) => usize::MAX,
        };
        let Some(octets) = rest.get(..len) else {
            self.offset = self.octets.len();
            return Some(Err(OptionError { offset }));
        };
        self.offset = if kind == OptionKind::EndOfList { self.octets.len() } else { offset + len };
        Some(Ok(Ipv4Option { offset, kind, octets }))
    }
}

impl core::iter::FusedIterator for Ipv4Options<'_> {}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    #[test]
    fn errors_say_where() {
        assert_eq!(OptionError { offset: 5 }.to_string(), "option at offset 5 has a bad length");
    }

    #[test]
    fn pointer_is_the_third_octet() {
        let pointers = |octets: &[u8]| {
            Ipv4Options::new(octets).flatten().map(|option| option.pointer()).collect::<Vec<_>>()
        };
        assert_eq!(pointers(&[7, 4, 9, 0, 1, 68, 2]), [Some(9), None, None]);
    }

    #[rstest]
    #[case::nothing(&[], &[], None)]
    #[case::end_of_list_ends(&[0, 7, 7, 7], &[(0, 0, 1)], None)]
    #[case::no_operation_is_one_octet(&[1, 1, 0, 0], &[(0, 1, 1), (1, 1, 1), (2, 0, 1)], None)]
    #[case::record_route(&[7, 3, 4, 0], &[(0, 7, 3), (3, 0, 1)], None)]
    #[case::no_room_for_a_length(&[1, 1, 1, 7], &[(0, 1, 1), (1, 1, 1), (2, 1, 1)], Some(3))]
    #[case::length_zero(&[7, 0, 0, 0], &[], Some(0))]
    #[case::length_one(&[7, 1, 0, 0], &[], Some(0))]
    #[case::length_past_the_end(&[7, 8, 4, 0], &[], Some(0))]
    fn walk(#[case] octets: &[u8], #[case] expected: &[(usize, u8, usize)], #[case] bad: Option<usize>) {
        let all: Vec<_> = Ipv4Options::new(octets).collect();
        let good: Vec<_> = all.iter().flatten().map(|o| (o.offset, o.kind.into(), o.octets.len())).collect();
        assert_eq!(good, expected);
        assert_eq!(all.last().and_then(|last| last.err()).map(|error| error.offset), bad);
    }

    quickcheck! {
        fn walk_covers_a_prefix_without_gaps(octets: Vec<u8>) -> bool {
            let mut at = 0;
            Ipv4Options::new(&octets).all(|item| match item {
                Ok(option) => {
                    let is_next = option.offset == at && octets[at..].starts_with(option.octets);
                    at += option.octets.len();
                    is_next
                }
                Err(error) => error.offset == at,
            })
        }
    }
}
