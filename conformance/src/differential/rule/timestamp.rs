//! Times of day: ICMP timestamp replies and the IP timestamp option.

use super::checksum::Covered;
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

/// Masks times that are near enough to each other.
pub fn apply(context: &Context<'_>, pair: &mut FramePair<'_>) {
    let bound = SLACK_MS.saturating_add(u32::try_from(context.elapsed.as_millis()).unwrap_or(u32::MAX));
    let layout = pair.layout;
    option_times(pair, &layout, Covered::new(layout.ip, layout.ip + 10), bound);
    let message = layout.payload();
    let message_sum = Covered::new(message, message + 2);
    match layout.icmp_type(pair.a) {
        Some(14) if layout.end >= message + 20 => {
            for at in [message + 12, message + 16] {
                mask_time(pair, at, message_sum, bound);
            }
        }
        // The checksum of a quoted header is stale when the options were updated (spec/linux-ipv4-icmp.md §3.2), so
        // it is compared as it stands.
        Some(_) => {
            if let Some(quote) = layout.quote(pair.a).filter(|quote| Some(*quote) == layout.quote(pair.b)) {
                option_times(pair, &quote, message_sum, bound);
            }
        }
        None => {}
    }
}

/// Masks the times in the timestamp options of one header.
fn option_times(pair: &mut FramePair<'_>, header: &Layout, sum: Covered, bound: u32) {
    if header.header_len == 20 || pair.same(header.ip + 20..header.payload()) {
        return;
    }
    // At most ten times fit into a header.
    let mut times = [0_usize; 10];
    let mut count = 0;
    for option in options(pair.a, header).filter(|option| option.kind == TIMESTAMP_OPTION && option.len > 4) {
        if !pair.same(option.at..option.at + 4) {
            return;
        }
        let (first, stride) = if pair.a[option.at + 3] & 0x0f == 0 { (4, 4) } else { (8, 8) };
        for offset in (first..).step_by(stride).take_while(|offset| offset + 4 <= option.len) {
            if count < times.len() {
                times[count] = option.at + offset;
                count += 1;
            }
        }
    }
    for at in &times[..count] {
        mask_time(pair, *at, sum, bound);
    }
}

fn mask_time(pair: &mut FramePair<'_>, at: usize, sum: Covered, bound: u32) {
    let (a, b) = pair.u32(at);
    if a != b && a < DAY_MS && b < DAY_MS {
        let apart = a.abs_diff(b);
        if apart.min(DAY_MS - apart) <= bound {
            pair.mask(at..at + 4, sum);
        }
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
