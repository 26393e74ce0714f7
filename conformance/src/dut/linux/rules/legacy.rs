//! The same rules by way of `iptables-legacy-restore`, for kernels whose `nf_tables` knows no IPv4.

use std::fmt::Write as _;

use super::{HOOKS, Table};
use crate::dut::DutError;
use crate::model::scenario::{Hook, Ports, Translation};
use crate::model::{Prefix, Role, Rule, RuleAction, Scenario};

/// Where the program is looked for.
pub(super) const PROGRAMS: &[&str] =
    &["iptables-legacy-restore", "/usr/sbin/iptables-legacy-restore", "/sbin/iptables-legacy-restore"];

/// Tables in the order of the text. What filters outside of the three chains of `filter` stands in `mangle`.
const TABLES: [&str; 4] = ["raw", "mangle", "filter", "nat"];

/// The whole rule set as the program reads it.
///
/// # Errors
/// [`DutError::Unsupported`] for what the old tables cannot say.
pub(super) fn script(scenario: &Scenario) -> Result<String, DutError> {
    let mut text = String::new();
    for table in TABLES {
        let mut lines = String::new();
        if table == "mangle" && matches!(scenario.role, Role::Conntrack | Role::Nat) {
            // Tracking starts with the first rule that asks for a state.
            lines.push_str("-A PREROUTING -m conntrack --ctstate INVALID\n");
        }
        for hook in HOOKS {
            let rules = scenario.rules.iter().filter(|rule| rule.hook == hook && self::table(rule) == table);
            for rule in rules {
                write_rule(&mut lines, rule)?;
            }
        }
        if !lines.is_empty() {
            let _ = write!(text, "*{table}\n{lines}COMMIT\n");
        }
    }
    Ok(text)
}

fn table(rule: &Rule) -> &'static str {
    match (Table::of(&rule.action), rule.hook) {
        (Table::Filter, Hook::Prerouting | Hook::Postrouting) => "mangle",
        (table, _) => table.name(),
    }
}

fn write_rule(text: &mut String, rule: &Rule) -> Result<(), DutError> {
    let mut conditions = format!("-A {}", super::hook_name(rule.hook).to_uppercase());
    for (option, name) in [("-i", &rule.incoming), ("-o", &rule.outgoing)] {
        if let Some(name) = name {
            let _ = write!(conditions, " {option} {name}");
        }
    }
    for (option, prefix) in [("-s", rule.from), ("-d", rule.to)] {
        if let Some(prefix @ Prefix { length: 1.., .. }) = prefix {
            let _ = write!(conditions, " {option} {}/{}", prefix.network(), prefix.length);
        }
    }
    write_protocol(&mut conditions, rule)?;
    if !rule.ct_state.is_empty() {
        let _ = write!(conditions, " -m conntrack --ctstate {}", rule.ct_state.join(",").to_uppercase());
    }
    for target in targets(&rule.action)? {
        let _ = writeln!(text, "{conditions} -j {target}");
    }
    Ok(())
}

fn write_protocol(conditions: &mut String, rule: &Rule) -> Result<(), DutError> {
    const ICMP: u8 = 1;
    let protocol = rule.protocol.or(rule.icmp_type.map(|_| ICMP));
    if let Some(protocol) = protocol {
        let _ = write!(conditions, " -p {protocol}");
    }
    if let Some(icmp_type) = rule.icmp_type {
        let _ = write!(conditions, " -m icmp --icmp-type {icmp_type}");
    }
    if rule.source_port.is_none() && rule.destination_port.is_none() {
        return Ok(());
    }
    let module = match protocol {
        Some(6) => "tcp",
        Some(17) => "udp",
        _ => return Err(DutError::Unsupported("the old tables know ports of TCP and UDP only".to_owned())),
    };
    let _ = write!(conditions, " -m {module}");
    for (option, port) in [("--sport", rule.source_port), ("--dport", rule.destination_port)] {
        if let Some(port) = port {
            let _ = write!(conditions, " {option} {port}");
        }
    }
    Ok(())
}

