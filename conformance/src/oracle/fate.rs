//! One fate for each datagram: what came out has to be what the outcome says, and answers have a bound.

use std::net::Ipv4Addr;

use netassay_stack::outcome::{NoticeFate, Outcome};

use super::{Objection, checksum, header, hold, same};
use crate::model::{LinkKind, Observation, Scenario};

/// Octets that an answer may add to what it answers: the longest headers, and as much as an ICMP error quotes at most.
const ADDITION: usize = 60 + 576;

/// What a stack may emit of one datagram besides the fragments of one: the datagram, forwarded, and a redirect about
/// it, or an answer.
const MOST_ANSWERS: usize = 2;

/// Judges what came of a datagram that was handed in; `datagram` starts at the IP header.
///
/// # Errors
/// The first thing that the outcome does not explain.
pub fn judge(
    scenario: &Scenario,
    datagram: &[u8],
    outcome: Outcome,
    observation: &Observation,
) -> Result<(), Objection> {
    broken_is_not_accepted(datagram, outcome, observation)?;
    if !observation.frames.is_empty() {
        let emitted: Vec<Emitted<'_>> = observation
            .frames
            .iter()
            .filter_map(|frame| Emitted::of(scenario, frame.interface, &frame.octets))
            .collect();
        notices_are_those_decided(scenario, outcome, &emitted)?;
        answers_are_bounded(datagram, &emitted)?;
    }
    match outcome {
        Outcome::Held => {
            let is_silent = observation.frames.is_empty() && observation.deliveries.is_empty();
            hold("RFC 791 §3.2", "nothing comes of a fragment that is held", is_silent, || {
                format!("{observation:02x?}")
            })
        }
        Outcome::Dropped { reason, .. } => {
            let is_told = reason.linux_name().is_none()
                || observation.drops.iter().any(|drop| drop.location.as_deref() == Some(reason.name()));
            hold("RFC 1812 §1.3.3", "a discarded datagram is told of", is_told, || reason.name().to_owned())
        }
        Outcome::Delivered | Outcome::Forwarded | Outcome::Stolen => Ok(()),
    }
}

/// A datagram that was emitted.
#[derive(Clone, Copy, Debug)]
struct Emitted<'f>(&'f [u8]);

impl<'f> Emitted<'f> {
    /// The datagram in a frame, if there is a whole header.
    fn of(scenario: &Scenario, interface: usize, frame: &'f [u8]) -> Option<Self> {
        let octets = match scenario.interfaces.get(interface)?.link {
            LinkKind::Ip => frame,
            LinkKind::Ethernet => frame.get(14..)?,
        };
        (octets.len() >= 20).then_some(Self(octets))
    }

    fn header_len(self) -> usize {
        usize::from(self.0[0] & 15) * 4
    }

    fn is_later_fragment(self) -> bool {
        u16::from_be_bytes([self.0[6], self.0[7]]) & 0x1fff != 0
    }

    /// Type and code, if it begins an ICMP error that is no redirect.
    fn notice(self) -> Option<(u8, u8)> {
        let message = self.0.get(self.header_len()..)?;
        let is_notice =
            self.0[9] == 1 && !self.is_later_fragment() && matches!(message.first()?, 3 | 4 | 11 | 12);
        is_notice.then_some((message[0], *message.get(1)?))
    }

    fn source(self) -> Ipv4Addr {
        Ipv4Addr::new(self.0[12], self.0[13], self.0[14], self.0[15])
    }
}

/// Whether a broken header is refused, and a broken ICMP message not answered. RFC 1122 §3.2.1.2, RFC 792.
fn broken_is_not_accepted(
    datagram: &[u8],
    outcome: Outcome,
    observation: &Observation,
) -> Result<(), Objection> {
    let header_len = usize::from(datagram.first().map_or(0, |first| first & 15)) * 4;
    if !header::is_datagram(datagram) || !checksum::is_intact(&datagram[..header_len]) {
        let is_refused = matches!(outcome, Outcome::Dropped { .. });
        let found = || format!("{outcome:?} of {datagram:02x?}");
        return hold("RFC 1122 §3.2.1.2", "a broken header is refused", is_refused, found);
    }
    let total = usize::from(u16::from_be_bytes([datagram[2], datagram[3]]));
    let is_whole = u16::from_be_bytes([datagram[6], datagram[7]]) & 0x3fff == 0;
    let is_answered = outcome == Outcome::Delivered && !observation.frames.is_empty();
    // What was not answered need not be summed.
    let is_broken =
        || datagram[9] == 1 && is_whole && !checksum::is_intact(&datagram[header_len..total.max(header_len)]);
    hold("RFC 792", "a broken message is not answered", !is_answered || !is_broken(), || {
        format!("{observation:02x?}")
    })
}

