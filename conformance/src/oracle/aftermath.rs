//! What may be asked of a stack at any moment, after anything: its counters by name, the same configuration again, its
//! tables emptied.

use std::collections::BTreeSet;

use netassay_stack::Stack;
use netassay_stack::conntrack::ConntrackConfig;
use netassay_stack::counters::{Counter, Counters};
use netassay_stack::time::Instant;

use super::{Objection, hold, same};

/// The clauses: of counters, of the rest.
const COUNTERS: &str = "RFC 4293 §3.2.3";
const CLAUSE: &str = "RFC 4732 §2";

/// Judges `stack`, which is of no use afterwards.
///
/// # Errors
/// The first rule that is broken.
pub fn judge(stack: &mut Stack, now: Instant) -> Result<(), Objection> {
    names_are_those_of_slots(stack.counters())?;
    let before = stack.footprint();
    let config = stack.config().clone();
    let again = stack.reconfigure(config);
    hold(CLAUSE, "a configuration in force can be set again", again.is_ok(), || format!("{again:?}"))?;
    stack.flush_exceptions();
    let after = stack.footprint();
    same(CLAUSE, "setting it forgets no connection", after.connections, before.connections)?;
    same(CLAUSE, "setting it forgets no fragment", after.reassembly_octets, before.reassembly_octets)?;
    hold(CLAUSE, "a stack has its own limits", stack.has_limits_of(&stack.clone()), String::new)?;
    let Some(netfilter) = stack.hooks_mut().netfilter_mut() else { return Ok(()) };
    let conntrack = netfilter.conntrack_mut();
    conntrack.remove_if(now, |entry| entry.status.bits() & 1 == 0);
    hold(CLAUSE, "removing some adds none", conntrack.len() <= before.connections, String::new)?;
    conntrack.flush(now);
    same(CLAUSE, "a table that was flushed is empty", conntrack.len(), 0)?;
    for (name, most) in ConntrackConfig::knobs() {
        let value = conntrack.config.get(&format!("net.netfilter.{name}"));
        let is_within = value.is_some_and(|value| (0..=most).contains(&value));
        hold(CLAUSE, "a knob is read, and within its range", is_within, || format!("{name} is {value:?}"))?;
    }
    Ok(())
}

/// Whether counters are read by name as by slot, each name once.
fn names_are_those_of_slots(counters: &Counters) -> Result<(), Objection> {
    let named: BTreeSet<String> = counters.nonzero().map(|(name, _)| name.to_string()).collect();
    let moved = counters.slots().iter().filter(|value| **value != 0).count();
    same(COUNTERS, "counters that moved have a name each", named.len(), moved)?;
    for counter in Counter::ALL {
        let is_named = named.contains(counter.name());
        same(COUNTERS, "a counter that moved is named", is_named, counters.value(*counter) != 0)?;
    }
    let of_type = |icmp_type: u8| counters.icmp_in_type(icmp_type) + counters.icmp_out_type(icmp_type);
    let by_type = (0..=255).map(of_type).sum::<u64>();
    let by_slot = counters.slots()[Counter::ALL.len()..].iter().sum();
    same(COUNTERS, "messages are counted by type", by_type, by_slot)?;
    // How a person is shown them.
    let shown = format!("{counters:?}");
    hold(COUNTERS, "all that moved is shown", named.iter().all(|name| shown.contains(name)), || shown.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_by_name_as_by_slot() {
        let mut counters = Counters::default();
        counters.bump(Counter::IpInReceives);
        counters.bump_icmp_in(8);
        counters.bump_icmp_out(255);
        assert_eq!(names_are_those_of_slots(&counters), Ok(()));
    }
}
