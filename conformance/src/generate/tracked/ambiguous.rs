//! Ports and query identifiers that mean different connections to two stacks, because each drew its own.

use std::collections::BTreeSet;

use crate::generate::datagram::repair_header_checksum;
use crate::model::{Rule, RuleAction};

const ICMP: u8 = 1;
/// A protocol without ports.
const NO_PORTS: u8 = 99;

/// The numbers that no datagram is to mention any more.
#[derive(Clone, Debug)]
pub struct Ambiguous {
    numbers: BTreeSet<u16>,
    /// Identifiers are drawn from so few that two connections often have the same, with different codes.
    has_few_identifiers: bool,
}

impl Ambiguous {
    /// None yet, in a world with these rules.
    pub fn of(rules: &[Rule]) -> Self {
        let has_range = |rule: &Rule| {
            let ports = match &rule.action {
                RuleAction::Snat(to) | RuleAction::Dnat(to) => &to.ports,
                RuleAction::Masquerade(ports) | RuleAction::Redirect(ports) => ports,
                _ => return false,
            };
            rule.protocol.is_none_or(|protocol| protocol == ICMP) && ports.ports.is_some()
        };
        Self { numbers: BTreeSet::new(), has_few_identifiers: rules.iter().any(has_range) }
    }

    /// From now on `number` means one thing to one stack and another to the other.
    pub fn insert(&mut self, number: u16) {
        self.numbers.insert(number);
    }

    /// Takes the ports out of a datagram that names such a number, itself or in the datagram that it quotes: it gets a
    /// protocol that has none. A datagram drawn in its place would move all that is drawn later.
    ///
    /// Queries get code 0 where identifiers are few: the answer to another code, which has code 0, belongs to whichever
    /// connection has its identifier.
    pub fn settle(&self, datagram: &mut [u8]) {
        if !self.numbers.is_empty() && names(datagram, true).any(|number| self.numbers.contains(&number)) {
            datagram[9] = NO_PORTS;
            repair_header_checksum(datagram);
        }
        if self.has_few_identifiers {
            clear_code(datagram);
        }
    }
}

/// Gives a query code 0; its checksum stays as right or wrong as it was.
fn clear_code(datagram: &mut [u8]) {
    let message = usize::from(datagram.first().map_or(0, |first| first & 15)) * 4;
    if datagram.get(9) != Some(&ICMP) {
        return;
    }
    let Some([0 | 8 | 13..=18, code, high, low]) = datagram.get_mut(message..message + 4) else { return };
    let (sum, carry) = u16::from_be_bytes([*high, *low]).overflowing_add(u16::from(*code));
    [*high, *low] = (sum + u16::from(carry)).to_be_bytes();
    *code = 0;
}

/// Ports or query identifier of a datagram, and those of one that it quotes.
fn names(datagram: &[u8], with_quote: bool) -> impl Iterator<Item = u16> {
    let payload = datagram.get(usize::from(datagram.first().map_or(0, |first| first & 15)) * 4..);
    let payload = payload.filter(|_| datagram.len() >= 20).unwrap_or_default();
    let word = |at: usize| payload.get(at..at + 2).map(|word| u16::from_be_bytes([word[0], word[1]]));
    let is_icmp = datagram.get(9) == Some(&ICMP);
    let quotes = is_icmp && matches!(payload.first(), Some(3..=5 | 11 | 12));
    let own = match datagram.get(9) {
        Some(6 | 17 | 136) => [word(0), word(2)],
        Some(&ICMP) if !quotes => [word(4), None],
        _ => [None; 2],
    };
    let quote = payload.get(8..).filter(|_| quotes && with_quote);
    let quoted: Vec<u16> = quote.map_or_else(Vec::new, |quote| names(quote, false).collect());
    own.into_iter().flatten().chain(quoted)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn datagram(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut octets = vec![0x45, 0, 0, 20 + payload.len() as u8, 0, 0, 0, 0, 64, protocol, 0, 0];
        octets.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        octets.extend(payload);
        repair_header_checksum(&mut octets);
        octets
    }

    #[rstest]
    #[case::source_port(datagram(17, &[1, 2, 0, 53, 0, 8, 0, 0]), true)]
    #[case::destination_port(datagram(6, &[0, 53, 1, 2]), true)]
    #[case::identifier(datagram(1, &[8, 1, 0, 0, 1, 2, 0, 0]), true)]
    #[case::quoted(datagram(1, &[&[3, 1, 0, 0, 0, 0, 0, 0], &datagram(17, &[0, 7, 1, 2])[..]].concat()), true)]
    #[case::other_port(datagram(17, &[0, 1, 2, 3, 0, 8, 1, 2]), false)]
    #[case::sequence_number(datagram(1, &[8, 1, 0, 0, 0, 9, 1, 2]), false)]
    #[case::word_of_an_error(datagram(1, &[3, 4, 0, 0, 1, 2, 0, 0]), false)]
    #[case::no_ports(datagram(47, &[1, 2, 1, 2]), false)]
    #[case::no_header(vec![0x4f, 0, 0, 4, 1, 2], false)]
    fn only_what_names_the_number_changes(#[case] given: Vec<u8>, #[case] changes: bool) {
        let mut ambiguous = Ambiguous::of(&[]);
        let mut settled = given.clone();
        ambiguous.settle(&mut settled);
        assert_eq!(settled, given, "nothing is ambiguous yet");
        ambiguous.insert(0x102);
        ambiguous.settle(&mut settled);
        let expected = if changes { datagram(NO_PORTS, &given[20..]) } else { given };
        assert_eq!(settled, expected);
    }

    #[rstest]
    #[case::query(1, &[13, 5, 0xff, 0xfc, 0, 9], &[13, 0, 0, 2, 0, 9])]
    #[case::error(1, &[3, 5, 0, 0, 0, 9], &[3, 5, 0, 0, 0, 9])]
    #[case::other_protocol(99, &[13, 5, 0, 0, 0, 9], &[13, 5, 0, 0, 0, 9])]
    #[case::cut_off(1, &[13, 5], &[13, 5])]
    fn queries_have_code_0_where_identifiers_are_few(
        #[case] protocol: u8,
        #[case] given: &[u8],
        #[case] expected: &[u8],
    ) {
        use crate::model::scenario::{Hook, Ports};
        let range =
            |ports| Rule::new(Hook::Postrouting, RuleAction::Masquerade(Ports { ports, ..Ports::default() }));
        for (ports, expected) in [(None, given), (Some((3000, 3003)), expected)] {
            let mut settled = datagram(protocol, given);
            Ambiguous::of(&[range(ports)]).settle(&mut settled);
            assert_eq!(settled, datagram(protocol, expected));
        }
    }
}
