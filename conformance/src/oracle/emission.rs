//! What any stack may emit in one step: bounded, on links that exist, fitting them, well formed, and not forbidden.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use super::{Objection, answer, frame, hold};
use crate::model::scenario::Hook;
use crate::model::{EmittedFrame, Interface, LinkKind, Observation, RuleAction, Scenario};

/// The most frames that one injected frame can cause: a datagram of 65 535 octets cut into fragments of 8, and two
/// ICMP messages.
const MOST_FRAMES: usize = 65_535 / 8 + 2;

/// The least MTU at which an ICMP error has room for the longest header of its own, and for the longest header that it
/// quotes with 8 octets after it. On narrower links stacks quote less rather than fragment.
const ROOM_FOR_A_QUOTE: u32 = 60 + 8 + 60 + 8;

/// A frame that was handed to the stack.
#[derive(Clone, Copy, Debug)]
pub struct Stimulus<'a> {
    /// Index of the interface in the scenario.
    pub interface: usize,
    /// Octets as on that link.
    pub frame: &'a [u8],
    /// Whether the stack says that it sent the datagram on: what translation made of it is not the stack's own.
    pub is_forwarded: bool,
}

/// What a step was, as far as it matters for what may come out.
#[derive(Clone, Copy, Debug)]
pub enum Cause<'a> {
    /// A frame was handed to the stack.
    Frame(Stimulus<'a>),
    /// Something was done with a local socket; these headers were made by applications until now, the step included.
    Socket(&'a MadeHeaders),
    /// Time passed.
    Time,
}

/// Headers that applications may have made themselves (`IP_HDRINCL`) and that no stack would make: first octet and TTL
/// of what sockets were given to send. All are remembered, for a fragment may complete what was sent long before.
#[derive(Clone, Debug, Default)]
pub struct MadeHeaders(BTreeSet<(u8, u8)>);

impl MadeHeaders {
    /// Remembers what a socket was given to send.
    pub fn note(&mut self, data: &[u8]) {
        if let Some([first, _, _, _, _, _, _, _, ttl, ..]) = data.first_chunk::<20>()
            && (first >> 4 != 4 || *ttl == 0)
        {
            self.0.insert((*first, *ttl));
        }
    }

    fn holds(&self, datagram: &[u8]) -> bool {
        datagram.len() >= 20 && self.0.contains(&(datagram[0], datagram[8]))
    }
}

/// Judges everything that came out of a step.
///
/// # Errors
/// The first frame that must not be, and why.
pub fn judge(scenario: &Scenario, cause: Cause<'_>, observation: &Observation) -> Result<(), Objection> {
    let count = observation.frames.len();
    hold("RFC 1812 §5.3.1", "an answer has a bound", count <= MOST_FRAMES, || format!("{count} frames"))?;
    let (stimulus, made) = match cause {
        Cause::Frame(stimulus) => (Some(stimulus), None),
        Cause::Socket(made) => (None, Some(made)),
        Cause::Time => (None, None),
    };
    let was_sent_on = stimulus.is_some_and(|stimulus| stimulus.is_forwarded);
    let cause = stimulus.and_then(|stimulus| datagram_of(scenario, stimulus.interface, stimulus.frame));
    for emitted in &observation.frames {
        let (interface, datagram) = leave(scenario, emitted)?;
        let most = largest_datagram(scenario, interface);
        hold("RFC 1122 §3.3.3", "a datagram fits its link", datagram.len() <= most, || {
            format!("{} octets where {most} fit", datagram.len())
        })?;
        match cause {
            Some((link_broadcast, cause)) if !was_sent_on && !is_forwarded(cause, datagram) => {
                // A fragment may complete a datagram whose other fragments came in other frames.
                let link_broadcast = link_broadcast && !is_fragment(cause);
                judge_own(scenario, interface, link_broadcast, datagram)?;
            }
            _ if made.is_some_and(|made| made.holds(datagram)) => frame::judge_made_elsewhere(datagram)?,
            _ => frame::judge_forwarded(datagram)?,
        }
    }
    Ok(())
}

/// The interface that a frame left by, and the datagram in it.
fn leave<'s, 'f>(
    scenario: &'s Scenario,
    emitted: &'f EmittedFrame,
) -> Result<(&'s Interface, &'f [u8]), Objection> {
    let clause = "RFC 1122 §2.3";
    let interface = scenario
        .interfaces
        .get(emitted.interface)
        .ok_or_else(|| Objection::new(clause, format!("a frame on interface {}", emitted.interface)))?;
    hold(clause, "frames leave by interfaces that are up", interface.up, || interface.name.clone())?;
    let (_, datagram) = datagram_of(scenario, emitted.interface, &emitted.octets)
        .ok_or_else(|| Objection::new(clause, format!("a frame of {} octets", emitted.octets.len())))?;
    Ok((interface, datagram))
}

/// The largest datagram that may leave by `interface`. The MTU metric of a route is believed even above the link's MTU:
/// who sets it says that the link takes as much.
fn largest_datagram(scenario: &Scenario, interface: &Interface) -> usize {
    let metrics = scenario.routes.iter().filter_map(|route| route.mtu);
    metrics.fold(interface.mtu, u32::max) as usize
}

/// The least path MTU that can be in force behind `interface`: its own, that of a route, or the least one learned.
fn smallest_path(scenario: &Scenario, interface: &Interface) -> u32 {
    let learned = scenario.sysctl.get("net.ipv4.route.min_pmtu").and_then(|value| value.parse().ok());
    let metrics = scenario.routes.iter().filter_map(|route| route.mtu);
    metrics.chain(learned).fold(interface.mtu, u32::min)
}

/// Whether any interface takes loopback addresses (`route_localnet`).
fn routes_loopback(scenario: &Scenario) -> bool {
    let everywhere = scenario.sysctl.get("net.ipv4.conf.all.route_localnet");
    let here = scenario.interfaces.iter().filter_map(|interface| interface.sysctl.get("route_localnet"));
    here.chain(everywhere).any(|value| value != "0")
}

/// Whether a rule gives what comes in for `destination` another one.
fn is_translated(scenario: &Scenario, destination: &[u8]) -> bool {
    let Some(destination) = destination.first_chunk::<4>().map(|octets| Ipv4Addr::from(*octets)) else {
        return false;
    };
    // Whatever the role: where there is such a rule, it is in force.
    scenario.rules.iter().any(|rule| {
        matches!(rule.action, RuleAction::Dnat(_) | RuleAction::Redirect(_))
            && rule.hook == Hook::Prerouting
            && rule.to.is_none_or(|prefix| prefix.contains(destination))
    })
}

/// Whether a frame is a link-layer broadcast or multicast, and the datagram in it.
fn datagram_of<'f>(scenario: &Scenario, interface: usize, frame: &'f [u8]) -> Option<(bool, &'f [u8])> {
    match scenario.interfaces.get(interface)?.link {
        LinkKind::Ip => Some((false, frame)),
        LinkKind::Ethernet => Some((frame.first()? & 1 == 1, frame.get(14..)?)),
    }
}

