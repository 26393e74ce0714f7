//! Which message the limit of all ICMP messages strikes first, which Linux leaves to chance.
//!
//! Each message that is sent costs the bucket of all messages 0, 1 or 2 credits at random, so that nobody can count
//! them from outside. Two stacks with the same traffic send about as many messages, but not the same ones.

use super::{Context, RuleInfo};
use crate::differential::layout::Layout;
use crate::model::{CounterId, Counters, EmittedFrame, Limits, LinkKind, Scenario};

/// What `netassay list rules` says.
pub const INFO: RuleInfo = RuleInfo {
    name: "icmp-global-limit-draw",
    applies_to: "ICMP errors about the stimulus that one side sends and the other withholds by the limit of all messages",
    demands: "the limit is in force; who withholds has sent half of what the bucket holds, or more; what the two have \
              sent in all is apart by no more than six standard deviations of the draws; all counters but those of the \
              message and of its refusal are equal",
    clause: "RFC 1812 §4.3.2.8; spec/linux-ipv4-icmp.md §8.2: each message costs 0, 1 or 2",
};

/// Credits in the bucket, unless a scenario says otherwise.
const BURST: u64 = 50;
/// What of the bucket a draw of 2 for each message leaves the chance to send.
const MOST_COST: u64 = 2;

/// What the two sides have sent and withheld in a trace.
#[derive(Debug, Default)]
pub struct GlobalLimit {
    /// What the bucket holds; `None` where the limit is lifted.
    burst: Option<u64>,
    sent: [u64; 2],
    /// What the counters of each side have for messages that only it sent, and for those it withheld.
    accounts: [Option<Counters>; 2],
}

impl GlobalLimit {
    /// Nothing sent yet in a trace in `scenario`.
    pub fn new(scenario: &Scenario) -> Self {
        let burst = match scenario.sysctl.get("net.ipv4.icmp_msgs_burst").map(|value| value.parse()) {
            Some(burst) => burst.ok(),
            None => (scenario.limits == Limits::Default).then_some(BURST),
        };
        Self { burst, ..Self::default() }
    }

    /// Counts a message that both sides sent.
    pub fn both_sent(&mut self, context: &Context<'_>, frame: &EmittedFrame) {
        if self.burst.is_some() && limited(context, frame).is_some() {
            self.sent[0] += 1;
            self.sent[1] += 1;
        }
    }

    /// Whether chance may have withheld `frame`, which only `side` (0 or 1) sent, on the other side.
    pub fn admits(&mut self, context: &Context<'_>, side: usize, frame: &EmittedFrame) -> bool {
        let Some((burst, message)) = self.burst.zip(limited(context, frame)) else { return false };
        let other = 1 - side;
        self.sent[side] += 1;
        if self.sent[other] * MOST_COST < burst || !is_likely(self.sent) {
            return false;
        }
        let account = self.accounts[side].get_or_insert_default();
        for name in ["Ip.OutRequests", "Ip.OutTransmits", "Icmp.OutMsgs"] {
            add(account, name, 1);
        }
        add(account, "IpExt.OutOctets", message.len);
        account.add(CounterId::icmp_out_type(message.icmp_type), 1);
        add(self.accounts[other].get_or_insert_default(), "Icmp.OutRateLimitGlobal", 1);
        true
    }

    /// What of the counters of the two sides is accounted for since this was asked last.
    pub fn take_accounts(&mut self) -> [Option<Counters>; 2] {
        std::mem::take(&mut self.accounts)
    }
}

fn add(counters: &mut Counters, name: &str, amount: i64) {
    if let Some(id) = CounterId::by_name(name) {
        counters.add(id, amount);
    }
}

/// Whether two independent series of draws may have come this far apart. A draw from 0, 1 and 2 has the variance 2/3.
fn is_likely([a, b]: [u64; 2]) -> bool {
    let apart = a.abs_diff(b);
    // (6 σ)², σ² = 2 · 2/3 · messages.
    apart * apart <= 48 * a.max(b)
}

/// A message that is subject to the limit.
struct Message {
    icmp_type: u8,
    len: i64,
}

