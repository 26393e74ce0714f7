//! Packet filter and NAT rules by way of the `nft` program.
//!
//! The rules go in as one text on its standard input, in one transaction. Netlink would save the 5 ms that starting
//! the program takes, at the price of writing its compiler again; only scenarios with rules pay.

mod legacy;

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use super::error::Doing;
use super::inside::Inside;
use crate::dut::DutError;
use crate::model::scenario::{Hook, Ports, Translation};
use crate::model::{Prefix, Role, Rule, RuleAction, Scenario};

/// Where `nft` is looked for: ordinary users often lack the second and third in their search path.
pub(super) const PROGRAMS: &[&str] = &["nft", "/usr/sbin/nft", "/sbin/nft"];

/// What `nft` says where the kernel's `nf_tables` does not know IPv4.
const NO_IPV4: &str = "cache initialization failed";

/// Whether it was found to be such a kernel: in User-mode Linux, which is one, starting a program takes long.
static KNOWS_NO_IPV4: AtomicBool = AtomicBool::new(false);

/// Installs the rules of `scenario` in the namespace that `inside` is in.
pub(super) fn install(scenario: &Scenario, inside: &Inside) -> Result<(), DutError> {
    let script = script(scenario);
    if script.is_empty() {
        return Ok(());
    }
    if KNOWS_NO_IPV4.load(Ordering::Relaxed) {
        return install_legacy(scenario, inside);
    }
    let Err(complaint) = feed(&script, PROGRAMS, &["-f", "-"], inside)? else { return Ok(()) };
    if complaint.contains(NO_IPV4) {
        KNOWS_NO_IPV4.store(true, Ordering::Relaxed);
        return install_legacy(scenario, inside);
    }
    Err(DutError::Unsupported(format!("nft refuses the rules: {complaint}")))
}

fn install_legacy(scenario: &Scenario, inside: &Inside) -> Result<(), DutError> {
    let script = legacy::script(scenario)?;
    feed(&script, legacy::PROGRAMS, &[], inside)?
        .map_err(|complaint| DutError::Unsupported(format!("iptables refuses the rules: {complaint}")))
}

/// Has the first of `programs` that is there read `script` inside; what it complains of is the inner error.
fn feed(
    script: &str,
    programs: &[&str],
    arguments: &[&str],
    inside: &Inside,
) -> Result<Result<(), String>, DutError> {
    let name = programs.first().copied().unwrap_or_default();
    let mut child = start(programs, arguments, inside)?;
    if let Some(mut input) = child.stdin.take() {
        // A program that ended without reading tells why itself.
        match input.write_all(script.as_bytes()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written.doing(|| format!("writing rules to {name}"))?,
        }
    }
    let output = child.wait_with_output().doing(|| format!("waiting for {name}"))?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    Ok(Err(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
}

fn start(programs: &[&str], arguments: &[&str], inside: &Inside) -> Result<std::process::Child, DutError> {
    for program in programs {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        inside.prepare(&mut command).doing(|| "entering the namespace".to_owned())?;
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            result => return result.doing(|| format!("starting {program}")),
        }
    }
    let name = programs.first().copied().unwrap_or_default();
    let package = if name == "nft" { "nftables" } else { "iptables" };
    Err(DutError::Environment {
        what: format!("{name}, which installs the scenario's rules,"),
        why: format!("the program was not found; it comes with the package {package}"),
    })
}

/// One of the three tables, by what its rules do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Table {
    Raw,
    Filter,
    Nat,
}

impl Table {
    const ALL: [Self; 3] = [Self::Raw, Self::Filter, Self::Nat];

    fn of(action: &RuleAction) -> Self {
        match action {
            RuleAction::Notrack | RuleAction::Zone(_) => Self::Raw,
            RuleAction::Accept | RuleAction::Drop | RuleAction::Reject { .. } => Self::Filter,
            RuleAction::Snat(_)
            | RuleAction::Dnat(_)
            | RuleAction::Masquerade(_)
            | RuleAction::Redirect(_) => Self::Nat,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Filter => "filter",
            Self::Nat => "nat",
        }
    }

