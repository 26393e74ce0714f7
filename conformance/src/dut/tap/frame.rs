//! The frames that pass between the harness and a stack behind an interface: addresses translated, neighbors played.

use std::net::Ipv4Addr;

use netassay_stack::wire::checksum::checksum;

use crate::dut::foreign::ETHERNET;
use crate::model::LinkKind;

/// EtherTypes.
const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
/// Hardware type Ethernet, protocol type IPv4, with the lengths of their addresses. RFC 826.
const ARP_FOR_IPV4: [u8; 6] = [0, 1, 8, 0, 6, 4];
/// Octets of a frame that a device fills up to the least that Ethernet takes.
const LEAST: usize = 60;
/// Identifier of the echo requests that tell when a step is done.
const SENTINEL: u16 = 0x6e61;

/// The two ends of a link, and what the scenario says of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) kind: LinkKind,
    /// Hardware address of the interface in the scenario.
    pub(super) scenario: [u8; 6],
    /// Hardware address of the stack.
    pub(super) theirs: [u8; 6],
    /// Our hardware address, that of all neighbors.
    pub(super) ours: [u8; 6],
    /// Address of the stack.
    pub(super) address: Ipv4Addr,
    /// A neighbor that the scenario does not speak of, from which sentinels come.
    pub(super) watcher: Ipv4Addr,
}

/// What a frame from the stack is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Part of the observation, as the scenario's link has it.
    Emitted(Vec<u8>),
    /// A sentinel came back, the one with this number.
    Sentinel(u16),
    /// A neighbor is asked for: what is to be sent.
    Asked(Vec<u8>),
    /// The stack is at this hardware address.
    Answered([u8; 6]),
    /// Nothing that concerns IPv4.
    Other,
}

impl Ends {
    /// `frame` of the scenario as the stack is to receive it.
    pub(super) fn outward(&self, frame: &[u8]) -> Vec<u8> {
        match (self.kind, frame.split_first_chunk::<6>()) {
            (LinkKind::Ip, _) => [&self.theirs[..], &self.ours, &IPV4, frame].concat(),
            (LinkKind::Ethernet, Some((to, rest))) if *to == self.scenario => {
                [&self.theirs[..], rest].concat()
            }
            (LinkKind::Ethernet, _) => frame.to_vec(),
        }
    }

    /// What `frame` from the stack is.
    pub(super) fn inward(&self, frame: &[u8]) -> Seen {
        let Some((header, payload)) = frame.split_first_chunk::<ETHERNET>() else { return Seen::Other };
        match [header[12], header[13]] {
            ARP => self.arp(payload),
            IPV4 => self.datagram(header, without_padding(payload, frame.len())),
            _ => Seen::Other,
        }
    }

    fn datagram(&self, header: &[u8; ETHERNET], datagram: &[u8]) -> Seen {
        if let Some(number) = self.sentinel_in(datagram) {
            return Seen::Sentinel(number);
        }
        Seen::Emitted(match self.kind {
            LinkKind::Ip => datagram.to_vec(),
            LinkKind::Ethernet => {
                // As where Linux has no ARP: to stations and from itself, a frame has the interface's own address.
                let translate = |mac: &[u8]| {
                    if mac == self.ours || mac == self.theirs {
                        self.scenario
                    } else {
                        mac.try_into().unwrap_or(self.scenario)
                    }
                };
                [&translate(&header[..6])[..], &translate(&header[6..12]), &IPV4, datagram].concat()
            }
        })
    }

    /// The number of the sentinel whose answer `datagram` is.
    fn sentinel_in(&self, datagram: &[u8]) -> Option<u16> {
        let (ip, icmp) = (datagram.get(..20)?, datagram.get(20..28)?);
        let is_reply = ip[0] == 0x45
            && ip[9] == 1
            && ip[12..16] == self.address.octets()
            && ip[16..20] == self.watcher.octets()
            && icmp[..2] == [0, 0]
            && icmp[4..6] == SENTINEL.to_be_bytes();
        is_reply.then(|| u16::from_be_bytes([icmp[6], icmp[7]]))
    }

