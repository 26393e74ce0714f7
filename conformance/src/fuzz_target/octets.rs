//! Targets whose inputs are octets: one datagram, one message, one train, one series of questions.

use std::net::Ipv4Addr;
use std::sync::LazyLock;
use std::time::Duration;

use netassay_stack::ip::reassembly::OverlapPolicy;

use super::Finding;
use crate::generate::datagram::Draft;
use crate::generate::{Choice, Octets, datagram, fragment, option, quote};
use crate::model::{Action, EmittedFrame, Role, Scenario, Step, scenario_file};
use crate::oracle::rate::{self, Asked, Knobs, Question};
use crate::oracle::{self, checksum as sums, header, message, options, parsers, rebuild, reply, splice};

type Verdict = Result<(), Finding>;

/// Sums and their updates against RFC 1071 and RFC 1624, octet by octet.
pub(super) fn checksum(octets: &[u8]) -> Verdict {
    let Some((aim, octets)) = octets.split_at_checked(8) else { return Ok(()) };
    let mut choice = Octets::new(aim);
    let at = choice.below(octets.len() as u32 + 1) as usize;
    let new = choice.bits().to_be_bytes();
    sums::sums_agree(octets, at)?;
    Ok(sums::updates_agree(octets, at, new)?)
}

/// The strict view of a datagram against RFC 791 §3.1. A header has so little structure that raw octets reach all of it
/// faster than a generator would.
pub(super) fn ipv4_header(octets: &[u8]) -> Verdict {
    header::view_reads_what_is_there(octets).map_err(Finding::from)
}

/// Options: the walk, reception and blanking, over raw octets and over generated options.
pub(super) fn ipv4_options(octets: &[u8]) -> Verdict {
    let generated = option::options(&mut Octets::new(octets));
    for options in [&octets[..octets.len().min(40)], &generated] {
        options::walks_agree(options)?;
        options::reception_keeps_its_place(options)?;
        options::later_fragments_keep_the_copied(options)?;
    }
    Ok(())
}

/// Messages and extensions against RFC 792 and RFC 4884, over raw octets and over generated errors.
pub(super) fn icmp_message(octets: &[u8]) -> Verdict {
    message::view_reads_what_is_there(octets)?;
    if let Some((c_type, data)) = octets.split_first() {
        message::identification_is_read(*c_type, data)?;
    }
    let generated = datagram::datagram(&mut Octets::new(octets), &[]);
    Ok(message::view_reads_what_is_there(generated.get(20..).unwrap_or_default())?)
}

/// The parsers of quotes, over raw octets and over the quotes of generated errors.
pub(super) fn icmp_error_inner(octets: &[u8]) -> Verdict {
    oracle::quote::readings_agree(octets)?;
    let mut choice = Octets::new(octets);
    let sent = datagram::datagram(&mut choice, &[]);
    let mut draft = Draft {
        tos: 0,
        identification: 0,
        flags_and_offset: 0,
        ttl: 64,
        protocol: 1,
        source: Ipv4Addr::UNSPECIFIED,
        destination: Ipv4Addr::UNSPECIFIED,
        options: Vec::new(),
        payload: Vec::new(),
    };
    quote::icmp_error(&mut choice, &[sent], &mut draft);
    Ok(oracle::quote::readings_agree(draft.payload.get(8..).unwrap_or_default())?)
}

/// Our parsers against etherparse's and smoltcp's, and our builders against what was read, over raw octets and over
/// generated datagrams.
pub(super) fn parser_agreement(octets: &[u8]) -> Verdict {
    rebuild::what_is_not_said_is_right(octets)?;
    let generated = datagram::datagram(&mut Octets::new(octets), &[]);
    for octets in [octets, &generated] {
        parsers::agree(octets)?;
        rebuild::datagram_comes_back(octets)?;
    }
    Ok(())
}