    /// Type and priority of the table's chain at `hook`: raw before tracking, filter between the translation of
    /// destinations and of sources where both could be meant, nat where the kernel wants it.
    fn chain(self, hook: Hook) -> (&'static str, i32) {
        match (self, hook) {
            (Self::Raw, _) => ("filter", -300),
            (Self::Filter, Hook::Prerouting) => ("filter", -150),
            (Self::Filter, Hook::Postrouting) => ("filter", 50),
            (Self::Filter, Hook::Input | Hook::Forward | Hook::Output) => ("filter", 0),
            (Self::Nat, Hook::Prerouting | Hook::Output) => ("nat", -100),
            (Self::Nat, Hook::Input | Hook::Postrouting | Hook::Forward) => ("nat", 100),
        }
    }
}

const HOOKS: [Hook; 5] = [Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting];

/// The whole rule set as `nft` reads it; empty if the scenario needs none.
fn script(scenario: &Scenario) -> String {
    let mut text = String::new();
    if matches!(scenario.role, Role::Conntrack | Role::Nat) {
        // Tracking starts with the first rule that asks for a state.
        text.push_str(
            "table ip track {\n chain track {\n  type filter hook prerouting priority -150; policy accept;\n  \
             ct state invalid continue\n }\n}\n",
        );
    }
    for table in Table::ALL {
        let rules: Vec<_> = scenario.rules.iter().filter(|rule| Table::of(&rule.action) == table).collect();
        if !rules.is_empty() {
            write_table(&mut text, table, &rules);
        }
    }
    text
}

fn write_table(text: &mut String, table: Table, rules: &[&Rule]) {
    let _ = writeln!(text, "table ip {} {{", table.name());
    for hook in HOOKS {
        let rules: Vec<_> = rules.iter().filter(|rule| rule.hook == hook).collect();
        if rules.is_empty() {
            continue;
        }
        let (kind, priority) = table.chain(hook);
        let hook = hook_name(hook);
        let _ = writeln!(text, " chain {hook} {{");
        let _ = writeln!(text, "  type {kind} hook {hook} priority {priority}; policy accept;");
        for rule in rules {
            let _ = writeln!(text, "  {}", Line(rule));
        }
        text.push_str(" }\n");
    }
    text.push_str("}\n");
}

fn hook_name(hook: Hook) -> &'static str {
    match hook {
        Hook::Prerouting => "prerouting",
        Hook::Input => "input",
        Hook::Forward => "forward",
        Hook::Output => "output",
        Hook::Postrouting => "postrouting",
    }
}

/// A rule as a line of `nft`.
struct Line<'a>(&'a Rule);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.0;
        if let Some(name) = &rule.incoming {
            write!(f, "iifname \"{name}\" ")?;
        }
        if let Some(name) = &rule.outgoing {
            write!(f, "oifname \"{name}\" ")?;
        }
        write_prefix(f, "saddr", rule.from)?;
        write_prefix(f, "daddr", rule.to)?;
        if let Some(protocol) = rule.protocol {
            write!(f, "meta l4proto {protocol} ")?;
        }
        if let Some(port) = rule.source_port {
            write!(f, "th sport {port} ")?;
        }
        if let Some(port) = rule.destination_port {
            write!(f, "th dport {port} ")?;
        }
        if let Some(icmp_type) = rule.icmp_type {
            write!(f, "icmp type {icmp_type} ")?;
        }
        if !rule.ct_state.is_empty() {
            write!(f, "ct state {} ", rule.ct_state.join(","))?;
        }
        write_action(f, &rule.action)
    }
}

fn write_prefix(f: &mut fmt::Formatter<'_>, field: &str, prefix: Option<Prefix>) -> fmt::Result {
    match prefix {
        Some(prefix) if prefix.length > 0 => write!(f, "ip {field} {}/{} ", prefix.network(), prefix.length),
        _ => Ok(()),
    }
}