/// Whether the ICMP errors among `emitted` that the stack made are the one that was decided, or none.
fn notices_are_those_decided(
    scenario: &Scenario,
    outcome: Outcome,
    emitted: &[Emitted<'_>],
) -> Result<(), Objection> {
    let clause = "RFC 1122 §3.2.2";
    if outcome == Outcome::Forwarded {
        // An error that was forwarded may come from one of our addresses after translation.
        return Ok(());
    }
    let is_own = |address: Ipv4Addr| {
        scenario
            .interfaces
            .iter()
            .flat_map(|interface| &interface.addresses)
            .any(|own| own.address == address)
    };
    let own = emitted.iter().filter(|datagram| is_own(datagram.source()));
    let mut notices = own.filter_map(|datagram| datagram.notice());
    let Some(found) = notices.next() else { return Ok(()) };
    let more = notices.next();
    hold(clause, "one datagram causes one error at most", more.is_none(), || format!("{found:?}, {more:?}"))?;
    let len =
        emitted.iter().filter(|datagram| datagram.notice().is_some()).map(|datagram| datagram.0.len()).max();
    hold("RFC 1812 §4.3.2.3", "an error has 576 octets at most", len <= Some(576), || {
        format!("{len:?} octets")
    })?;
    match outcome {
        Outcome::Dropped { notice: NoticeFate::Sent(notice), .. } => {
            same(clause, "the error is the one decided", found, (notice.icmp_type, notice.code))
        }
        // What is delivered to this system can loop back and be refused there.
        Outcome::Delivered => Ok(()),
        _ => Err(Objection::new(clause, format!("the error {found:?} although {outcome:?}"))),
    }
}

/// Whether the answers to `datagram` are few and no larger than it lets expect. RFC 1812 §4.3.2.7, RFC 4732 §2.
fn answers_are_bounded(datagram: &[u8], emitted: &[Emitted<'_>]) -> Result<(), Objection> {
    let clause = "RFC 1812 §4.3.2.7";
    let is_fragment =
        datagram.get(6..8).is_some_and(|word| u16::from_be_bytes([word[0], word[1]]) & 0x3fff != 0);
    let is_tcp = datagram.get(9) == Some(&6);
    if is_fragment || is_tcp {
        // A fragment completes what came before; a segment can release what was queued.
        return Ok(());
    }
    let answers = emitted.iter().filter(|datagram| !datagram.is_later_fragment()).count();
    hold(clause, "answers are few", answers <= MOST_ANSWERS, || format!("{answers} answers"))?;
    let octets: usize =
        emitted.iter().map(|datagram| datagram.0.len() - datagram.header_len().min(datagram.0.len())).sum();
    let most = datagram.len() + ADDITION;
    hold(clause, "answers are no larger than expected", octets <= most, || {
        format!("{octets} octets of {most}")
    })
}

#[cfg(test)]
mod tests {
    use netassay_stack::drop_reason::DropReason;
    use netassay_stack::outcome::Notice;
    use rstest::rstest;

    use super::*;
    use crate::generate::datagram::repair_header_checksum;
    use crate::model::{Drop, EmittedFrame, scenario_file};

    /// A Port Unreachable from 10.0.0.1, or with another type.
    fn error(icmp_type: u8, code: u8) -> Vec<u8> {
        let mut octets =
            vec![0x45, 0, 0, 56, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, icmp_type, code];
        octets.resize(56, 0);
        octets
    }

    const DROPPED: Outcome = Outcome::Dropped {
        reason: DropReason::UdpNoSocket,
        notice: NoticeFate::Sent(Notice::PORT_UNREACHABLE),
    };
    const SILENT: Outcome = Outcome::Dropped { reason: DropReason::UdpNoSocket, notice: NoticeFate::NotDue };

    #[rstest]
    #[case::as_decided(DROPPED, &[error(3, 3)], true, true)]
    #[case::another_code(DROPPED, &[error(3, 1)], true, false)]
    #[case::two_of_them(DROPPED, &[error(3, 3), error(3, 3)], true, false)]
    #[case::not_told(DROPPED, &[error(3, 3)], false, false)]
    #[case::not_due(SILENT, &[error(3, 3)], true, false)]
    #[case::silence(SILENT, &[], true, true)]
    #[case::held(Outcome::Held, &[], true, true)]
    #[case::held_and_answered(Outcome::Held, &[error(0, 0)], true, false)]
    #[case::three_answers(Outcome::Delivered, &[error(0, 0), error(0, 0), error(0, 0)], true, false)]
    #[case::large_answer(Outcome::Delivered, &[[error(0, 0), vec![0; 700]].concat()], true, false)]
    fn fates(
        #[case] outcome: Outcome,
        #[case] frames: &[Vec<u8>],
        #[case] is_told: bool,
        #[case] is_right: bool,
    ) {
        let scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        let mut observation = Observation::default();
        observation
            .frames
            .extend(frames.iter().map(|octets| EmittedFrame { interface: 0, octets: octets.clone() }));
        if is_told {
            let location = Some(DropReason::UdpNoSocket.name().into());
            observation.drops.push(Drop { reason: "NO_SOCKET".into(), location });
        }
        let mut datagram = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
        datagram.extend([0, 7, 0, 9, 0, 8, 0, 0]);
        repair_header_checksum(&mut datagram);
        let verdict = judge(&scenario, &datagram, outcome, &observation);
        assert_eq!(verdict.is_ok(), is_right, "{verdict:?}");
    }

    #[test]
    fn a_broken_header_is_to_be_refused() {
        let scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        let mut datagram = [0x45, 0, 0, 20, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1];
        repair_header_checksum(&mut datagram);
        let observation = Observation::default();
        assert_eq!(judge(&scenario, &datagram, Outcome::Delivered, &observation), Ok(()));
        datagram[10] ^= 1;
        assert!(judge(&scenario, &datagram, Outcome::Delivered, &observation).is_err());
    }

    #[test]
    fn an_error_is_not_to_be_long() {
        let scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        let long = [error(3, 3), vec![0; 521]].concat();
        assert!(notices_are_those_decided(&scenario, DROPPED, &[Emitted(&long)]).is_err());
        assert!(notices_are_those_decided(&scenario, DROPPED, &[Emitted(&long[..576])]).is_ok());
    }
}
