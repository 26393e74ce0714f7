//! M12: ICMP queries and answers of every type, both ways, with the same identifier again or another; and tuples that
//! two conversations want.

use super::layout::{B, B2, Flow, LAN, Layout, M, Seen, T, T2, WAN, draft, icmp};
use crate::generate::datagram::filler;
use crate::generate::matrix::Case;

/// Queries and their answers.
const PAIRED: &[u8] = &[8, 0, 13, 14, 15, 16, 17, 18];

/// One message of a sequence.
#[derive(Clone, Copy, Debug)]
struct Message {
    icmp_type: u8,
    code: u8,
    /// From the one who answers.
    is_back: bool,
    /// With the other identifier of the case.
    is_other: bool,
}

impl Message {
    fn frame(self, layout: &Layout, n: usize) -> (usize, Vec<u8>) {
        let seen = match (self.is_back, layout.far) {
            (true, Some(far)) => far,
            _ => layout.near,
        };
        let (source, destination) =
            if self.is_back { (seen.answerer, seen.opener) } else { (seen.opener, seen.answerer) };
        let [high, low] = ((2 * n + usize::from(self.is_other)) as u16).to_be_bytes();
        let body: Vec<u8> = filler(12, 12).collect();
        let message = icmp(self.icmp_type, self.code, [high, low, 0, 1], &body);
        (seen.interface, draft(source, destination, 1, message).octets())
    }

    fn label(self) -> String {
        let way = if self.is_back { '<' } else { '>' };
        let other = if self.is_other { "'" } else { "" };
        format!("{way}{}/{}{other}", self.icmp_type, self.code)
    }
}

/// Every message of the types, codes and identifiers given, both ways.
fn messages(types: &[u8], codes: &[u8], others: &[bool]) -> Vec<Message> {
    let mut messages = Vec::new();
    for &icmp_type in types {
        for &code in codes {
            for &is_other in others {
                messages.extend([false, true].map(|is_back| Message { icmp_type, code, is_back, is_other }));
            }
        }
    }
    messages
}

/// Every pair of queries and answers, every triple of the common ones, and every type after a query.
pub(super) fn sequences(layout: &Layout, give: &mut dyn FnMut(Case)) {
    let mut made = 0;
    let mut make = |sequence: &[Message]| {
        // Identifiers come again after 32 768 cases, in another run.
        let frames = sequence.iter().map(|message| message.frame(layout, made % 0x8000)).collect();
        made += 1;
        let label = sequence.iter().map(|message| message.label()).collect::<Vec<_>>().join(" ");
        give(Case::new(label, frames));
    };
    let all = messages(PAIRED, &[0, 5], &[false, true]);
    for &first in &all {
        for &second in &all {
            make(&[first, second]);
        }
    }
    let common = messages(&[8, 0, 13, 14], &[0, 1], &[false]);
    for &first in &common {
        for &second in &common {
            for &third in &common {
                make(&[first, second, third]);
            }
        }
    }
    let query = Message { icmp_type: 8, code: 0, is_back: false, is_other: false };
    for icmp_type in 0..=255 {
        for is_back in [false, true] {
            if !PAIRED.contains(&icmp_type) {
                make(&[query, Message { icmp_type, code: 0, is_back, is_other: false }]);
            }
            make(&[Message { icmp_type, code: 2, is_back, is_other: false }]);
        }
    }
}

/// Two conversations that would look alike to A: B reaches it by its own address and by that which is translated to
/// it. Only the destination side is bound at first, so chance decides nothing as long as fewer than 128 were chosen.
pub(super) fn clashes(give: &mut dyn FnMut(Case)) {
    for n in 0..60 {
        for order in 0..4 {
            give(clash(n, 1, order));
        }
    }
}

/// The same where chance decides on the port, or nothing can be changed: each in a run of its own, so that what was
/// drawn meets no other.
pub(super) fn port_clashes(give: &mut dyn FnMut(Case)) {
    for n in [0, 1, 130, 131, 300, 301] {
        for protocol in [17, 6, 136, 47, 99] {
            for order in 0..4 {
                give(clash(n, protocol, order));
            }
        }
    }
}

fn clash(n: usize, protocol: u8, order: usize) -> Case {
    let flow = Flow { protocol, id: (n as u16) << 2 | order as u16, port: 7 };
    let remote = if n.is_multiple_of(2) { B } else { B2 };
    let seen = |answerer| Seen { interface: WAN, opener: remote, answerer };
    let inside = Seen { interface: LAN, opener: remote, answerer: super::layout::A };
    let (direct, mapped) = (inside.first(flow).octets(), seen(T2).first(flow).octets());
    let local = seen(T).first(flow).octets();
    let mut frames = vec![(WAN, direct), (WAN, mapped)];
    match order {
        0 => {}
        1 => frames.swap(0, 1),
        2 => frames.push((WAN, local)),
        _ => frames.insert(1, (LAN, inside.answer(flow).octets())),
    }
    frames.push((LAN, inside.answer(flow).octets()));
    let quote = inside.first(flow).octets();
    let error = icmp(3, 3, [0; 4], &quote);
    frames.push((LAN, draft(super::layout::A, remote, 1, error).octets()));
    let quote = seen(T2).answer(flow).octets();
    frames.push((WAN, draft(M, T2, 1, icmp(11, 0, [0; 4], &quote)).octets()));
    Case::new(format!("protocol={protocol} from={remote} id={} order={order}", flow.id), frames)
}
