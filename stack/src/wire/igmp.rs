//! IGMP messages of versions 1 to 3. RFC 1112 Appendix I, RFC 2236 §2, RFC 3376 §4.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{checksum, u16_at, u32_at};

/// Octets every message has at least.
pub const HEADER_LEN: usize = 8;

open_enum! {
    /// The type of an IGMP message.
    IgmpType {
        /// Membership query, all versions.
        Query = 0x11,
        /// Version 1 membership report.
        ReportV1 = 0x12,
        /// Version 2 membership report.
        ReportV2 = 0x16,
        /// Version 2 leave group.
        Leave = 0x17,
        /// Version 3 membership report.
        ReportV3 = 0x22,
    }
}

open_enum! {
    /// What a group record of a version 3 report says. RFC 3376 §4.2.12.
    RecordType {
        /// The filter includes the sources.
        ModeIsInclude = 1,
        /// The filter excludes the sources.
        ModeIsExclude = 2,
        /// The filter changed to include.
        ChangeToInclude = 3,
        /// The filter changed to exclude.
        ChangeToExclude = 4,
        /// New sources are allowed.
        AllowNewSources = 5,
        /// Old sources are blocked.
        BlockOldSources = 6,
    }
}

/// An IGMP message of at least 8 octets. Its checksum is checked on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IgmpView<'a> {
    header: &'a [u8; HEADER_LEN],
    body: &'a [u8],
    octets: &'a [u8],
}

impl<'a> IgmpView<'a> {
    /// Over the payload of a datagram, or `None` below 8 octets.
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        let (header, body) = octets.split_first_chunk()?;
        Some(Self { header, body, octets })
    }

    /// Type.
    pub fn igmp_type(&self) -> IgmpType {
        self.header[0].into()
    }

    /// Maximum response code of a query: 0 in version 1, tenths of a second below 128.
    pub fn max_response_code(&self) -> u8 {
        self.header[1]
    }

    /// Checksum as found.
    pub fn checksum(&self) -> u16 {
        u16_at(self.header, 2)
    }

    /// Whether the checksum is right.
    pub fn is_checksum_valid(&self) -> bool {
        checksum::is_intact(self.octets)
    }

    /// Group address of a query, a report below version 3 or a leave.
    pub fn group(&self) -> Ipv4Addr {
        u32_at(self.header, 4).into()
    }

    /// Version of a query: 3 if longer than 8 octets, else 1 if its response code is 0, else 2. RFC 3376 §7.1.
    pub fn query_version(&self) -> u8 {
        match (self.body.is_empty(), self.max_response_code()) {
            (false, _) => 3,
            (true, 0) => 1,
            (true, _) => 2,
        }
    }

    /// What follows the 8 octets.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The group records of a version 3 report; ends early if one is cut off.
    pub fn records(&self) -> GroupRecords<'a> {
        GroupRecords { octets: self.body, left: u16_at(self.header, 6) }
    }

    /// The whole message.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// A group record of a version 3 report. RFC 3376 §4.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupRecord<'a> {
    /// What it says.
    pub record_type: RecordType,
    /// The group it is about.
    pub group: Ipv4Addr,
    /// Source addresses, 4 octets each.
    pub sources: &'a [[u8; 4]],
}

/// A walk over the group records of a report.
#[derive(Clone, Debug)]
pub struct GroupRecords<'a> {
    octets: &'a [u8],
    left: u16,
}

impl<'a> Iterator for GroupRecords<'a> {
    type Item = GroupRecord<'a>;

    fn next(&mut self) -> Option<GroupRecord<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (fixed, rest) = core::mem::take(&mut self.octets).split_first_chunk::<8>()?;
        let (sources, rest) = rest.split_at_checked(usize::from(u16_at(fixed, 2)) * 4)?;
        self.octets = rest.get(usize::from(fixed[1]) * 4..)?;
        let sources = sources.as_chunks().0;
        Some(GroupRecord { record_type: fixed[0].into(), group: u32_at(fixed, 4).into(), sources })
    }
}

/// A message of versions 1 or 2, checksum computed.
pub fn message(igmp_type: IgmpType, max_response_code: u8, group: Ipv4Addr) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = group.octets();
    let mut octets = [igmp_type.into(), max_response_code, 0, 0, a, b, c, d];
    let sum = checksum::checksum(&octets);
    octets[2..4].copy_from_slice(&sum.to_be_bytes());
    octets
}

/// A version 3 report without sources, checksum computed; at most 65 535 records are written. RFC 3376 §4.2.
pub fn report_v3(records: &[(RecordType, Ipv4Addr)]) -> Vec<u8> {
    let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
    let mut octets = Vec::with_capacity(HEADER_LEN + usize::from(count) * 8);
    octets.extend([IgmpType::ReportV3.into(), 0, 0, 0, 0, 0]);
    octets.extend(count.to_be_bytes());
    for (record_type, group) in records.iter().take(usize::from(count)) {
        octets.extend([u8::from(*record_type), 0, 0, 0]);
        octets.extend(group.octets());
    }
    let sum = checksum::checksum(&octets);
    octets[2..4].copy_from_slice(&sum.to_be_bytes());
    octets
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::version_1(0, 0, 1)]
    #[case::version_2(100, 0, 2)]
    #[case::version_3(100, 4, 3)]
    fn version_of_a_query(#[case] response_code: u8, #[case] extra: usize, #[case] version: u8) {
        let mut octets = message(IgmpType::Query, response_code, Ipv4Addr::UNSPECIFIED).to_vec();
        octets.resize(8 + extra, 0);
        assert_eq!(IgmpView::new(&octets).unwrap().query_version(), version);
    }

    #[test]
    fn sources_are_shown_and_auxiliary_words_passed_over() {
        let mut octets = [0x22, 0, 0x12, 0x34, 0, 0, 0, 2].to_vec();
        octets.extend([4, 1, 0, 2, 239, 1, 1, 1, 10, 0, 0, 1, 10, 0, 0, 2, 9, 9, 9, 9]);
        octets.extend([3, 0, 0, 0, 239, 1, 1, 2]);
        let view = IgmpView::new(&octets).unwrap();
        assert_eq!((view.checksum(), view.is_checksum_valid()), (0x1234, false));
        assert_eq!(view.body(), &octets[8..]);
        let groups: std::vec::Vec<_> = view.records().map(|record| record.group.octets()[3]).collect();
        assert_eq!(groups, [1, 2]);
        assert_eq!(view.records().next().unwrap().sources, [[10, 0, 0, 1], [10, 0, 0, 2]]);
    }

    #[test]
    fn report_lists_its_records() {
        let group = Ipv4Addr::new(239, 1, 1, 1);
        let octets = report_v3(&[(RecordType::ChangeToExclude, group), (RecordType::Unknown(9), group)]);
        let view = IgmpView::new(&octets).unwrap();
        assert!(view.is_checksum_valid());
        let kinds: Vec<_> = view.records().map(|record| (record.record_type, record.group)).collect();
        assert_eq!(kinds, [(RecordType::ChangeToExclude, group), (RecordType::Unknown(9), group)]);
    }

    quickcheck! {
        fn no_octets_panic(octets: Vec<u8>) -> bool {
            IgmpView::new(&octets).is_none_or(|view| {
                let _ = (view.igmp_type(), view.checksum(), view.group(), view.query_version());
                view.records().map(|record| 8 + record.sources.len() * 4).sum::<usize>() <= octets.len()
            })
        }
    }
}
