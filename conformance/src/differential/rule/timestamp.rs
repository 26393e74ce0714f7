//! Times of day: ICMP timestamp replies and the IP timestamp option.

use std::time::Duration;

use super::checksum::{self, Covered};
use super::{Context, FramePair, RuleInfo};
use crate::differential::layout::{Layout, options};

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "timestamp-within-bound",
    applies_to: "receive and transmit time of ICMP timestamp replies; times in the IP timestamp option, quoted headers \
                 included",
    demands: "both are standard times, apart by no more than the step took plus 10 ms; after a later fragment, than any \
              step of the trace took",
    clause: "RFC 792 \"Timestamp or Timestamp Reply Message\"; RFC 791 §3.1 \"Internet Timestamp\"",
};

/// What clocks may be apart although a step took no time: a tick of the kernel's clock, and reading it.
const SLACK_MS: u32 = 10;
const DAY_MS: u32 = 86_400_000;
const TIMESTAMP_OPTION: u8 = 68;

/// At most ten times fit into a header, and two into a message; a message with a quoted header has none of its own.
const MOST_TIMES: usize = 20;

/// Masks times that are near enough to each other.
///
/// Options of a reassembled datagram were stamped when its first fragment came, in a step that took at most `longest`.
pub fn apply(context: &Context<'_>, longest: Duration, pair: &mut FramePair<'_>) {
    let completes = context.stimulus.is_some_and(|(frame, layout)| layout.fragment_offset(frame) > 0);
    let elapsed = if completes { longest } else { context.elapsed };
    let bound = SLACK_MS.saturating_add(u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX));
    let times = Times::of(pair.a, &pair.layout);
    if times != Times::of(pair.b, &pair.layout) {
        return;
    }
    for (at, sum) in times.iter() {
        let (a, b) = pair.u32(at);
        let apart = a.abs_diff(b);
        if a != b && a < DAY_MS && b < DAY_MS && apart.min(DAY_MS - apart) <= bound {
            pair.mask(at..at + 4, sum);
        }
    }
}

/// Masks all times of one frame.
pub(super) fn blank(frame: &mut [u8], layout: &Layout) {
    for (at, sum) in Times::of(frame, layout).iter() {
        checksum::mask(frame, at..at + 4, sum);
    }
}

/// Where in a frame times are, each with the checksum over it.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    found: [Option<(usize, Covered)>; MOST_TIMES],
    count: usize,
}

impl Times {
    fn of(frame: &[u8], layout: &Layout) -> Self {
        let mut times = Self { found: [None; MOST_TIMES], count: 0 };
        times.in_options(frame, layout, Covered::new(layout.ip, layout.ip + 10));
        let message = layout.payload();
        let sum = Covered::new(message, message + 2);
        match layout.icmp_type(frame) {
            Some(14) if layout.end >= message + 20 => {
                times.add(message + 12, sum);
                times.add(message + 16, sum);
            }
            // The checksum of a quoted header is stale when the options were updated (spec/linux-ipv4-icmp.md §3.2), so
            // it is compared as it stands.
            Some(_) => {
                if let Some(quote) = layout.quote_start(frame) {
                    times.in_options(frame, &quote, sum);
                }
            }
            None => {}
        }
        times
    }

    /// Adds the times in the timestamp options of one header.
    fn in_options(&mut self, frame: &[u8], header: &Layout, sum: Covered) {
        // A quote may end anywhere.
        let frame = &frame[..header.end.min(frame.len())];
        for option in options(frame, header).filter(|option| {
            option.kind == TIMESTAMP_OPTION && option.len > 4 && option.at + 4 <= frame.len()
        }) {
            let room = option.len.min(frame.len() - option.at);
            // The last time stands right before where the pointer points; it may be at any octet (RFC 791 §3.1).
            let stride = if frame[option.at + 3] & 0x0f == 0 { 4 } else { 8 };
            let behind = usize::from(frame[option.at + 2]).wrapping_sub(1) % stride;
            let first = if stride == 4 { 4 + behind } else { 8 + (behind + 4) % 8 };
            for offset in (first..).step_by(stride).take_while(|offset| offset + 4 <= room) {
                self.add(option.at + offset, sum);
            }
        }
    }

    fn add(&mut self, at: usize, sum: Covered) {
        if let Some(free) = self.found.get_mut(self.count) {
            *free = Some((at, sum));
            self.count += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, Covered)> + '_ {
        self.found[..self.count].iter().copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::tests_support::{World, icmp, with_options};

    fn reply(time: u32) -> Vec<u8> {
        let mut message = vec![14, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 9];
        message.extend(time.to_be_bytes());
        message.extend(time.to_be_bytes());
        icmp(&message)
    }

    #[rstest]
    #[case::same_tick(1000, 1010, true)]
    #[case::over_midnight(86_399_999, 3, true)]
    #[case::too_far(1000, 1011, false)]
    #[case::not_standard(0x8000_0001, 0x8000_0002, false)]
    fn replies(#[case] a: u32, #[case] b: u32, #[case] equal: bool) {
        assert_eq!(World::default().equal(&reply(a), &reply(b)), equal);
    }

    #[rstest]
    #[case::times_from_the_second_octet_on([68, 13, 10, 0, 7], 1000, 1001, true)]
    #[case::elsewhere([68, 13, 9, 0, 7], 1000, 1001, false)]
    fn unaligned_times(#[case] option: [u8; 5], #[case] a: u32, #[case] b: u32, #[case] equal: bool) {
        let frame = |time: u32| {
            let mut bytes = option.to_vec();
            bytes.extend(time.to_be_bytes());
            bytes.extend([10, 0, 0, 1, 0, 0, 0]);
            with_options(&bytes, &[0, 0, 0, 0, 0, 1, 0, 1])
        };
        assert_eq!(World::default().equal(&frame(a), &frame(b)), equal);
    }

    #[test]
    fn times_in_a_quote_that_ends_within_the_header() {
        let error = |time: u32| {
            let mut message = vec![12, 0, 0, 0, 20, 0, 0, 0, 0x4b, 0, 0, 54, 0, 1, 0, 0, 64, 50, 1, 2];
            message.extend([10, 0, 0, 2, 10, 0, 0, 1, 68, 12, 9, 0]);
            message.extend(time.to_be_bytes());
            icmp(&message)
        };
        assert!(World::default().equal(&error(1000), &error(1001)));
        assert!(!World::default().equal(&error(1000), &error(9000)));
    }

    #[rstest]
    #[case::only_times([68, 8, 9, 0], 1000, 1001, true)]
    #[case::far([68, 8, 9, 0], 1000, 2000, false)]
    #[case::place_of_an_address([68, 8, 9, 1], 1000, 1001, false)]
    #[case::behind_an_address_of_which_half_is_left([68, 8, 13, 1], 1000, 1001, false)]
    fn option_times(#[case] option: [u8; 4], #[case] a: u32, #[case] b: u32, #[case] equal: bool) {
        let frame = |time: u32| {
            let mut bytes = option.to_vec();
            bytes.extend(time.to_be_bytes());
            with_options(&bytes, &[0, 0, 0, 0, 0, 1, 0, 1])
        };
        assert_eq!(World::default().equal(&frame(a), &frame(b)), equal);
    }
}
