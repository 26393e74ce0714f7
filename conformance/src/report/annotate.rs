//! A capture as it was replayed, with what both DUTs made of it, as pcapng that Wireshark opens.
//!
//! * The stimuli are inbound packets on the scenario's interfaces; what is no frame (an operation on a socket, time that
//!   passes) is an empty packet on an interface `netassay`.
//! * The frames of DUT A are outbound packets on interfaces `a:t0`, `a:t1`, …, those of DUT B on `b:t0`, `b:t1`, ….
//! * The comment of a stimulus holds the verdict, the ledger's reason, and drops, deliveries, errors and connection
//!   tracking events of both, one fact a line. `frame.comment contains "diverge"` finds the divergences.
//!
//! Verdicts are known only when a run is over, so the steps are gone through once more for this: the caller drives.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::capture::trace_file::octets::{self, Block};
use crate::capture::trace_file::{OWN_INTERFACE, Observed, lines};
use crate::model::{
    Action, CaptureResult, Cause, EmittedFrame, Observation, RunResult, Scenario, Step, Verdict,
};

/// Writes one annotated capture, step by step.
pub struct Annotator<'r, W: Write> {
    out: W,
    block: Block,
    /// How many interfaces the scenario has.
    interfaces: usize,
    result: &'r RunResult,
    row: &'r CaptureResult,
    verdicts: BTreeMap<u64, &'r Verdict>,
    causes: BTreeMap<&'r str, &'r Cause>,
}

impl<'r, W: Write> Annotator<'r, W> {
    /// Begins the file for `row` of `result`, which was replayed in `scenario`.
    ///
    /// # Errors
    /// If `out` does.
    pub fn new(
        mut out: W,
        scenario: &Scenario,
        result: &'r RunResult,
        row: &'r CaptureResult,
    ) -> io::Result<Self> {
        let mut block = Block::default();
        block.section().comments("", section_lines(result, row).iter().map(String::as_str))?;
        block.option(octets::USER_APPLICATION, concat!("netassay ", env!("CARGO_PKG_VERSION")).as_bytes());
        block.end(&mut out)?;
        let sets = [("", "stimuli".to_owned()), ("a:", emitted_by(&result.a)), ("b:", emitted_by(&result.b))];
        for (prefix, description) in &sets {
            for interface in &scenario.interfaces {
                block.interface(octets::link_type(interface), &format!("{prefix}{}", interface.name));
                block.option(octets::INTERFACE_DESCRIPTION, description.as_bytes()).end(&mut out)?;
            }
        }
        block.interface(octets::USER_0, OWN_INTERFACE).end(&mut out)?;
        let verdicts = row.verdicts.iter().map(|packet| (packet.packet, &packet.verdict)).collect();
        let causes = result.causes.iter().map(|cause| (cause.fingerprint.as_str(), cause)).collect();
        Ok(Self { out, block, interfaces: scenario.interfaces.len(), result, row, verdicts, causes })
    }

    /// Writes a step and what both DUTs let out at it.
    ///
    /// # Errors
    /// If the output does.
    pub fn step(&mut self, step: &Step, a: &Observation, b: &Observation) -> io::Result<()> {
        let at = u64::try_from(step.at.as_nanos()).map_err(|_| octets::invalid("a time beyond 584 years"))?;
        let mut text = Vec::new();
        self.verdict_lines(step.packet, &mut text);
        lines::write_step(step, &mut text);
        for (side, observation) in [("A", a), ("B", b)] {
            let observed = Observed { observation: without_frames(observation), ..Observed::default() };
            let mut facts = Vec::new();
            lines::write_observed(&observed, &mut facts);
            text.extend(facts.iter().map(|fact| format!("{side} {fact}")));
        }
        match &step.action {
            Action::Inject { interface, frame } => {
                self.packet(*interface, at, frame, octets::INBOUND, &text)?
            }
            Action::Advance | Action::Socket { .. } => {
                self.packet(self.interfaces * 3, at, &[], octets::INBOUND, &text)?;
            }
        }
        let agrees = !self.verdicts.contains_key(&step.packet);
        self.frames(1, at, &a.frames, &b.frames, agrees)?;
        self.frames(2, at, &b.frames, &a.frames, agrees)
    }

    /// Ends the file and gives the output back.
    ///
    /// # Errors
    /// If the output cannot be flushed.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }

    /// The frames of one DUT; where the packet does not agree, those that the other did not emit are marked.
    fn frames(
        &mut self,
        set: usize,
        at: u64,
        own: &[EmittedFrame],
        other: &[EmittedFrame],
        agrees: bool,
    ) -> io::Result<()> {
        for frame in own {
            let is_alone = !agrees && !other.contains(frame);
            let text = if is_alone { vec!["the other emits no such frame".to_owned()] } else { Vec::new() };
            let interface = set * self.interfaces + frame.interface;
            self.packet(interface, at, &frame.octets, octets::OUTBOUND, &text)?;
        }
        Ok(())
    }

