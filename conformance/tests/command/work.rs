//! The main jobs from beginning to end.

use libtest_mimic::Completion;
use serde_json::Value;

use super::Outcome;
use super::room::{Ran, Room};

/// A host, a router and a NAT router, replayed by nobody on the kernel that runs here.
pub(crate) fn nobody_compares_with_the_live_kernel() -> Outcome {
    let room = Room::new();
    let captures = ["ping-plain.pcap", "udp-closed.pcap", "traceroute-udp.pcapng"];
    captures.iter().for_each(|name| drop(room.capture(name)));
    let scenarios = ["--scenario", "host", "--scenario", "router", "--scenario", "nat"];
    let arguments = [&["diff", "--quiet", "--out", "out"], &scenarios[..], &captures[..]].concat();
    let ran = Ran::of(&mut room.netassay_as_nobody(&arguments))?;
    if ran.status == Some(3) {
        return Ok(Completion::ignored_with(ran.stderr.trim().to_owned()));
    }
    ran.expect(0, &[]);
    let found: Value = serde_json::from_slice(&std::fs::read(room.path("out/result.json"))?)?;
    assert!(found["b"].as_str().is_some_and(|b| b.starts_with("linux Linux ")), "{found:#}");
    assert_eq!(found["totals"]["traces"], 9, "{found:#}");
    let sum = |name: &str| found["totals"][name].as_u64().unwrap_or_default();
    assert!(sum("agree") >= 100 && sum("diverge") == 0, "{found:#}");
    assert_eq!(sum("packets"), sum("agree") + sum("skipped"), "{found:#}");
    // Nothing but drop reasons is out of nobody's sight.
    let missing: Vec<_> =
        found["missing"].as_object().into_iter().flatten().map(|(name, _)| &name[..]).collect();
    assert!(missing.is_empty() || missing == ["drops"], "{found:#}");
    for report in ["report.html", "junit.xml", "badge.json"] {
        assert!(room.path("out").join(report).metadata()?.len() > 50, "{report}");
    }
    Ok(Completion::Completed)
}

pub(crate) fn records_replay() -> Outcome {
    let room = Room::new();
    room.capture("ping-plain.pcap");
    let record = ["record", "--dut", "reference", "--out", "records", "ping-plain.pcap"];
    let ran = Ran::of(&mut room.netassay(&record))?;
    ran.expect(0, &[]);
    assert_eq!(ran.stdout, "records/ping-plain-auto.pcapng: 5 steps\n");
    let replay = ["diff", "--quiet", "--b", "recorded:records", "--json", "r.json"];
    for again in ["ping-plain.pcap", "records/ping-plain-auto.pcapng"] {
        Ran::of(&mut room.netassay(&[&replay[..], &[again]].concat()))?.expect(0, &[]);
        let found: Value = serde_json::from_slice(&std::fs::read(room.path("r.json"))?)?;
        assert_eq!(found["totals"]["agree"], 5, "{found:#}");
    }
    room.capture("udp-closed.pcap");
    let ran = Ran::of(&mut room.netassay(&[&replay[..], &["udp-closed.pcap"]].concat()))?;
    assert_ne!(ran.status, Some(0), "what was not recorded is not replayed: {ran:#?}");
    Ok(Completion::Completed)
}

pub(crate) fn send_shows_answers_side_by_side() -> Outcome {
    let room = Room::new();
    // Two fragments of an echo, so that both have to go into the same stack.
    let specs = ["ipv4(mf,id=7)/icmp(sum=0xdfdf)/payload(8)", "ipv4(offset=16,id=7,proto=1)/payload(8)"];
    let arguments = [&["send"], &specs[..], &["--dut", "reference", "--dut", "reference:rfc"]].concat();
    let ran = Ran::of(&mut room.netassay(&arguments))?;
    ran.expect(0, &[]);
    for line in [
        "  to t0: icmp 8/0 fragment, 36 octets",
        "                                  reference    reference:rfc",
        "    answers                           icmp 0/0 on t0",
        "    counters.Ip.ReasmOKs              +1",
    ] {
        assert!(ran.stdout.lines().any(|found| found.starts_with(line)), "no `{line}` in\n{}", ran.stdout);
    }
    let differ = ["send", "ipv4(df)/icmp", "--dut", "reference", "--dut", "smoltcp"];
    let ran = Ran::of(&mut room.netassay(&differ))?;
    ran.expect(1, &[]);
    assert!(ran.stdout.contains('≠'), "{ran:#?}");
    Ok(Completion::Completed)
}

pub(crate) fn send_points_at_the_column() -> Outcome {
    let ran = Ran::of(&mut Room::new().netassay(&["send", "ipv4(ttl=1)/imcp", "--dut", "reference"]))?;
    let pointed = "ipv4(ttl=1)/imcp\n            ^^^^ `imcp` is no layer; did you mean `icmp`?";
    ran.expect(2, &["column 13: ", pointed]);
    Ok(Completion::Completed)
}