/// Reads `frame` as an ICMP error about the stimulus that the limit is for. RFC 1812 §4.3.2.8.
fn limited(context: &Context<'_>, frame: &EmittedFrame) -> Option<Message> {
    let link = context.scenario.interfaces.get(frame.interface).map_or(LinkKind::Ip, |it| it.link);
    let octets = &frame.octets[..];
    let layout = Layout::of(octets, link)?;
    let icmp_type = layout.icmp_type(octets)?;
    let code = *octets.get(layout.payload() + 1)?;
    let (stimulus, arrived) = context.stimulus?;
    let quote = layout.quote(octets)?;
    let is_about_stimulus = (quote.source(octets), quote.destination(octets), quote.identification(octets))
        == (arrived.source(stimulus), arrived.destination(stimulus), arrived.identification(stimulus));
    let is_limited = matches!((icmp_type, code), (3, 0..=3 | 5..) | (4 | 11 | 12, _));
    (is_limited && is_about_stimulus)
        .then(|| Message { icmp_type, len: i64::try_from(layout.end - layout.ip).unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::super::tests_support::{icmp, identified, inject, scenario};
    use super::*;

    /// An error about the stimulus of [`admitted`], or another message.
    fn error(icmp_type: u8, code: u8) -> EmittedFrame {
        let mut message = vec![icmp_type, code, 0, 0, 0, 0, 0, 0];
        message.extend(identified(17, 3, 0, &[0; 8]));
        EmittedFrame { interface: 0, octets: icmp(&message) }
    }

    /// Whether A may send a last message alone after both sent `sent` and A alone `more`.
    fn admitted(limits: Limits, sent: u64, more: u64, last: &EmittedFrame) -> (bool, GlobalLimit) {
        let scenario = Scenario { limits, ..scenario() };
        let step = inject(0, identified(17, 3, 0, &[0; 8]));
        let context = Context::new(&scenario, &step, Duration::ZERO);
        let mut limit = GlobalLimit::new(&scenario);
        (0..sent).for_each(|_| limit.both_sent(&context, &error(3, 3)));
        (0..more).for_each(|_| {
            limit.admits(&context, 0, &error(3, 3));
        });
        limit.take_accounts();
        let is_admitted = limit.admits(&context, 0, last);
        (is_admitted, limit)
    }

    #[rstest]
    #[case::half_is_spent(Limits::Default, 25, 0, error(3, 3), true)]
    #[case::less_is_spent(Limits::Default, 24, 0, error(3, 3), false)]
    #[case::no_limit(Limits::Open, 40, 0, error(3, 3), false)]
    #[case::within_six_sigma(Limits::Default, 50, 50, error(11, 0), true)]
    #[case::beyond(Limits::Default, 50, 90, error(11, 0), false)]
    #[case::never_limited(Limits::Default, 50, 0, error(3, 4), false)]
    #[case::no_error(Limits::Default, 50, 0, error(0, 0), false)]
    fn chance_has_bounds(
        #[case] limits: Limits,
        #[case] sent: u64,
        #[case] more: u64,
        #[case] last: EmittedFrame,
        #[case] expected: bool,
    ) {
        assert_eq!(admitted(limits, sent, more, &last).0, expected);
    }

    #[test]
    fn counters_of_the_message_are_accounted_for() {
        let (_, mut limit) = admitted(Limits::Default, 50, 0, &error(3, 3));
        let [sender, withholder] = limit.take_accounts().map(|account| {
            account.map(|account| account.iter().map(|(id, n)| (id.name(), n)).collect::<Vec<_>>()).unwrap()
        });
        let expected = [
            ("Ip.OutRequests", 1),
            ("Ip.OutTransmits", 1),
            ("Icmp.OutMsgs", 1),
            ("IpExt.OutOctets", 56),
            ("IcmpMsg.OutType3", 1),
        ];
        assert_eq!(sender, expected.map(|(name, n)| (name.to_owned(), n)));
        assert_eq!(withholder, [("Icmp.OutRateLimitGlobal".to_owned(), 1)]);
        assert!(limit.take_accounts().iter().all(Option::is_none));
    }
}
