//! Times of day: ICMP timestamp replies and the IP timestamp option.

use super::checksum::{self, Covered};
use super::{Context, FramePair, RuleInfo};
use crate::differential::layout::{Layout, options};

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "timestamp-within-bound",
    applies_to: "receive and transmit time of ICMP timestamp replies; times in the IP timestamp option, quoted headers \
                 included",
    demands: "both are standard times, apart by no more than the step took plus 10 ms",
    clause: "RFC 792 \"Timestamp or Timestamp Reply Message\"; RFC 791 §3.1 \"Internet Timestamp\"",
};

/// What clocks may be apart although a step took no time: a tick of the kernel's clock, and reading it.
const SLACK_MS: u32 = 10;
const DAY_MS: u32 = 86_400_000;
const TIMESTAMP_OPTION: u8 = 68;

/// At most ten times fit into a header, and two into a message; a message with a quoted header has none of its own.
const MOST_TIMES: usize = 20;

/// Masks times that are near enough to each other.
pub fn apply(context: &Context<'_>, pair: &mut FramePair<'_>) {
    let bound = SLACK_MS.saturating_add(u32::try_from(context.elapsed.as_millis()).unwrap_or(u32::MAX));
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
                if let Some(quote) = layout.quote(frame) {
                    times.in_options(frame, &quote, sum);
                }
            }
            None => {}
        }
        times
    }

    /// Adds the times in the timestamp options of one header.
    fn in_options(&mut self, frame: &[u8], header: &Layout, sum: Covered) {
        for option in
            options(frame, header).filter(|option| option.kind == TIMESTAMP_OPTION && option.len > 4)
        {
            let (first, stride) = if frame[option.at + 3] & 0x0f == 0 { (4, 4) } else { (8, 8) };
            for offset in (first..).step_by(stride).take_while(|offset| offset + 4 <= option.len) {
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
    #[case::only_times([68, 8, 9, 0], 1000, 1001, true)]
    #[case::far([68, 8, 9, 0], 1000, 2000, false)]
    #[case::place_of_an_address([68, 8, 9, 1], 1000, 1001, false)]
    fn option_times(#[case] option: [u8; 4], #[case] a: u32, #[case] b: u32, #[case] equal: bool) {
        let frame = |time: u32| {
            let mut bytes = option.to_vec();
            bytes.extend(time.to_be_bytes());
            with_options(&bytes, &[0, 0, 0, 0, 0, 1, 0, 1])
        };
        assert_eq!(World::default().equal(&frame(a), &frame(b)), equal);
    }
}