fn write_action(f: &mut fmt::Formatter<'_>, action: &RuleAction) -> fmt::Result {
    match action {
        RuleAction::Accept => f.write_str("accept"),
        RuleAction::Drop => f.write_str("drop"),
        RuleAction::Reject { code } => write!(f, "reject with icmp {code}"),
        // These do not end the chain by themselves, but the first rule that matches decides.
        RuleAction::Notrack => f.write_str("notrack accept"),
        RuleAction::Zone(zone) => write!(f, "ct zone set {zone} accept"),
        RuleAction::Snat(to) => write_translation(f, "snat", to),
        RuleAction::Dnat(to) => write_translation(f, "dnat", to),
        RuleAction::Masquerade(ports) => write_ports(f, "masquerade", " to ", ports),
        RuleAction::Redirect(ports) => write_ports(f, "redirect", " to ", ports),
    }
}

fn write_translation(f: &mut fmt::Formatter<'_>, verb: &str, to: &Translation) -> fmt::Result {
    write!(f, "{verb} to {}", to.first)?;
    if let Some(last) = to.last.filter(|last| *last != to.first) {
        write!(f, "-{last}")?;
    }
    write_ports(f, "", "", &to.ports)
}

/// Writes `verb`, the ports after `before`, and the flags.
fn write_ports(f: &mut fmt::Formatter<'_>, verb: &str, before: &str, ports: &Ports) -> fmt::Result {
    f.write_str(verb)?;
    match ports.ports {
        Some((first, last)) if first == last => write!(f, "{before}:{first}")?,
        Some((first, last)) => write!(f, "{before}:{first}-{last}")?,
        None => {}
    }
    match (ports.random, ports.persistent) {
        (true, true) => f.write_str(" random,persistent"),
        (true, false) => f.write_str(" random"),
        (false, true) => f.write_str(" persistent"),
        (false, false) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::filter(
        "hook = 'forward'\nin = 'lan'\nout = 'wan'\nfrom = '10.0.1.7/24'\nprotocol = 17\ndestination-port = 53\n\
         action = 'drop'",
        "iifname \"lan\" oifname \"wan\" ip saddr 10.0.1.0/24 meta l4proto 17 th dport 53 drop"
    )]
    #[case::state(
        "hook = 'input'\nct-state = ['new', 'related']\nicmp-type = 8\naction = { reject = { code = 13 } }",
        "icmp type 8 ct state new,related reject with icmp 13"
    )]
    #[case::everywhere("hook = 'output'\nto = '0.0.0.0/0'\naction = 'accept'", "accept")]
    #[case::zone("hook = 'prerouting'\naction = { zone = 7 }", "ct zone set 7 accept")]
    #[case::snat(
        "hook = 'postrouting'\nprotocol = 6\naction = { snat = { first = '192.0.2.1', last = '192.0.2.9', \
         ports = [1024, 2047], random = true } }",
        "meta l4proto 6 snat to 192.0.2.1-192.0.2.9:1024-2047 random"
    )]
    #[case::masquerade(
        "hook = 'postrouting'\nprotocol = 6\naction = { masquerade = { ports = [5, 5], persistent = true } }",
        "meta l4proto 6 masquerade to :5 persistent"
    )]
    fn rule_as_nft_reads_it(#[case] rule: &str, #[case] line: &str) {
        let rule: Rule = toml::from_str(rule).unwrap();
        assert_eq!(Line(&rule).to_string(), line);
    }

    #[test]
    fn rules_stand_in_the_table_of_their_action() {
        let text = "name = 'x'\nrole = 'router'\n[[interface]]\nname = 'a'\n\
            [[rule]]\nhook = 'forward'\naction = 'drop'\n[[rule]]\nhook = 'prerouting'\naction = 'notrack'";
        let scenario: Scenario = toml::from_str(text).unwrap();
        assert_eq!(
            script(&scenario),
            "table ip raw {\n chain prerouting {\n  type filter hook prerouting priority -300; policy accept;\n  \
             notrack accept\n }\n}\n\
             table ip filter {\n chain forward {\n  type filter hook forward priority 0; policy accept;\n  drop\n }\n}\n"
        );
    }
}