/// What is done, in one or more rules.
fn targets(action: &RuleAction) -> Result<Vec<String>, DutError> {
    Ok(match action {
        RuleAction::Accept => vec!["ACCEPT".to_owned()],
        RuleAction::Drop => vec!["DROP".to_owned()],
        RuleAction::Reject { code } => vec![format!("REJECT --reject-with {}", rejection(*code)?)],
        // These do not end the chain by themselves, but the first rule that matches decides.
        RuleAction::Notrack => vec!["CT --notrack".to_owned(), "ACCEPT".to_owned()],
        RuleAction::Zone(zone) => vec![format!("CT --zone {zone}"), "ACCEPT".to_owned()],
        RuleAction::Snat(to) => vec![translation("SNAT --to-source", to)],
        RuleAction::Dnat(to) => vec![translation("DNAT --to-destination", to)],
        RuleAction::Masquerade(to) => vec![ports("MASQUERADE", " --to-ports ", to)],
        RuleAction::Redirect(to) => vec![ports("REDIRECT", " --to-ports ", to)],
    })
}

fn rejection(code: u8) -> Result<&'static str, DutError> {
    Ok(match code {
        0 => "icmp-net-unreachable",
        1 => "icmp-host-unreachable",
        2 => "icmp-proto-unreachable",
        3 => "icmp-port-unreachable",
        9 => "icmp-net-prohibited",
        10 => "icmp-host-prohibited",
        13 => "icmp-admin-prohibited",
        _ => return Err(DutError::Unsupported(format!("the old tables cannot reject with code {code}"))),
    })
}

fn translation(verb: &str, to: &Translation) -> String {
    let last = to.last.filter(|last| *last != to.first);
    let last = last.map_or_else(String::new, |last| format!("-{last}"));
    ports(&format!("{verb} {}{last}", to.first), ":", &to.ports)
}

fn ports(before: &str, separator: &str, ports: &Ports) -> String {
    let mut text = before.to_owned();
    if let Some((first, last)) = ports.ports {
        let _ = write!(text, "{separator}{first}-{last}");
    }
    for (flag, is_set) in [(" --random", ports.random), (" --persistent", ports.persistent)] {
        if is_set {
            text.push_str(flag);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_stand_in_the_old_tables() {
        let text = "name = 'x'\nrole = 'nat'\n[[interface]]\nname = 'a'\n\
            [[rule]]\nhook = 'postrouting'\nout = 'wan'\nfrom = '10.0.0.1/8'\naction = { masquerade = {} }\n\
            [[rule]]\nhook = 'prerouting'\nprotocol = 17\ndestination-port = 80\n\
            action = { dnat = { first = '10.0.1.2', ports = [8080, 8080] } }\n\
            [[rule]]\nhook = 'prerouting'\naction = 'notrack'\n\
            [[rule]]\nhook = 'forward'\nct-state = ['new', 'related']\nicmp-type = 8\naction = { reject = { code = 13 } }";
        let scenario: Scenario = toml::from_str(text).unwrap();
        assert_eq!(
            script(&scenario).unwrap(),
            "*raw\n-A PREROUTING -j CT --notrack\n-A PREROUTING -j ACCEPT\nCOMMIT\n\
             *mangle\n-A PREROUTING -m conntrack --ctstate INVALID\nCOMMIT\n\
             *filter\n-A FORWARD -p 1 -m icmp --icmp-type 8 -m conntrack --ctstate NEW,RELATED \
             -j REJECT --reject-with icmp-admin-prohibited\nCOMMIT\n\
             *nat\n-A PREROUTING -p 17 -m udp --dport 80 -j DNAT --to-destination 10.0.1.2:8080-8080\n\
             -A POSTROUTING -o wan -s 10.0.0.0/8 -j MASQUERADE\nCOMMIT\n"
        );
    }
}
