//! Steps along a source route that names this stack. The routing of each hop belongs to the caller.

use core::net::Ipv4Addr;

use super::{OptionRecord, SourceRoute, address_at, put};

/// What the next slot of a source route says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceRouteStep {
    /// Route a datagram from the same source to this address, then call [`SourceRouteWalk::pass`] or
    /// [`SourceRouteWalk::leave`].
    Hop(Ipv4Addr),
    /// No slot is left: the datagram is for this stack.
    Exhausted,
    /// A slot is cut off; a Parameter Problem points at this octet of the header.
    Truncated {
        /// The pointer octet of the option.
        pointer: u8,
    },
}

/// A walk along the slots of a recorded source route, from its pointer on.
///
/// The pointer in the header is not moved: Linux writes it back only when it forwards.
#[derive(Clone, Debug)]
pub struct SourceRouteWalk {
    route: SourceRoute,
    pointer: usize,
}

impl SourceRouteWalk {
    /// Along the source route of `record`, if it has one.
    pub fn new(header: &[u8], record: &OptionRecord) -> Option<Self> {
        let route = record.source_route?;
        let pointer = usize::from(*header.get(usize::from(route.offset) + 2)?);
        Some(Self { route, pointer })
    }

    /// The slot that the walk has reached.
    pub fn step(&self, header: &[u8]) -> SourceRouteStep {
        let offset = usize::from(self.route.offset);
        let len = header.get(offset + 1).copied().map_or(0, usize::from);
        if self.pointer > len {
            return SourceRouteStep::Exhausted;
        }
        match address_at(header, offset + self.pointer - 1) {
            Some(hop) if self.pointer + 3 <= len => SourceRouteStep::Hop(hop),
            _ => SourceRouteStep::Truncated { pointer: self.route.offset + 2 },
        }
    }

    /// The hop is this stack itself: it becomes the destination, and the walk goes on to the next slot.
    pub fn pass(&mut self, header: &mut [u8], hop: Ipv4Addr, record: &mut OptionRecord) {
        put(header, 16, hop.octets());
        record.changed = true;
        self.pointer += 4;
    }

    /// The hop is another host: the datagram will be forwarded there.
    pub fn leave(self, hop: Ipv4Addr, record: &mut OptionRecord) {
        record.source_route = Some(SourceRoute { next_hop: Some(hop), ..self.route });
        record.changed = true;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::testing::{Host, header};
    use super::super::{OptionRules, receive};
    use super::*;

    const fn ten(host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, host)
    }

    /// Walks as a stack at 10.0.0.1 does; returns the last step and the destination that the header then has.
    fn walk(options: &str) -> (SourceRouteStep, Ipv4Addr, OptionRecord) {
        let mut octets = header(options);
        let mut record = OptionRecord::default();
        receive(&mut octets, OptionRules::default(), &Host, &mut record).unwrap();
        let mut walk = SourceRouteWalk::new(&octets, &record).unwrap();
        let last = loop {
            match walk.step(&octets) {
                SourceRouteStep::Hop(hop) if hop == ten(1) => walk.pass(&mut octets, hop, &mut record),
                SourceRouteStep::Hop(hop) => {
                    walk.leave(hop, &mut record);
                    break SourceRouteStep::Hop(hop);
                }
                step => break step,
            }
        };
        (last, address_at(&octets, 16).unwrap(), record)
    }

    #[rstest]
    #[case::p175_empty("83030400", SourceRouteStep::Exhausted)]
    #[case::p178_exhausted("8307080a00000700", SourceRouteStep::Exhausted)]
    #[case::p184_self("8307040a00000100", SourceRouteStep::Exhausted)]
    #[case::p186_three_octets_left("8306040000000000", SourceRouteStep::Truncated { pointer: 22 })]
    #[case::p187_three_octets_left("8308060000000000", SourceRouteStep::Truncated { pointer: 22 })]
    #[case::p191_next("8307040a00000900", SourceRouteStep::Hop(ten(9)))]
    #[case::p195_self_then_next("830b040a0000010a00000900", SourceRouteStep::Hop(ten(9)))]
    fn last_step(#[case] options: &str, #[case] expected: SourceRouteStep) {
        let (last, destination, record) = walk(options);
        assert_eq!((last, destination), (expected, ten(1)));
        assert_eq!(
            record.next_hop(),
            if let SourceRouteStep::Hop(hop) = expected { Some(hop) } else { None }
        );
    }
}
