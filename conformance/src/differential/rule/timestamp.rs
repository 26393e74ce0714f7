//! Times of day: ICMP timestamp replies and the IP timestamp option.

use std::time::Duration;

use super::checksum::{self, Covered};
use super::{Context, FramePair, RuleInfo};
use crate::differential::layout::{Layout, OptionAt, options};
use crate::oracle::checksum::is_intact;

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "timestamp-within-bound",
    applies_to: "receive and transmit time of ICMP timestamp replies; times in the IP timestamp option, quoted headers \
                 included; checksums over such times that were cut off",
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
    hidden_times(bound, pair);
}

/// Masks a checksum that covers times which are not in the frame, if it differs by what such times may: the header of a
/// reassembled datagram, summed up anew after its options were stamped, in a quote that ends within it; and the first
/// fragment of a timestamp reply, which Linux sums up as a whole and sends in part.
fn hidden_times(bound: u32, pair: &mut FramePair<'_>) {
    let (frame, layout, message) = (&*pair.a, pair.layout, pair.layout.payload());
    let covered = Covered::new(message, message + 2);
    let is_option = |option: OptionAt| option.kind == TIMESTAMP_OPTION;
    let is_cut_reply =
        layout.icmp_type(frame) == Some(14) && layout.more_fragments(frame) && layout.end < message + 20;
    // Both times are one, and only a sum stands for them.
    if is_cut_reply && differs_by_time(pair, covered.at, bound, 2) {
        return pair.mask(covered.at..covered.at + 2, Covered::NOTHING);
    }
    let is_stamped = options(frame, &layout).any(is_option);
    // An error has the options of what it is about.
    if let Some(quote) = layout.quote_start(frame).filter(|quote| quote.payload() > layout.end)
        && is_stamped
        && differs_by_time(pair, quote.ip + 10, bound, 1)
    {
        return pair.mask(quote.ip + 10..quote.ip + 12, covered);
    }
    // A reply that looped back was stamped, summed up, and stamped again.
    let own = layout.ip + 10;
    if is_stamped && !is_intact(&frame[layout.header()]) && differs_by_time(pair, own, bound, 1) {
        pair.mask(own..own + 2, Covered::NOTHING);
    }
}

/// Whether the checksums at `at` differ by `times` times as many milliseconds as `bound` at most, whichever octet of a word
/// the times end in.
fn differs_by_time(pair: &FramePair<'_>, at: usize, bound: u32, times: u32) -> bool {
    const ONES: u32 = 0xffff;
    let (a, b) = pair.u16(at);
    let apart = (u32::from(a) + ONES - u32::from(b)) % ONES;
    let swapped = u32::from((apart as u16).swap_bytes());
    [apart, swapped].into_iter().any(|apart| {
        let least = apart.min(ONES - apart);
        least != 0 && least % times == 0 && least / times <= bound
    })
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
        // What a raw socket reads has the options that were updated under the checksum that was not.
        let is_fresh = is_intact(&frame[layout.header()]);
        let own = if is_fresh { Covered::new(layout.ip, layout.ip + 10) } else { Covered::NOTHING };
        times.in_options(frame, layout, own);
        let message = layout.payload();
        let sum = Covered::new(message, message + 2);
        match layout.icmp_type(frame) {
            Some(14) if layout.end >= message + 20 => {
                times.add(message + 12, sum);
                times.add(message + 16, sum);
            }
            // The checksum of a quoted header is stale when the options were updated (spec/linux-ipv4-icmp.md §3.2), so
            // it is compared as it stands; that of what was reassembled was made anew.
            Some(_) => {
                if let Some(quote) = layout.quote_start(frame) {
                    let is_fresh = frame.get(quote.header()).is_some_and(is_intact);
                    let own = Covered::new(quote.ip, quote.ip + 10);
                    times.in_options(frame, &quote, if is_fresh { own } else { sum });
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

    use super::super::tests_support::{World, icmp, with_checksum, with_options};

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

    #[rstest]
    #[case::as_it_stood(0x0707, true)]
    #[case::over_a_time_stamped_before(0x0708, true)]
    #[case::of_something_else(0x0788, false)]
    fn a_stale_header_checksum(#[case] other: u16, #[case] equal: bool) {
        let delivered = |time: u32, checksum: u16| {
            let mut bytes = vec![68, 8, 9, 0];
            bytes.extend(time.to_be_bytes());
            let mut datagram = with_options(&bytes, &[0, 0, 0, 0, 0, 1, 0, 1]);
            datagram[10..12].copy_from_slice(&checksum.to_be_bytes());
            datagram
        };
        assert_eq!(World::default().equal(&delivered(1000, 0x0707), &delivered(1001, other)), equal);
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

    /// Port Unreachable about a datagram with a time, of whose header and payload `quoted` octets are quoted.
    fn about_stamped(time: u32, quoted: usize, is_fresh: bool) -> Vec<u8> {
        let mut options = vec![68, 8, 9, 0];
        options.extend(time.to_be_bytes());
        let mut quote = with_options(&options, &[0; 8]);
        if !is_fresh {
            quote[10..12].fill(7);
        }
        let message = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &quote[..quoted]].concat();
        let plain = icmp(&message);
        with_options(&[68, 8, 9, 0, 0, 0, 0, 0], &plain[20..])
    }

    #[rstest]
    #[case::stale(36, false, 1001, true)]
    #[case::made_anew(36, true, 1001, true)]
    #[case::made_anew_and_the_time_is_cut_off(24, true, 1001, true)]
    #[case::far(24, true, 1100, false)]
    fn a_quoted_header(
        #[case] quoted: usize,
        #[case] is_fresh: bool,
        #[case] other: u32,
        #[case] equal: bool,
    ) {
        let (a, b) = (about_stamped(1000, quoted, is_fresh), about_stamped(other, quoted, is_fresh));
        assert_eq!(World::default().equal(&a, &b), equal);
    }

    #[test]
    fn a_quoted_checksum_is_fresh_on_both_sides_or_on_none() {
        assert!(!World::default().equal(&about_stamped(1000, 36, true), &about_stamped(1001, 36, false)));
    }

    #[rstest]
    #[case::near(1001, true)]
    #[case::far(1100, false)]
    fn times_behind_the_cut_of_a_reply(#[case] other: u32, #[case] equal: bool) {
        let first = |time: u32| {
            let whole = reply(time);
            let mut frame = whole[..28].to_vec();
            (frame[3], frame[6]) = (28, 0x20);
            with_checksum(frame)
        };
        assert_eq!(World::default().equal(&first(1000), &first(other)), equal);
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