    fn verdict_lines(&self, packet: u64, text: &mut Vec<String>) {
        match self.verdicts.get(&packet) {
            None if self.is_beyond_list(packet) => {
                text.push("verdict: not listed, the run lists its first verdicts only".to_owned());
            }
            None | Some(Verdict::Agree) => text.push("verdict: agree".to_owned()),
            Some(Verdict::Explained(ids)) => {
                for id in ids {
                    let note = self.result.ledger.get(id);
                    let why =
                        note.map(|note| format!(": {} ({})", note.reason, note.clause)).unwrap_or_default();
                    text.push(lines::text(&format!("verdict: explained by {id}{why}")));
                }
            }
            Some(Verdict::Diverge(fingerprints)) => {
                for fingerprint in fingerprints {
                    self.divergence_lines(packet, fingerprint, text);
                }
            }
        }
    }

    fn divergence_lines(&self, packet: u64, fingerprint: &str, text: &mut Vec<String>) {
        let Some(cause) = self.causes.get(fingerprint) else {
            text.push(format!("verdict: diverge [{fingerprint}]"));
            return;
        };
        text.push(lines::text(&format!("verdict: diverge: {} [{fingerprint}]", cause.title)));
        let example = cause.examples.iter().find(|example| {
            example.packet == packet
                && example.capture == self.row.capture
                && example.scenario == self.row.scenario
        });
        for field in example.iter().flat_map(|example| &example.fields) {
            text.push(lines::text(&format!("{}: A {}, B {}", field.field, field.a, field.b)));
        }
    }

    /// Whether the verdict on `packet` may be among those that were counted but not listed.
    fn is_beyond_list(&self, packet: u64) -> bool {
        let is_whole = self.row.explained + self.row.diverge <= self.row.verdicts.len() as u64;
        !is_whole && self.verdicts.last_key_value().is_none_or(|(last, _)| packet > *last)
    }

    fn packet(
        &mut self,
        interface: usize,
        at: u64,
        frame: &[u8],
        direction: u32,
        text: &[String],
    ) -> io::Result<()> {
        let block = self.block.packet(interface, at, frame, direction)?;
        block.comments("", text.iter().map(String::as_str))?.end(&mut self.out)
    }
}

fn section_lines(result: &RunResult, row: &CaptureResult) -> Vec<String> {
    let skipped: u64 = row.skips.iter().map(|skip| skip.packets).sum();
    let mut text = vec![
        format!("netassay {} compared `{}` under `{}`", result.netassay, row.capture, row.scenario),
        format!("A: {}", result.a),
        format!("B: {}", result.b),
        format!(
            "{} packets: {} agree, {} explained, {} diverge, {skipped} skipped",
            row.packets, row.agree, row.explained, row.diverge
        ),
    ];
    text.extend(row.notes.iter().map(|note| format!("note: {note}")));
    text.extend(row.error.iter().map(|error| format!("ended early: {error}")));
    text.iter().map(|line| lines::text(line)).collect()
}

fn emitted_by(dut: &str) -> String {
    format!("emitted by {dut}")
}

