//! The worlds of the tracking matrices: a router between an inside and an outside link.

use std::sync::Arc;

use crate::model::Scenario;

/// Inside 10.0.1.1/24, outside 203.0.113.1/24 and .2, a network behind 10.0.1.3, all else behind 203.0.113.9. Redirects
/// are off: their rate depends on the clock, and the matrices send thousands of datagrams in no time.
const LINKS: &str = r#"
[sysctl]
"net.ipv4.conf.all.send_redirects" = "0"
"net.ipv4.conf.default.send_redirects" = "0"

[[interface]]
name = "lan"
addresses = ["10.0.1.1/24"]
sysctl = { send_redirects = "0" }

[[interface]]
name = "wan"
addresses = ["203.0.113.1/24", "203.0.113.2/24"]
sysctl = { send_redirects = "0" }

[[route]]
to = "10.0.2.0/24"
via = "10.0.1.3"
dev = "lan"

[[route]]
to = "0.0.0.0/0"
via = "203.0.113.9"
dev = "wan"
"#;

/// Answers and related errors come back, the invalid is dropped, what begins outside is refused.
const FIREWALL: &str = r#"
[[rule]]
hook = "forward"
ct-state = ["established", "related"]
action = "accept"

[[rule]]
hook = "forward"
ct-state = ["invalid"]
action = "drop"

[[rule]]
hook = "forward"
in = "lan"
action = "accept"

[[rule]]
hook = "forward"
action = { reject = { code = 13 } }

[[rule]]
hook = "input"
ct-state = ["invalid"]
action = "drop"
"#;

/// The inside wears 203.0.113.1; 203.0.113.2 is 10.0.1.2, also from inside.
const NAT: &str = r#"
[[rule]]
hook = "prerouting"
to = "203.0.113.2/32"
action = { dnat = { first = "10.0.1.2" } }

[[rule]]
hook = "postrouting"
out = "wan"
from = "10.0.0.0/8"
action = { masquerade = {} }

[[rule]]
hook = "postrouting"
out = "lan"
from = "10.0.1.0/24"
action = { masquerade = {} }
"#;

/// Sockets that errors may be about: UDP without and with a peer, each with and without an error queue, ICMP, raw.
const SOCKETS: &str = r#"
[[socket]]
kind = "udp"
local = "203.0.113.1:5000"

[[socket]]
kind = "udp"
local = "203.0.113.1:5001"
options = { recverr = 1 }

[[socket]]
kind = "udp"
local = "203.0.113.1:5002"
peer = "203.0.113.9:53"

[[socket]]
kind = "udp"
local = "203.0.113.1:5003"
peer = "203.0.113.9:53"
options = { recverr = 1 }

[[socket]]
kind = "ping"
local = "203.0.113.1:5004"

[[socket]]
kind = "ping"
local = "203.0.113.1:5005"
options = { recverr = 1 }

[[socket]]
kind = "raw"
protocol = 99

[[socket]]
kind = "raw"
protocol = 47
peer = "203.0.113.9:0"
options = { recverr = 1 }
"#;

fn world(role: &str, parts: &[&str]) -> Arc<Scenario> {
    let head = format!("name = \"matrix-{role}\"\nrole = \"{role}\"\n");
    let text = parts.iter().fold(head, |text, part| text + part);
    Arc::new(toml::from_str(&text).expect("the worlds of this file are well-formed"))
}

/// Forwards and knows nothing of connections.
pub(super) fn router() -> Arc<Scenario> {
    world("router", &[LINKS])
}

/// Tracks and lets everything pass.
pub(super) fn conntrack() -> Arc<Scenario> {
    world("conntrack", &[LINKS])
}

/// Tracks and lets pass what belongs to conversations from inside.
pub(super) fn firewall() -> Arc<Scenario> {
    world("conntrack", &[LINKS, FIREWALL])
}

/// Translates.
pub(super) fn nat() -> Arc<Scenario> {
    world("nat", &[LINKS, NAT])
}

/// A host with sockets.
pub(super) fn host() -> Arc<Scenario> {
    world("host", &[LINKS, SOCKETS])
}

/// Translates, and has sockets of its own.
pub(super) fn nat_with_sockets() -> Arc<Scenario> {
    world("nat", &[LINKS, NAT, SOCKETS])
}
