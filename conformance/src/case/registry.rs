//! All cases, and what is wrong with them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::definition::{Case, Section};
use super::requirement::CATALOGUE;
use super::script::What;
use super::world::World;
use crate::model::{LinkKind, Scenario};

/// All cases, in the order of the files: by RFC and section.
pub fn registry() -> &'static [Case] {
    static REGISTRY: LazyLock<Vec<Case>> =
        LazyLock::new(|| super::sections().into_iter().flat_map(Section::into_cases).collect());
    &REGISTRY
}

/// The cases whose id or other name begins with one of `prefixes`; all if there are none.
pub fn select(prefixes: &[String]) -> Vec<&'static Case> {
    let is_wanted = |case: &&Case| prefixes.is_empty() || prefixes.iter().any(|it| case.is_selected_by(it));
    registry().iter().filter(is_wanted).collect()
}

/// Everything that is wrong with `cases`, one line each.
pub fn problems(cases: &[Case]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut count = BTreeMap::<&str, usize>::new();
    for case in cases {
        *count.entry(&case.id).or_default() += 1;
        problems.extend(problems_of(case).into_iter().map(|problem| format!("{}: {problem}", case.id)));
    }
    let twice = count.iter().filter(|(_, count)| **count > 1);
    problems.extend(twice.map(|(id, count)| format!("{id}: {count} cases have this id")));
    problems
}

fn problems_of(case: &Case) -> Vec<String> {
    let mut problems = case.setting.problems();
    let is_name = |it: &str| {
        let is_letter = |it: char| it.is_ascii_alphanumeric() || "-./_".contains(it);
        !it.is_empty() && it.chars().all(is_letter)
    };
    if !is_name(&case.id) {
        problems.push("an id is made of letters, digits, `-`, `_`, `.` and `/`".to_owned());
    }
    let unknown = case.requirements.iter().filter(|id| !CATALOGUE.contains_key(**id));
    problems.extend(unknown.map(|id| format!("there is no requirement {id}")));
    if case.requirements.is_empty() && case.aliases.is_empty() {
        problems.push("it covers no requirement and has no other name".to_owned());
    }
    if let Ok(scenario) = case.setting.build() {
        problems.extend(problems_of_script(case, &scenario));
    }
    problems
}

fn problems_of_script(case: &Case, scenario: &Scenario) -> Vec<String> {
    let world = World::of(scenario);
    let script = case.script(&world);
    let mut problems = script.mistakes.clone();
    if script.acts.iter().all(|act| act.expectations.is_empty()) {
        problems.push("it cannot fail: nothing is expected".to_owned());
    }
    for act in &script.acts {
        match &act.what {
            What::Send(packet) => match scenario.interfaces.get(packet.interface()) {
                None => problems.push(format!("there is no interface {}", packet.interface())),
                Some(interface) if packet.needs_ethernet() && interface.link == LinkKind::Ip => {
                    problems.push(format!("{} has no link addresses", interface.name));
                }
                Some(_) => {}
            },
            What::Socket(socket, _) if scenario.sockets.len() <= *socket => {
                problems.push(format!("there is no socket {socket}"));
            }
            What::React(_) | What::Advance | What::Socket(..) => {}
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::prelude::*;
    use super::*;

    #[test]
    fn every_case_is_sound() {
        let problems = problems(registry());
        assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    }

    fn problem_of(case: Case) -> String {
        problems(&section("test/1").cases([case]).into_cases()).join("\n")
    }

    #[test]
    fn mistakes_are_named() {
        let sound = |world: &World| send(world.echo()).silence();
        for (case, expected) in [
            (case("a", ["rfc0791-9-9"], sound), "no requirement rfc0791-9-9"),
            (case("a", [], sound), "covers no requirement"),
            (case("a b", ["rfc0791-3.1-1"], sound), "an id is made of"),
            (case("a", ["rfc0791-3.1-1"], |w| send(w.echo())), "cannot fail"),
            (case("a", ["rfc0791-3.1-1"], |w| send(w.echo().on(3)).silence()), "no interface 3"),
            (case("a", ["rfc0791-3.1-1"], |w| send(w.echo().link_broadcast()).silence()), "link addresses"),
            (case("a", ["rfc0791-3.1-1"], |w| send(w.echo()).counts("Ip.Nothing", 1)), "no counter"),
            (case("a", ["rfc0791-3.1-1"], |_| socket_send(0, None, b"x").silence()), "no socket 0"),
            (case("a", ["rfc0791-3.1-1"], sound).on(scenario("moon")), "no scenario `moon`"),
        ] {
            let found = problem_of(case);
            assert!(found.contains(expected), "{found:?} does not say {expected:?}");
        }
    }

    #[test]
    fn the_same_id_twice_is_refused() {
        let one = || case("a", ["rfc0791-3.1-1"], |w| send(w.echo()).silence());
        let found = problems(&section("test/1").cases([one(), one()]).into_cases());
        assert_eq!(found, ["test/1/a: 2 cases have this id"]);
    }
}
