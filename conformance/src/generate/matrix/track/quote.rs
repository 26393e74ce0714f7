//! M7 and M8: what a stack makes of the datagram that an ICMP error quotes, by its role.
//!
//! Each table holds everything but two or three axes at what an honest router would send.

use std::net::Ipv4Addr;

use netassay_stack::wire::checksum;

use super::layout::{A, A2, B2, Flow, L, LAN, Layout, M, R, Seen, T, T2, draft, icmp};
use crate::generate::matrix::Case;

/// Error types with the codes that mean something, and one that means nothing.
const ERRORS: &[(u8, u8)] = &[
    (3, 0),
    (3, 1),
    (3, 2),
    (3, 3),
    (3, 4),
    (3, 5),
    (3, 6),
    (3, 7),
    (3, 8),
    (3, 9),
    (3, 10),
    (3, 11),
    (3, 12),
    (3, 13),
    (3, 14),
    (3, 15),
    (3, 16),
    (4, 0),
    (4, 1),
    (5, 0),
    (5, 1),
    (5, 2),
    (5, 3),
    (11, 0),
    (11, 1),
    (11, 2),
    (12, 0),
    (12, 1),
    (12, 2),
    (12, 255),
];
/// ICMP echo, TCP, UDP, UDP-Lite, GRE, SCTP, something else.
const PROTOCOLS: &[u8] = &[1, 6, 17, 136, 47, 132, 99];
/// Which way the quoted datagram went.
const ABOUT: &[About] = &[About::First, About::Answer];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum About {
    First,
    Answer,
}

/// An error on its way: where it comes in, who sends it to whom, and what it quotes.
struct Error {
    interface: usize,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    icmp_type: u8,
    code: u8,
    word: [u8; 4],
    quote: Vec<u8>,
}

impl Error {
    /// A host-unreachable about a datagram of the conversation, from a router on the way, as it should be. `None` if
    /// the stack itself would have to send it.
    fn honest(layout: &Layout, flow: Flow, about: About) -> Option<Self> {
        let (seen, quoted) = match about {
            About::First => layout.far.map(|seen: Seen| (seen, seen.first(flow)))?,
            About::Answer => (layout.near, layout.near.answer(flow)),
        };
        Some(Self {
            interface: seen.interface,
            source: if seen.interface == LAN { R } else { M },
            destination: quoted.source,
            icmp_type: 3,
            code: 1,
            word: [0; 4],
            quote: quoted.octets(),
        })
    }

    fn frame(&self) -> (usize, Vec<u8>) {
        let message = icmp(self.icmp_type, self.code, self.word, &self.quote);
        (self.interface, draft(self.source, self.destination, 1, message).octets())
    }
}

/// Makes cases one after the other, each about a conversation of its own.
struct Maker<'m> {
    layout: &'m Layout,
    give: &'m mut dyn FnMut(Case),
    made: usize,
    /// Identifier of every conversation, where a socket fixes it.
    fixed: Option<u16>,
}