/// What stands in comments: the frames are packets of their own.
fn without_frames(observation: &Observation) -> Observation {
    let Observation { deliveries, socket_errors, drops, conntrack_events, refused, .. } = observation.clone();
    Observation { frames: Vec::new(), deliveries, socket_errors, drops, conntrack_events, refused }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pcap_parser::{Block as Read, parse_pcapng};

    use super::*;
    use crate::model::{Drop, PacketVerdict, Role, SocketAction};
    use crate::report::dissect::from_hex;
    use crate::report::sample::Sample;

    /// A packet as a reader finds it: interface name, direction, time in nanoseconds, octets, comment.
    type Found = (String, u32, u64, Vec<u8>, String);

    fn read(octets: &[u8]) -> (String, Vec<Found>) {
        let (rest, file) = parse_pcapng(octets).unwrap();
        assert!(rest.is_empty());
        let (mut names, mut section, mut packets) = (Vec::new(), String::new(), Vec::new());
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        for block in file.sections.iter().flat_map(|section| &section.blocks) {
            match block {
                Read::SectionHeader(header) => {
                    let comment = header.options.iter().find(|option| option.code.0 == octets::COMMENT);
                    section = text(comment.unwrap().as_bytes().unwrap());
                }
                Read::InterfaceDescription(interface) => {
                    let name = interface.options.iter().find(|option| option.code.0 == 2).unwrap();
                    names.push(text(name.as_bytes().unwrap()));
                }
                Read::EnhancedPacket(packet) => {
                    let value = |code| {
                        let option = packet.options.iter().find(|option| option.code.0 == code);
                        option.map(|option| option.as_bytes().unwrap())
                    };
                    packets.push((
                        names[packet.if_id as usize].clone(),
                        u32::from_le_bytes(value(octets::PACKET_FLAGS).unwrap().try_into().unwrap()),
                        u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low),
                        packet.data[..packet.caplen as usize].to_vec(),
                        value(octets::COMMENT).map(text).unwrap_or_default(),
                    ));
                }
                other => panic!("{other:?}"),
            }
        }
        (section, packets)
    }

    fn scenario(row: &CaptureResult) -> Scenario {
        let mut scenario: Scenario = toml::from_str("name = 'host'\nrole = 'host'\ninterface = []").unwrap();
        scenario.role = Role::Host;
        scenario.interfaces.clone_from(&row.interfaces);
        scenario
    }

    fn frames(frames: &[(String, String)]) -> Observation {
        let frames =
            frames.iter().map(|(_, hex)| EmittedFrame { interface: 0, octets: from_hex(hex).unwrap() });
        Observation { frames: frames.collect(), ..Observation::default() }
    }

    fn inject(packet: u64, frame: Vec<u8>) -> Step {
        let action = Action::Inject { interface: 0, frame };
        Step { at: Duration::from_millis(packet), action, packet, comment: None }
    }

    #[test]
    fn answers_of_both_stand_by_their_stimulus_with_the_verdict() {
        let result = Sample::default().result();
        let cause = result.causes.iter().find(|cause| cause.title.starts_with("TTL")).unwrap();
        let example = &cause.examples[0];
        let same = |row: &&CaptureResult| row.capture == example.capture && row.scenario == example.scenario;
        let row = result.captures.iter().find(same).unwrap();
        let stimulus = from_hex(&example.stimulus).unwrap();
        let (a, mut b) = (frames(&example.frames_a), frames(&example.frames_b));
        b.drops.push(Drop { reason: "IP_CSUM".into(), location: Some("ip_rcv_core".into()) });

        let mut annotator = Annotator::new(Vec::new(), &scenario(row), &result, row).unwrap();
        annotator.step(&inject(example.packet, stimulus.clone()), &a, &b).unwrap();
        let (section, packets) = read(&annotator.finish().unwrap());

        assert!(section.contains("B: linux 6.18.44"), "{section}");
        let places: Vec<_> =
            packets.iter().map(|(name, direction, ..)| (name.as_str(), *direction)).collect();
        assert_eq!(places, [("t0", octets::INBOUND), ("a:t0", octets::OUTBOUND), ("b:t0", octets::OUTBOUND)]);
        let [(.., time, octets, comment), (.., octets_a, comment_a), (.., octets_b, _)] = &packets[..] else {
            panic!("three packets")
        };
        assert_eq!((time, octets), (&(example.packet * 1_000_000), &stimulus));
        assert_eq!((octets_a, octets_b), (&a.frames[0].octets, &b.frames[0].octets));
        for line in [
            format!("verdict: diverge: {} [{}]", cause.title, cause.fingerprint),
            "frames[0].ipv4.ttl: A 255, B 64".to_owned(),
            "B drop: IP_CSUM at ip_rcv_core".to_owned(),
        ] {
            assert!(comment.lines().any(|found| found == line), "{line} in {comment}");
        }
        assert_eq!(comment_a, "the other emits no such frame");
    }

    #[test]
    fn agreement_explanation_and_operations_are_told_apart() {
        let mut result = Sample::default().result();
        let id = "icmp-error-quotes-more".to_owned();
        let mut row = result.captures.remove(0);
        row.verdicts = vec![PacketVerdict { packet: 2, verdict: Verdict::Explained(vec![id]) }];
        (row.explained, row.diverge) = (1, 0);
        let quiet = Observation::default();
        let mut annotator = Annotator::new(Vec::new(), &scenario(&row), &result, &row).unwrap();
        annotator.step(&inject(1, vec![0x45]), &quiet, &quiet).unwrap();
        annotator.step(&inject(2, vec![0x45]), &quiet, &quiet).unwrap();
        let close = Action::Socket { socket: 0, action: SocketAction::Close };
        let step = Step { at: Duration::from_millis(3), action: close, packet: 0, comment: None };
        annotator.step(&step, &quiet, &quiet).unwrap();
        let (_, packets) = read(&annotator.finish().unwrap());
        assert!(packets[0].4.starts_with("verdict: agree"));
        assert!(packets[1].4.starts_with("verdict: explained by icmp-error-quotes-more: Linux quotes"));
        assert_eq!(packets[2].0, OWN_INTERFACE);
        assert!(packets[2].4.contains("socket: 0 close"));
    }

    #[test]
    fn verdict_beyond_the_list_is_not_called_agreement() {
        let result = Sample::default().result();
        let mut row = result.captures[0].clone();
        row.verdicts.truncate(1);
        let last = row.verdicts[0].packet;
        let quiet = Observation::default();
        let mut annotator = Annotator::new(Vec::new(), &scenario(&row), &result, &row).unwrap();
        annotator.step(&inject(last + 1, vec![0x45]), &quiet, &quiet).unwrap();
        let (_, packets) = read(&annotator.finish().unwrap());
        assert!(packets[0].4.starts_with("verdict: not listed"));
    }
}