    /// An echo request to the stack that shows, when it is answered, that all before it has been dealt with.
    pub(super) fn sentinel(&self, number: u16) -> Vec<u8> {
        let mut icmp = [[8, 0, 0, 0], [0; 4]].concat();
        icmp[4..6].copy_from_slice(&SENTINEL.to_be_bytes());
        icmp[6..].copy_from_slice(&number.to_be_bytes());
        let sum = checksum(&icmp);
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        let mut ip = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0];
        ip.extend(self.watcher.octets());
        ip.extend(self.address.octets());
        let sum = checksum(&ip);
        ip[10..12].copy_from_slice(&sum.to_be_bytes());
        [&self.theirs[..], &self.ours, &IPV4, &ip, &icmp].concat()
    }

    fn arp(&self, message: &[u8]) -> Seen {
        let Some(message) = message.get(..28).filter(|message| message[..6] == ARP_FOR_IPV4) else {
            return Seen::Other;
        };
        let (sender, target) = (&message[14..18], &message[24..28]);
        let is_theirs = |address: &[u8]| address == self.address.octets();
        match [message[6], message[7]] {
            [0, 2] if is_theirs(sender) => message[8..14].try_into().map_or(Seen::Other, Seen::Answered),
            // Whoever asks for their own address wants to hear nothing. RFC 5227 §2.1.1.
            [0, 1] if !is_theirs(target) && sender != target => {
                let (asker, ours) = (&message[8..14], &self.ours);
                let reply = [asker, ours, &ARP, &ARP_FOR_IPV4, &[0, 2], ours, target, asker, sender];
                Seen::Asked(reply.concat())
            }
            _ => Seen::Other,
        }
    }

    /// A question for the hardware address of the stack.
    pub(super) fn question(&self) -> Vec<u8> {
        let (ours, watcher, address) = (&self.ours, self.watcher.octets(), self.address.octets());
        [&[255; 6][..], ours, &ARP, &ARP_FOR_IPV4, &[0, 1], ours, &watcher, &[0; 6], &address].concat()
    }
}

/// The datagram in a frame of `len` octets that may have been filled up to the least that Ethernet takes.
fn without_padding(payload: &[u8], len: usize) -> &[u8] {
    let total = payload.get(2..4).map(|octets| usize::from(u16::from_be_bytes([octets[0], octets[1]])));
    match total {
        Some(total @ 20..) if len == LEAST => payload.get(..total).unwrap_or(payload),
        _ => payload,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: Ends = Ends {
        kind: LinkKind::Ethernet,
        scenario: [2, 0, 0, 0, 0, 1],
        theirs: [2, 0, 0, 0, 0, 7],
        ours: [2, 0, 0, 0, 0, 9],
        address: Ipv4Addr::new(10, 0, 0, 1),
        watcher: Ipv4Addr::new(10, 0, 0, 254),
    };

    #[test]
    fn addresses_are_translated_both_ways() {
        let frame = [&ENDS.scenario[..], &[2, 0, 0, 0, 0, 8], &IPV4, &[0x45; 40]].concat();
        assert_eq!(ENDS.outward(&frame)[..12], [2, 0, 0, 0, 0, 7, 2, 0, 0, 0, 0, 8]);
        let broadcast = [&[255; 6][..], &frame[6..]].concat();
        assert_eq!(ENDS.outward(&broadcast), broadcast);
        let emitted = [&ENDS.ours[..], &ENDS.theirs, &IPV4, &[0x45; 40]].concat();
        let seen = [&ENDS.scenario[..], &ENDS.scenario, &IPV4, &[0x45; 40]].concat();
        assert_eq!(ENDS.inward(&emitted), Seen::Emitted(seen));
        assert_eq!(Ends { kind: LinkKind::Ip, ..ENDS }.inward(&emitted), Seen::Emitted(vec![0x45; 40]));
    }

    #[test]
    fn a_sentinel_is_known_by_its_answer_only() {
        let mut frame = ENDS.sentinel(513);
        assert_eq!(checksum(&frame[14..34]), 0);
        assert!(matches!(ENDS.inward(&frame), Seen::Emitted(_)));
        frame[34] = 0;
        frame[26..34].rotate_left(4);
        assert_eq!(ENDS.inward(&frame), Seen::Sentinel(513));
    }

    #[test]
    fn neighbors_are_played_but_not_the_stack_itself() {
        let ask = |target: [u8; 4]| {
            let theirs = &ENDS.theirs;
            [&[255; 6][..], theirs, &ARP, &ARP_FOR_IPV4, &[0, 1], theirs, &[10, 0, 0, 1], &[0; 6], &target]
                .concat()
        };
        let Seen::Asked(reply) = ENDS.inward(&ask([10, 0, 0, 2])) else { panic!("it was not answered") };
        assert_eq!(reply[22..32], [2, 0, 0, 0, 0, 9, 10, 0, 0, 2]);
        assert_eq!(ENDS.inward(&ask([10, 0, 0, 1])), Seen::Other);
        let mut answer = ENDS.question();
        answer[21] = 2;
        answer[22..32].copy_from_slice(&[2, 0, 0, 0, 0, 5, 10, 0, 0, 1]);
        assert_eq!(ENDS.inward(&answer), Seen::Answered([2, 0, 0, 0, 0, 5]));
    }

    #[test]
    fn padding_is_no_part_of_a_datagram() {
        let datagram = [&[0x45, 0, 0, 28][..], &[7; 24], &[0; 18]].concat();
        assert_eq!(without_padding(&datagram, LEAST).len(), 28);
        assert_eq!(without_padding(&datagram, LEAST + 4).len(), 46);
    }
}