impl Maker<'_> {
    /// One case: the conversation, then the error that `change` makes of an honest one.
    fn make(&mut self, protocol: u8, about: About, what: String, change: impl FnOnce(&mut Error)) {
        let mut flow = Flow::number(protocol, self.made);
        let is_answered = !self.made.is_multiple_of(3);
        self.made += 1;
        if let Some(id) = self.fixed {
            flow.id = id;
        }
        let Some(mut error) = Error::honest(self.layout, flow, about) else { return };
        change(&mut error);
        let mut frames = Vec::new();
        if self.fixed.is_none() {
            frames.push((self.layout.near.interface, self.layout.near.first(flow).octets()));
            if let Some(far) = self.layout.far.filter(|_| is_answered) {
                frames.push((far.interface, far.answer(flow).octets()));
            }
        }
        frames.push(error.frame());
        let label = format!("protocol={protocol} about={about:?} {what}").to_lowercase();
        (self.give)(Case::new(label, frames));
    }

    /// Type × code × length of the quote.
    fn lengths(&mut self) {
        for &(icmp_type, code) in ERRORS {
            for &protocol in PROTOCOLS {
                for len in (0..=52).chain([68, 128]) {
                    if !(16..=30).contains(&len) && (usize::from(code) + len) % 4 != 0 {
                        continue;
                    }
                    let about = ABOUT[(len + usize::from(icmp_type)) % 2];
                    let what = format!("type={icmp_type} code={code} quote={len}");
                    self.make(protocol, about, what, |error| {
                        (error.icmp_type, error.code) = (icmp_type, code);
                        error.quote.resize(len, 0xa5);
                    });
                }
            }
        }
    }

    /// Length of the quoted header × length of the quote.
    fn header_lengths(&mut self) {
        for ihl in 0..=15 {
            for &protocol in PROTOCOLS {
                for len in [20, 21, 23, 24, 27, 28, 32, 36, 40, 59, 60, 61, 64, 67, 68, 80] {
                    for &about in ABOUT {
                        let what = format!("ihl={ihl} quote={len}");
                        self.make(protocol, about, what, |error| widen(&mut error.quote, ihl, len));
                    }
                }
            }
        }
    }

    /// Every quoted protocol, of a conversation and of none.
    fn protocols(&mut self) {
        for protocol in 0..=255 {
            for &about in ABOUT {
                for len in [20, 24, 28, 36] {
                    self.make(protocol, about, format!("quote={len}"), |error| error.quote.truncate(len));
                }
                self.make(17, about, format!("quoted={protocol}"), |error| {
                    error.quote[9] = protocol;
                    repair(&mut error.quote);
                });
            }
        }
    }

    /// Flags and fragment offset of the quoted datagram.
    fn fragments(&mut self) {
        for word in
            [0x2000, 0x4000, 0x6000, 0x8000, 0xe000, 1, 2, 0x2001, 0x2002, 0x4001, 0x1fff, 0x3fff, 0xffff_u16]
        {
            for &protocol in PROTOCOLS {
                for &about in ABOUT {
                    for len in [28, 36] {
                        self.make(protocol, about, format!("fragment={word:#06x} quote={len}"), |error| {
                            error.quote[6..8].copy_from_slice(&word.to_be_bytes());
                            repair(&mut error.quote);
                            error.quote.truncate(len);
                        });
                    }
                }
            }
        }
    }

    /// Who sends the error to whom, and one octet of the quote off.
    fn matches(&mut self) {
        let senders = [
            ("router", None),
            ("outside", Some(M)),
            ("inside", Some(R)),
            ("peer", Some(B2)),
            ("host", Some(A)),
            ("own", Some(T)),
            ("own-inside", Some(L)),
            ("nobody", Some(Ipv4Addr::UNSPECIFIED)),
            ("loopback", Some(Ipv4Addr::LOCALHOST)),
            ("multicast", Some(Ipv4Addr::new(224, 0, 0, 5))),
            ("broadcast", Some(Ipv4Addr::BROADCAST)),
        ];
        for (sender, source) in senders {
            for &protocol in PROTOCOLS {
                for &about in ABOUT {
                    for &(icmp_type, code) in &[(3, 1), (3, 3), (3, 4), (5, 1), (11, 0), (12, 0)] {
                        let what = format!("from={sender} type={icmp_type} code={code}");
                        self.make(protocol, about, what, |error| {
                            error.source = source.unwrap_or(error.source);
                            (error.icmp_type, error.code) = (icmp_type, code);
                        });
                    }
                    for (change, apply) in CHANGES {
                        let what = format!("from={sender} change={change}");
                        self.make(protocol, about, what, |error| {
                            error.source = source.unwrap_or(error.source);
                            apply(error);
                        });
                    }
                }
            }
        }
    }

    /// Every octet of the quote off by every bit.
    fn bits(&mut self) {
        for at in 0..28 {
            for bit in 0..8 {
                for &protocol in &[1, 6, 17, 99] {
                    for &about in ABOUT {
                        self.make(protocol, about, format!("octet={at} bit={bit}"), |error| {
                            error.quote[at] ^= 1 << bit;
                            error.quote.truncate(28 + 8 * (at % 2));
                        });
                    }
                }
            }
        }
    }
}

