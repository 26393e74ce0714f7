//! IPv4 options.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::super::OptionKind;

/// No options yet.
pub const fn options() -> OptionBuilder {
    OptionBuilder(Vec::new())
}

/// Builds the options of a header, one behind the other. [`Ipv4Builder::options`](super::Ipv4Builder::options) pads.
#[derive(Clone, Debug, Default)]
pub struct OptionBuilder(Vec<u8>);

impl OptionBuilder {
    /// Appends octets as they are.
    pub fn raw(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(octets.as_ref());
        self
    }

    /// Appends the end of the list.
    pub fn end_of_list(self) -> Self {
        self.raw([OptionKind::EndOfList.into()])
    }

    /// Appends a no-operation.
    pub fn no_operation(self) -> Self {
        self.raw([OptionKind::NoOperation.into()])
    }

    /// Appends an option with the right length.
    pub fn option(self, kind: impl Into<OptionKind>, data: impl AsRef<[u8]>) -> Self {
        let data = data.as_ref();
        self.raw([kind.into().into(), (2 + data.len()) as u8]).raw(data)
    }

    /// Appends a record route with `slots` empty slots.
    pub fn record_route(self, slots: usize) -> Self {
        self.route(OptionKind::RecordRoute, 4, &alloc::vec![Ipv4Addr::UNSPECIFIED; slots])
    }

    /// Appends a loose source route through `hops`, none of them visited.
    pub fn loose_source_route(self, hops: &[Ipv4Addr]) -> Self {
        self.route(OptionKind::LooseSourceRoute, 4, hops)
    }

    /// Appends a strict source route through `hops`, none of them visited.
    pub fn strict_source_route(self, hops: &[Ipv4Addr]) -> Self {
        self.route(OptionKind::StrictSourceRoute, 4, hops)
    }

    /// Appends a route option of any kind, with any pointer.
    pub fn route(self, kind: OptionKind, pointer: u8, slots: &[Ipv4Addr]) -> Self {
        let data: Vec<u8> =
            core::iter::once(pointer).chain(slots.iter().flat_map(|slot| slot.octets())).collect();
        self.option(kind, data)
    }

    /// Appends a timestamp option with `flag` 0 (times) or 1 (addresses and times) and `slots` empty slots.
    pub fn timestamp(self, flag: u8, slots: usize) -> Self {
        let slot_len = if flag == 0 { 4 } else { 8 };
        let mut data = alloc::vec![0; 2 + slots * slot_len];
        (data[0], data[1]) = (5, flag);
        self.option(OptionKind::Timestamp, data)
    }

    /// Appends a timestamp option that only `addresses` may stamp: flag 3.
    pub fn prespecified_timestamp(self, addresses: &[Ipv4Addr]) -> Self {
        let mut data = alloc::vec![5, 3];
        for address in addresses {
            data.extend(address.octets());
            data.extend([0; 4]);
        }
        self.option(OptionKind::Timestamp, data)
    }

    /// Appends a router alert of value 0. RFC 2113 §2.1.
    pub fn router_alert(self) -> Self {
        self.option(OptionKind::RouterAlert, [0, 0])
    }

    /// The options so far, not padded.
    pub fn build(&self) -> Vec<u8> {
        self.0.clone()
    }
}

impl From<OptionBuilder> for Vec<u8> {
    fn from(builder: OptionBuilder) -> Self {
        builder.0
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const HOP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);

    /// Expected octets are those of the specification's probes.
    #[rstest]
    #[case::p120(options().record_route(1), &[7, 7, 4, 0, 0, 0, 0])]
    #[case::p130(options().timestamp(0, 1), &[68, 8, 5, 0, 0, 0, 0, 0])]
    #[case::p140(options().timestamp(1, 1), &[68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0])]
    #[case::p147(options().prespecified_timestamp(&[HOP]), &[68, 12, 5, 3, 10, 0, 0, 9, 0, 0, 0, 0])]
    #[case::p158(options().router_alert(), &[148, 4, 0, 0])]
    #[case::p191(options().loose_source_route(&[HOP]), &[131, 7, 4, 10, 0, 0, 9])]
    #[case::p192(options().strict_source_route(&[HOP]), &[137, 7, 4, 10, 0, 0, 9])]
    #[case::p123(options().route(OptionKind::RecordRoute, 8, &[HOP]), &[7, 7, 8, 10, 0, 0, 9])]
    #[case::mixed(options().no_operation().option(0x9e, [1, 2]).end_of_list(), &[1, 0x9e, 4, 1, 2, 0])]
    fn octets(#[case] builder: OptionBuilder, #[case] expected: &[u8]) {
        assert_eq!(builder.build(), expected);
    }
}