/// Fragment trains of two datagrams through the reassembler, under each overlap policy, against a map of octets.
pub(super) fn reassembly(octets: &[u8]) -> Verdict {
    let mut choice = Octets::new(octets);
    let mut train = Vec::new();
    for _ in 0..2 {
        let whole = datagram::datagram(&mut choice, &[]);
        train.extend(fragment::train(&mut choice, &whole));
    }
    // Dear, for the map has a slot for each octet; drawn last, so that it changes no input that does without.
    if choice.below(16) == 15 {
        train = fragment::giant(&mut choice);
    }
    for policy in [OverlapPolicy::DiscardDatagram, OverlapPolicy::KeepFirst, OverlapPolicy::KeepLast] {
        splice::reassembler_agrees(policy, &train)
            .map_err(|objection| Finding::new(format!("{policy:?}: {objection}")))?;
    }
    Ok(())
}

/// Rate limits against plain arithmetic: knobs, then questions of 4 octets.
pub(super) fn rate_limit(octets: &[u8]) -> Verdict {
    let mut choice = Octets::new(octets);
    let knobs = Knobs {
        limit_ms: i64::from(*choice.pick(&[1000, 1000, 0, 1, 3, 4, 5, 250, 60_000, i32::MAX])),
        mask: *choice.pick(&[6168, 6168, u32::MAX, 0, 1, 1 << 18]),
        per_second: *choice.pick(&[1000, 1000, 0, 1, 49, 50, 249, 250, 100_000]),
        burst: *choice.pick(&[50, 50, 0, 1, 3, i32::MAX]),
    };
    let mut questions = Vec::new();
    while !choice.is_exhausted() && questions.len() < 1024 {
        let after = match choice.below(16) {
            0..=9 => 0,
            10 => choice.below(8),
            11 => choice.between(248, 252),
            12 => choice.between(1248, 1252),
            13 => choice.between(5118, 5124),
            14 => choice.between(14_998, 15_002),
            _ => choice.word().into(),
        };
        let asked = match choice.below(8) {
            0 => Asked::ErrorRoute,
            1 => Asked::Redirect,
            2 => Asked::Message {
                icmp_type: choice.octet() % 44,
                code: choice.octet(),
                price: choice.octet() % 3,
            },
            _ => Asked::Message { icmp_type: 3, code: 3, price: choice.below(3) as u8 },
        };
        questions.push(Question { after, peer: choice.below(4) as u8, asked });
    }
    Ok(rate::limits_agree(&knobs, &questions)?)
}

/// Worlds in which replies are read.
static WORLDS: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
    let names = ["host", "router-ethernet", "nat"];
    names
        .iter()
        .filter_map(|name| scenario_file::by_name(name))
        .map(scenario_file::NamedScenario::scenario)
        .collect()
});

/// Hostile replies: a stimulus and up to four frames through our decoder and our comparison.
pub(super) fn client_reply(octets: &[u8]) -> Verdict {
    reply::is_decoded_in_place(octets)?;
    let mut choice = Octets::new(octets);
    let scenario = choice.pick(&WORLDS);
    let interfaces = scenario.interfaces.len() as u32;
    let stimulus = if scenario.role == Role::Host && choice.chance(1, 8) {
        Action::Advance
    } else {
        let interface = choice.below(interfaces) as usize;
        Action::Inject { interface, frame: datagram::datagram(&mut choice, &[]) }
    };
    let count = choice.between(1, 3);
    let mut frames: Vec<EmittedFrame> = (0..count)
        .map(|_| EmittedFrame {
            interface: choice.below(interfaces) as usize,
            octets: datagram::datagram(&mut choice, &[]),
        })
        .collect();
    frames.push(EmittedFrame { interface: 0, octets: octets.to_vec() });
    // Each interface gives its frames in order, interfaces in the order of the scenario.
    frames.sort_by_key(|frame| frame.interface);
    let step = Step { at: Duration::ZERO, action: stimulus, packet: 1, comment: None };
    for frame in &frames {
        reply::is_decoded_in_place(&frame.octets)?;
    }
    Ok(reply::is_compared_by_law(scenario, &step, &frames)?)
}
