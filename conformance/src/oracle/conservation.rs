//! Conservation of counters: what went in is accounted for, what came out was counted, nothing runs backwards.
//!
//! The laws are those of RFC 4293 and RFC 2011 as far as Linux keeps them.

use netassay_stack::counters::{Counter, Counters};

use super::{Objection, hold, same};

/// The clause of the laws over IP counters, and of those over ICMP counters.
const IP: &str = "RFC 4293 §3.2.3";
const ICMP: &str = "RFC 4293 §3.2.5";

/// What happened between two readings of the counters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Between {
    /// Datagrams handed in that were meant for the stack at the link.
    pub received: u64,
    /// Frames that came out.
    pub emitted: u64,
}

/// Judges the counters `after` something against those `before` it.
///
/// # Errors
/// The first law that is broken.
pub fn judge(before: &Counters, after: &Counters, between: Between) -> Result<(), Objection> {
    let moved = |counter: Counter| after.value(counter).wrapping_sub(before.value(counter));
    let pairs = || before.slots().iter().zip(after.slots());
    // All slots, without a look between two of them: most never move.
    let is_forward = pairs().fold(true, |so_far, (before, after)| so_far & (before <= after));
    hold(IP, "no counter runs backwards", is_forward, || {
        format!("slot {:?}", pairs().position(|(before, after)| after < before))
    })?;
    let received = moved(Counter::IpInReceives);
    hold(IP, "every datagram is counted as received", received >= between.received, || {
        format!("{received} of {}", between.received)
    })?;
    let delivered = moved(Counter::IpInDelivers);
    hold(IP, "no more is delivered than was received", delivered <= received, || {
        format!("{delivered} of {received}")
    })?;
    let transmitted = moved(Counter::IpOutTransmits);
    hold(IP, "every frame is counted as transmitted", transmitted >= between.emitted, || {
        format!("{transmitted} of {}", between.emitted)
    })?;
    at_any_time(after)
}

/// Judges counters by themselves.
///
/// # Errors
/// The first law that is broken.
pub fn at_any_time(counters: &Counters) -> Result<(), Objection> {
    let value = |counter| counters.value(counter);
    let no_more = |clause, what: &str, part: u64, whole: u64| {
        hold(clause, what, part <= whole, || format!("{part} of {whole}"))
    };
    no_more(
        IP,
        "no more is reassembled than came in fragments",
        value(Counter::IpReasmOKs),
        value(Counter::IpReasmReqds),
    )?;
    no_more(
        IP,
        "no more is forwarded than was received",
        value(Counter::IpForwDatagrams),
        value(Counter::IpInReceives),
    )?;
    no_more(
        IP,
        "what is fragmented has fragments",
        value(Counter::IpFragOKs),
        value(Counter::IpFragCreates),
    )?;
    no_more(
        IP,
        "wrong checksums are errors",
        value(Counter::IpExtInCsumErrors),
        value(Counter::IpInReceives),
    )?;
    let (received_types, sent_types) = counters.slots()[Counter::ALL.len()..].split_at(256);
    let sent = total(sent_types);
    same(ICMP, "messages sent have a type each", sent, value(Counter::IcmpOutMsgs))?;
    no_more(
        ICMP,
        "messages received have a type at most",
        total(received_types),
        value(Counter::IcmpInMsgs),
    )?;
    no_more(
        ICMP,
        "wrong checksums are errors",
        value(Counter::IcmpInCsumErrors),
        value(Counter::IcmpInErrors),
    )?;
    no_more(ICMP, "errors are messages", value(Counter::IcmpInErrors), value(Counter::IcmpInMsgs))
}

/// All of `slots` together; wraps as the counters do.
fn total(slots: &[u64]) -> u64 {
    slots.iter().fold(0, |sum, value| sum.wrapping_add(*value))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn counters(values: &[(Counter, u64)]) -> Counters {
        let mut counters = Counters::default();
        values.iter().for_each(|(counter, value)| counters.add(*counter, *value));
        counters
    }

    #[rstest]
    #[case::one_in_one_out(&[(Counter::IpInReceives, 1), (Counter::IpInDelivers, 1), (Counter::IpOutTransmits, 1)], true)]
    #[case::not_counted(&[(Counter::IpOutTransmits, 1)], false)]
    #[case::delivered_twice(&[(Counter::IpInReceives, 1), (Counter::IpInDelivers, 2), (Counter::IpOutTransmits, 1)], false)]
    #[case::sent_uncounted(&[(Counter::IpInReceives, 1)], false)]
    #[case::a_message_without_a_type(&[(Counter::IpInReceives, 1), (Counter::IpOutTransmits, 1), (Counter::IcmpOutMsgs, 1)], false)]
    fn laws(#[case] values: &[(Counter, u64)], #[case] is_right: bool) {
        let verdict = judge(&Counters::default(), &counters(values), Between { received: 1, emitted: 1 });
        assert_eq!(verdict.is_ok(), is_right, "{verdict:?}");
    }

    #[test]
    fn running_backwards_is_seen() {
        let before = counters(&[(Counter::IpInReceives, 2)]);
        let after = counters(&[(Counter::IpInReceives, 1)]);
        assert!(judge(&before, &after, Between::default()).is_err());
    }
}
