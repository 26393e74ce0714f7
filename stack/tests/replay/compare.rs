//! Compares an answer with the recorded one, up to what nobody can predict: identifications and the time of day.

use super::recording::Probe;
use super::world::Answer;

/// How far clocks of recording and replay may differ, in milliseconds.
const CLOCK_SLACK_MS: u32 = 5_000;

/// A description of every difference; empty if there is none.
pub(crate) fn differences(probe: &Probe, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let expected: Vec<String> =
        probe.emitted.iter().filter_map(|(device, frame)| shown(device, frame, probe)).collect();
    let actual: Vec<String> =
        answer.emitted.iter().filter_map(|(device, datagram)| shown(device, datagram, probe)).collect();
    if expected != actual {
        found.push(format!("frames\n    kernel {expected:#?}\n    stack  {actual:#?}"));
    }
    if probe.counters != answer.counters {
        let missing: Vec<_> = probe.counters.iter().filter(|one| !answer.counters.contains(one)).collect();
        let extra: Vec<_> = answer.counters.iter().filter(|one| !probe.counters.contains(one)).collect();
        found.push(format!("counters: kernel {missing:?}, stack {extra:?}"));
    }
    // The tracepoint was read for the injecting task only: what a timer drops is not in the recording.
    if probe.wait_us == 0 && probe.drops != answer.drops {
        found.push(format!("drops: kernel {:?}, stack {:?}", probe.drops, answer.drops));
    }
    found
}

/// A datagram as text: octets without what cannot be predicted, and whether the checksums are right.
fn shown(device: &str, frame: &[u8], probe: &Probe) -> Option<String> {
    let mut octets = match frame.first() {
        Some(first) if first >> 4 == 4 && !is_ethernet(frame) => frame.to_vec(),
        _ if is_ethernet(frame) => frame[14..].to_vec(),
        _ => return None,
    };
    let header_len = usize::from(octets[0] & 15) * 4;
    let header_is_right = is_right(&octets[..header_len]);
    let has_identification = octets[4..6] != [0, 0];
    let is_whole = octets[6] & 0x3f == 0 && octets[7] == 0;
    let icmp_is_right = octets[9] == 1 && is_whole && is_right(&octets[header_len..]);
    octets[4..6].fill(0);
    octets[10..12].fill(0);
    if octets[9] == 1 && octets.len() >= header_len + 4 {
        octets[header_len + 2..header_len + 4].fill(0);
    }
    hide_times(&mut octets, probe.midnight_ms);
    let text: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    Some(format!("{device} header {header_is_right} icmp {icmp_is_right} id {has_identification} {text}"))
}

fn is_ethernet(frame: &[u8]) -> bool {
    frame.len() >= 34 && frame[12..14] == [8, 0] && frame[14] >> 4 == 4 && frame[0] != 0x45
}

fn is_right(octets: &[u8]) -> bool {
    let sum: u32 =
        octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16) == 0xffff
}

/// Overwrites every value that is about the time of day.
fn hide_times(octets: &mut [u8], midnight_ms: u32) {
    for at in 0..octets.len().saturating_sub(3) {
        let value = u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]]);
        if value.abs_diff(midnight_ms) < CLOCK_SLACK_MS {
            octets[at..at + 4].copy_from_slice(b"time");
        }
    }
}