/// Whether `datagram` is one piece of a larger one.
fn is_fragment(datagram: &[u8]) -> bool {
    datagram.get(6..8).is_some_and(|word| u16::from_be_bytes([word[0], word[1]]) & 0x3fff != 0)
}

/// Whether `datagram` is `cause`, or a fragment of it, on its way to where it was going.
fn is_forwarded(cause: &[u8], datagram: &[u8]) -> bool {
    match (flow(cause), flow(datagram)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Identification, protocol and source.
fn flow(datagram: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    Some((datagram.get(4..6)?, *datagram.get(9)?, datagram.get(12..16)?))
}

/// Judges a datagram that the stack made itself. An ICMP error is held against what it quotes: what came in may have
/// been the last fragment of that.
fn judge_own(
    scenario: &Scenario,
    interface: &Interface,
    link_broadcast: bool,
    datagram: &[u8],
) -> Result<(), Objection> {
    let is_own = |address: Ipv4Addr| {
        scenario
            .interfaces
            .iter()
            .flat_map(|interface| &interface.addresses)
            .any(|own| own.address == address)
    };
    let source = datagram.get(12..16).and_then(|octets| octets.first_chunk::<4>());
    match source {
        Some(octets) if is_own(Ipv4Addr::from(*octets)) => {
            if smallest_path(scenario, interface) >= ROOM_FOR_A_QUOTE {
                frame::judge(datagram)?;
            }
            let quoted = usize::from(datagram[0] & 15) * 4 + 8;
            let quoted = datagram.get(quoted..).unwrap_or_default();
            // Where loopback addresses are routed like others, they are hosts like others.
            if quoted.get(12) == Some(&127) && routes_loopback(scenario) {
                return Ok(());
            }
            if !quoted.get(16..20).is_some_and(|to| is_translated(scenario, to)) {
                return answer::judge(quoted, link_broadcast, datagram);
            }
            // It was no group any more that was answered for, but the quote shows what it was.
            let mut translated = quoted.to_vec();
            translated[16..20].copy_from_slice(octets);
            answer::judge(&translated, link_broadcast, datagram)
        }
        // What a router passes on of earlier datagrams, reassembled or translated.
        _ => frame::judge_forwarded(datagram),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::generate::fragment::piece;
    use crate::model::scenario::Ports;
    use crate::model::{Prefix, Rule, scenario_file};
    use crate::oracle::checksum::naive;

    /// A datagram of protocol 253 from 10.0.0.1 with `len` octets and right checksum.
    fn datagram(len: usize) -> Vec<u8> {
        let header = [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        piece(&header, 0, false, &vec![7; len - 20])
    }

    fn with(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut octets = datagram(100);
        change(&mut octets);
        octets
    }

    #[rstest]
    #[case::plain(datagram(100), 0, true)]
    #[case::largest(datagram(1500), 0, true)]
    #[case::too_large(datagram(1501), 0, false)]
    #[case::no_such_interface(datagram(100), 9, false)]
    #[case::padded(with(|octets| octets.push(0)), 0, false)]
    #[case::cut(with(|octets| octets.truncate(99)), 0, false)]
    #[case::checksum(with(|octets| octets[10] ^= 1), 0, false)]
    fn frames(#[case] octets: Vec<u8>, #[case] interface: usize, #[case] is_right: bool) {
        let scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        let frames = vec![EmittedFrame { interface, octets }];
        let cause = with(|octets| octets.swap(15, 19));
        let cause = Cause::Frame(Stimulus { interface: 0, frame: &cause, is_forwarded: false });
        let verdict = judge(&scenario, cause, &Observation { frames, ..Observation::default() });
        assert_eq!(verdict.is_ok(), is_right, "{verdict:?}");
    }

    /// The error 3/3 about a datagram to 255.255.255.255.
    fn refusal() -> Vec<u8> {
        let quoted = with(|octets| octets[16..20].fill(255));
        let mut octets = datagram(20 + 8 + quoted.len());
        (octets[9], octets[19]) = (1, 9);
        octets[20..28].copy_from_slice(&[3, 3, 0, 0, 0, 0, 0, 0]);
        octets[28..].copy_from_slice(&quoted);
        for (sum, part) in [(10, 0..20), (22, 20..octets.len())] {
            octets[sum..sum + 2].fill(0);
            let value = naive(&octets[part]);
            octets[sum..sum + 2].copy_from_slice(&value.to_be_bytes());
        }
        octets
    }

    #[rstest]
    #[case::no_rule(None, false)]
    #[case::everything(Some((RuleAction::Redirect(Ports::default()), Hook::Prerouting, None)), true)]
    #[case::another(Some((RuleAction::Redirect(Ports::default()), Hook::Prerouting, Some([10, 0, 0, 1]))), false)]
    #[case::on_the_way_out(Some((RuleAction::Redirect(Ports::default()), Hook::Output, None)), false)]
    #[case::the_source(Some((RuleAction::Masquerade(Ports::default()), Hook::Postrouting, None)), false)]
    fn a_group_that_is_translated_may_be_refused(
        #[case] rule: Option<(RuleAction, Hook, Option<[u8; 4]>)>,
        #[case] may_be: bool,
    ) {
        let mut scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        scenario.rules.extend(rule.map(|(action, hook, to)| Rule {
            to: to.map(|address| Prefix { address: address.into(), length: 32 }),
            ..Rule::new(hook, action)
        }));
        let frames = vec![EmittedFrame { interface: 0, octets: refusal() }];
        let frame = with(|octets| octets[16..20].fill(255));
        let cause = Cause::Frame(Stimulus { interface: 0, frame: &frame, is_forwarded: false });
        let verdict = judge(&scenario, cause, &Observation { frames, ..Observation::default() });
        assert_eq!(verdict.is_ok(), may_be, "{verdict:?}");
    }

    /// `datagram(100)` with another first octet and TTL, and the header checksum that goes with them.
    fn headed(first: u8, ttl: u8) -> Vec<u8> {
        let mut octets = datagram(100);
        (octets[0], octets[8]) = (first, ttl);
        octets[10..12].fill(0);
        let header = usize::from(first & 15) * 4;
        let sum = naive(&octets[..header]);
        octets[10..12].copy_from_slice(&sum.to_be_bytes());
        octets
    }

    #[rstest]
    #[case::version(headed(0x75, 64), true)]
    #[case::version_with_options(headed(0x7a, 64), true)]
    #[case::no_time_to_live(headed(0x45, 0), true)]
    #[case::nothing_odd(headed(0x45, 64), true)]
    #[case::total_length(with(|octets| (octets[0], octets[3]) = (0x75, 99)), false)]
    #[case::checksum(with(|octets| octets[0] = 0x75), false)]
    fn version_and_ttl_are_those_of_who_made_the_header(#[case] octets: Vec<u8>, #[case] is_right: bool) {
        let scenario = scenario_file::by_name("host").expect("the scenario is there").scenario();
        let observation = Observation {
            frames: vec![EmittedFrame { interface: 0, octets: octets.clone() }],
            ..Observation::default()
        };
        let mut made = MadeHeaders::default();
        made.note(&octets);
        let verdict = judge(&scenario, Cause::Socket(&made), &observation);
        assert_eq!(verdict.is_ok(), is_right, "{verdict:?}");
        // Nobody but the application may send it.
        let is_plain = octets == datagram(100);
        let verdict = judge(&scenario, Cause::Socket(&MadeHeaders::default()), &observation);
        assert_eq!(verdict.is_ok(), is_plain, "{verdict:?}");
        assert_eq!(judge(&scenario, Cause::Time, &observation).is_ok(), is_plain);
    }
}
