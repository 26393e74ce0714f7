//! Worlds that chance has made, brought to what a file can say.

use super::check::problems;
use super::check_rules::is_nat;
use super::position::Position;
use crate::model::scenario::{Interface, Role, Rule, Scenario, Socket};

/// Leaves out of `scenario` what contradicts the rest of it, so that it can be written into a file and read again.
/// Sockets stay, and keep their numbers; what cannot be said of one is left out.
///
/// Whether something is left to object to, such as two interfaces of one name, [`super::problems`] tells.
pub fn tidy(scenario: &mut Scenario) {
    let whole = scenario.clone();
    bare(scenario);
    let known = whats(scenario);
    let mut tidied = Tidied { scenario, known };
    for (number, interface) in whole.interfaces.iter().enumerate() {
        tidied.dress_interface(number, interface);
    }
    for (name, value) in &whole.sysctl {
        tidied.attempt(|it| it.sysctl.extend([(name.clone(), value.clone())]));
    }
    for route in &whole.routes {
        tidied.attempt(|it| it.routes.push(route.clone()));
    }
    for rule in &whole.rules {
        // Rather one that asks for less than none.
        let plainer = Rule { icmp_type: None, ct_state: Vec::new(), ..rule.clone() };
        let _ = tidied.attempt(|it| it.rules.push(rule.clone()))
            || tidied.attempt(|it| it.rules.push(plainer.clone()));
    }
    for (number, socket) in whole.sockets.iter().enumerate() {
        tidied.dress_socket(number, socket);
    }
    if scenario.role == Role::Nat && !scenario.rules.iter().any(|rule| is_nat(&rule.action)) {
        scenario.role = Role::Conntrack;
    }
}

/// Takes away what can be taken away.
fn bare(scenario: &mut Scenario) {
    scenario.sysctl.clear();
    scenario.routes.clear();
    scenario.rules.clear();
    for interface in &mut scenario.interfaces {
        interface.addresses.clear();
        interface.groups.clear();
        interface.sysctl.clear();
    }
    for socket in &mut scenario.sockets {
        (socket.local, socket.peer) = (None, None);
        socket.options.clear();
    }
}

/// What is wrong with it.
fn whats(scenario: &Scenario) -> Vec<String> {
    problems(scenario, &Position::new("")).into_iter().map(|problem| problem.what).collect()
}

/// A world that is given back what it had, one piece after the other.
struct Tidied<'s> {
    scenario: &'s mut Scenario,
    /// What was wrong all along.
    known: Vec<String>,
}

impl Tidied<'_> {
    /// Makes `change` unless it brings a problem, be it in place of another one; says whether it was made.
    fn attempt(&mut self, change: impl Fn(&mut Scenario)) -> bool {
        let mut changed = self.scenario.clone();
        change(&mut changed);
        let whats = whats(&changed);
        let is_fine = whats.iter().all(|what| self.known.contains(what));
        if is_fine {
            (*self.scenario, self.known) = (changed, whats);
        }
        is_fine
    }

    fn dress_interface(&mut self, number: usize, interface: &Interface) {
        for address in &interface.addresses {
            self.attempt(|it| it.interfaces[number].addresses.push(*address));
        }
        for group in &interface.groups {
            self.attempt(|it| it.interfaces[number].groups.push(*group));
        }
        for (name, value) in &interface.sysctl {
            self.attempt(|it| it.interfaces[number].sysctl.extend([(name.clone(), value.clone())]));
        }
    }

    fn dress_socket(&mut self, number: usize, socket: &Socket) {
        self.attempt(|it| it.sockets[number].local = socket.local);
        self.attempt(|it| it.sockets[number].peer = socket.peer);
        for (name, value) in &socket.options {
            // A flag is set by any number but zero.
            let mut values = [*value, i64::from(*value != 0)].into_iter();
            values.any(|value| self.attempt(|it| it.sockets[number].options.extend([(name.clone(), value)])));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{parse, problems, to_toml};
    use super::*;
    use crate::generate::script::Script;
    use crate::model::scenario_file::NAMED;

    #[test]
    fn what_is_tidy_stays_as_it_is() {
        for named in NAMED {
            let scenario = named.scenario();
            let mut tidied = scenario.clone();
            tidy(&mut tidied);
            assert_eq!(tidied, scenario, "{}", named.name);
        }
    }

    #[test]
    fn a_rule_that_cannot_be_does_not_make_up_for_the_lack_of_one() {
        let mut scenario = crate::model::scenario_file::by_name("nat").expect("it is named").scenario();
        scenario.rules[0].incoming = Some(scenario.interfaces[0].name.clone());
        tidy(&mut scenario);
        assert_eq!(problems(&scenario), Vec::<String>::new());
        assert_eq!(scenario.role, Role::Conntrack, "nothing translates");
    }

    quickcheck::quickcheck! {
        fn worlds_of_scripts_are_brought_into_a_file(octets: Vec<u8>) -> bool {
            [&octets[..], &[b"nas1", &octets[..]].concat()].iter().all(|octets| {
                let mut scenario = Script::decode(octets).scenario;
                tidy(&mut scenario);
                problems(&scenario).is_empty() && parse("", &to_toml(&scenario)).as_ref() == Ok(&scenario)
            })
        }
    }
}
