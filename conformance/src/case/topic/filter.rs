//! A packet filter: what its rules at each place stop, by either interface, and with which words.

use crate::case::prelude::*;

/// The sections.
pub(super) fn sections() -> Vec<Section> {
    vec![hooks(), interfaces(), words()]
}

/// A rule against echo requests.
fn no_requests(hook: Hook, action: RuleAction) -> Rule {
    Rule { protocol: Some(1), icmp_type: Some(8), ..rule(hook, action) }
}

fn hooks() -> Section {
    let through = |w: &World| w.transit(request());
    let quiet = Probe::Without("the filter may stop the probe");
    section("topic/filter/hook").cases([
        case("input-stops-what-is-for-the-router", [], move |w| {
            send(w.echo()).silence().probe(quiet.clone())
        })
        .on(router().rule(no_requests(Hook::Input, RuleAction::Drop)))
        .alias("idea/N01"),
        case("input-leaves-transit-alone", [], move |w| {
            send(through(w))
                .answer(seen::forwarded(&through(w)).interface(1))
                .probe(Probe::Without("the filter stops the probe"))
        })
        .on(router().rule(no_requests(Hook::Input, RuleAction::Drop)))
        .alias("idea/N01"),
        case("forward-stops-transit", [], move |w| send(through(w)).silence())
            .on(router().rule(no_requests(Hook::Forward, RuleAction::Drop)))
            .alias("idea/N01"),
        case("forward-leaves-alone-what-is-for-the-router", [], |w| {
            send(w.echo()).answer(seen::reply_to(&w.echo()))
        })
        .on(router().rule(no_requests(Hook::Forward, RuleAction::Drop)))
        .alias("idea/N01"),
        case("output-stops-replies", [], |w| {
            send(w.echo()).silence().probe(Probe::Without("the filter stops the answer"))
        })
        .on(router().rule(Rule {
            protocol: Some(1),
            icmp_type: Some(0),
            ..rule(Hook::Output, RuleAction::Drop)
        }))
        .alias("idea/N01"),
        case("the-first-rule-that-fits-decides", [], |w| send(w.echo()).answer(seen::reply_to(&w.echo())))
            .on(router()
                .rule(no_requests(Hook::Input, RuleAction::Accept))
                .rule(no_requests(Hook::Input, RuleAction::Drop)))
            .alias("idea/N01"),
    ])
}

fn interfaces() -> Section {
    let by = |place: &'static str, link: usize| {
        router().edit(move |scenario| {
            let name = Some(scenario.interfaces[link].name.clone());
            let mut rule = no_requests(Hook::Forward, RuleAction::Drop);
            if place == "in" {
                rule.incoming = name
            } else {
                rule.outgoing = name
            }
            scenario.rules.push(rule);
        })
    };
    section("topic/filter/interface").cases(
        [("in", 0, true), ("in", 1, false), ("out", 0, false), ("out", 1, true)].map(
            |(place, link, is_stopped)| {
                let word = if is_stopped { "stops" } else { "passes" };
                case(format!("{place}-by-link-{link}-{word}-what-goes-from-0-to-1"), [], move |w| {
                    let transit = w.transit(request());
                    match is_stopped {
                        true => send(transit).silence(),
                        false => send(transit.clone()).answer(seen::forwarded(&transit).interface(1)),
                    }
                })
                .on(by(place, link))
                .alias("idea/N01")
            },
        ),
    )
}

fn words() -> Section {
    section("topic/filter/word").cases([0, 1, 2, 3, 9, 10, 13].map(|code| {
        case(format!("a-filter-can-say-code-{code}"), [], move |w| {
            send(w.passing()).answer(seen::unreachable(code).destination(w.peer)).probe(Probe::EchoOnly)
        })
        .on(router().rule(Rule { protocol: Some(17), ..rule(Hook::Forward, RuleAction::Reject { code }) }))
        .alias("idea/H14")
    }))
}