/// One thing that an honest error would not have.
type Change = fn(&mut Error);

const CHANGES: &[(&str, Change)] = &[
    ("source", |error| error.quote[15] ^= 8),
    ("destination", |error| error.quote[19] ^= 8),
    ("first-word", |error| error.quote[20] ^= 1),
    ("second-word", |error| error.quote[22] ^= 1),
    ("third-word", |error| error.quote[25] ^= 1),
    ("quoted-checksum", |error| error.quote[10] ^= 0x40),
    ("quoted-ttl-0", |error| error.quote[8] = 0),
    ("quoted-length-0", |error| error.quote[2..4].fill(0)),
    ("quoted-length-huge", |error| error.quote[2..4].fill(0xff)),
    ("quoted-version-6", |error| error.quote[0] = 0x65),
    ("quoted-version-0", |error| error.quote[0] = 0x05),
    ("quoted-tos", |error| error.quote[1] = 0xff),
    ("quoted-bare", |error| error.quote[20..].fill(0)),
    ("turned-round", |error| {
        let (source, destination) = error.quote[12..20].split_at_mut(4);
        source.swap_with_slice(destination);
    }),
    ("to-another-inside", |error| error.destination = A2),
    ("to-the-inside", |error| error.destination = A),
    ("to-the-outside", |error| error.destination = T),
    ("to-the-other-outside", |error| error.destination = T2),
    ("to-the-router-inside", |error| error.destination = L),
    ("about-the-inside-source", |error| error.quote[12..16].copy_from_slice(&A.octets())),
    ("about-the-inside-destination", |error| error.quote[16..20].copy_from_slice(&A.octets())),
    ("about-itself", |error| {
        let inner = icmp(3, 1, [0; 4], &error.quote);
        error.quote = draft(error.destination, error.source, 1, inner).octets();
    }),
    ("twice-quoted", |error| {
        let inner = icmp(11, 0, [0; 4], &error.quote);
        let source = Ipv4Addr::new(error.quote[12], error.quote[13], error.quote[14], error.quote[15]);
        error.quote = draft(source, error.source, 1, inner).octets();
    }),
    ("other-link", |error| error.interface ^= 1),
    ("rest-of-header", |error| error.word = [0xab, 0xcd, 0x05, 0xdc]),
    ("extension", |error| {
        error.quote.resize(128, 0);
        error.word[1] = 32;
        error.quote.extend([0x20, 0, 0xdf, 0xff]);
    }),
];

/// Gives the quoted header `ihl` words, keeps what follows 20 octets behind, and cuts the quote.
fn widen(quote: &mut Vec<u8>, ihl: u8, len: usize) {
    quote[0] = 0x40 | ihl;
    for _ in 5..ihl {
        quote.splice(20..20, [1, 1, 1, 0]);
    }
    repair(quote);
    quote.resize(len, 0x5a);
}

fn repair(quote: &mut [u8]) {
    let header_len = usize::from(quote[0] & 15) * 4;
    if header_len >= 12 && header_len <= quote.len() {
        quote[10..12].fill(0);
        let sum = checksum::checksum(&quote[..header_len]);
        quote[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

/// All tables over `layout`.
pub(super) fn cases(layout: &Layout, give: &mut dyn FnMut(Case)) {
    let mut maker = Maker { layout, give, made: 0, fixed: None };
    maker.lengths();
    maker.header_lengths();
    maker.protocols();
    maker.fragments();
    maker.matches();
    maker.bits();
}

/// All tables about what the sockets of the world may have sent.
pub(super) fn about_sockets(layout: &Layout, give: &mut dyn FnMut(Case)) {
    for id in 5000..5006 {
        let mut labeled = |case: Case| give(Case { label: format!("id={id} {}", case.label), ..case });
        let mut maker = Maker { layout, give: &mut labeled, made: 0, fixed: Some(id) };
        maker.lengths();
        maker.matches();
        if id % 2 == 1 {
            maker.header_lengths();
            maker.fragments();
        }
    }
}
