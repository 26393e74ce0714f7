//! What this machine allows the live kernel to be used for, what it does not, and how that can be changed.
//!
//! Finding out and judging are apart: [`Machine::inspect`] tries things, [`Machine::findings`] only looks at what came
//! of it, so that what `netassay doctor` says on any machine can be tested on this one.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::bpf::Instruments;
use super::bpf::btf::PATH as BTF;
use super::device::{Devices, TUN};
use super::inside::{Access, Inside, Privilege, in_new_namespace};
use super::sys::process;
use super::tracefs::Tracefs;
use super::{rules, setup};
use crate::dut::DutError;
use crate::model::Dimension;

/// Something that was tried: it works, or why not.
pub type Fact = Result<(), String>;

/// What was found out about a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Kernel release.
    pub kernel: String,
    /// Effective user number.
    pub user: u32,
    /// Whether network namespaces can be made with the rights that the process has.
    pub own_namespace: Fact,
    /// Whether they can be made in a user namespace.
    pub user_namespace: Fact,
    /// Switches by which systems forbid user namespaces, and their settings, as far as they exist.
    pub switches: Vec<(&'static str, String)>,
    /// Whether there is a `/dev/net/tun`.
    pub tun_exists: bool,
    /// Whether it may be opened and made a device, in the kind of namespace that would be used.
    pub tun: Fact,
    /// Whether virtual Ethernet pairs and packet sockets can be had there.
    pub pairs: Fact,
    /// Whether BPF programs can be loaded and attached.
    pub bpf: Fact,
    /// Whether the kernel tells its types.
    pub btf: bool,
    /// Whether a trace instance can be made.
    pub tracefs: Fact,
    /// What `nft` says its version is.
    pub nft: Result<String, String>,
    /// Whether the kernel tracks connections.
    pub conntrack: bool,
}

/// How far the machine is from having something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It is there.
    Fine,
    /// It is not there, and something is lost, or slower.
    Degraded,
    /// It is not there, and without it the live kernel cannot be used at all.
    Blocking,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// What it is.
    pub what: &'static str,
    /// How bad its absence is; [`Severity::Fine`] if it is there.
    pub severity: Severity,
    /// What is there, or why it is not.
    pub state: String,
    /// What follows from that; empty if nothing does.
    pub effect: &'static str,
    /// How to get it; empty if it is there.
    pub remedy: String,
}

/// The settings by which systems forbid user namespaces: path below `/proc/sys`, the value that forbids, and one that
/// does not.
const SWITCHES: &[(&str, &str, &str)] = &[
    ("user/max_user_namespaces", "0", "16384"),
    ("kernel/unprivileged_userns_clone", "0", "1"),
    ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
];

impl Machine {
    /// Tries everything on this machine. What that makes is gone again when this returns.
    pub fn inspect() -> Self {
        let own_namespace = in_namespace(Privilege::Best, |_| Ok(()));
        let own_namespace = if Privilege::Best.is_own() {
            own_namespace
        } else {
            Err("this process may not make network namespaces".to_owned())
        };
        let read = |path: &str| fs::read_to_string(Path::new("/proc/sys").join(path)).ok();
        Self {
            kernel: read("kernel/osrelease").unwrap_or_default().trim().to_owned(),
            user: process::effective_ids().0,
            own_namespace,
            user_namespace: in_namespace(Privilege::UserNamespace, |_| Ok(())),
            switches: SWITCHES
                .iter()
                .filter_map(|(path, ..)| Some((*path, read(path)?.trim().to_owned())))
                .collect(),
            tun_exists: Path::new(TUN).exists(),
            tun: in_namespace(Privilege::Best, |inside| {
                inside
                    .open(TUN, Access::Device)
                    .map(drop)
                    .map_err(|error| super::error::failed(TUN.to_owned(), error))
            }),
            pairs: in_namespace(Privilege::Best, |inside| {
                let scenario = "name = 'probe'\nrole = 'host'\n[[interface]]\nname = 'probe'";
                let scenario = toml::from_str(scenario)
                    .map_err(|error| DutError::Unsupported(format!("the probe's own scenario: {error}")))?;
                setup::build(&scenario, Devices::Veth, inside).map(drop)
            }),
            bpf: Instruments::new().map(drop),
            btf: Path::new(BTF).exists(),
            tracefs: Tracefs::new().map(drop),
            nft: nft_version(),
            conntrack: Path::new(setup::CONNTRACK).exists(),
        }
    }

    /// Whether the live kernel can be used at all, with whatever restrictions.
    pub fn is_usable(&self) -> bool {
        self.findings().iter().all(|finding| finding.severity < Severity::Blocking)
    }

    /// What there is to say about each thing, in a fixed order.
    pub fn findings(&self) -> Vec<Finding> {
        vec![
            self.privilege(),
            self.user_namespaces(),
            self.tun_device(),
            self.packet_sockets(),
            self.bpf_programs(),
            self.types(),
            self.trace_instance(),
            self.nft_program(),
            self.connection_tracking(),
        ]
    }

    /// What can be observed of the live kernel, and why not where something cannot.
    pub fn dimensions(&self) -> Vec<(Dimension, Fact)> {
        Dimension::ALL.into_iter().map(|dimension| (dimension, self.dimension(dimension))).collect()
    }

    fn dimension(&self, dimension: Dimension) -> Fact {
        if !self.is_usable() {
            return Err("the live kernel cannot be used".to_owned());
        }
        match dimension {
            Dimension::Frames | Dimension::Deliveries | Dimension::SocketErrors | Dimension::Counters => {
                Ok(())
            }
            Dimension::Drops if self.own_namespace.is_err() => {
                Err("watching the kernel needs privilege outside a user namespace".to_owned())
            }
            Dimension::Drops if self.bpf.is_ok() || self.tracefs.is_ok() => Ok(()),
            Dimension::Drops => Err("neither BPF programs nor the trace file system can be used".to_owned()),
            Dimension::Conntrack if !self.conntrack => {
                Err("the kernel does not track connections".to_owned())
            }
            Dimension::Conntrack => {
                self.nft.as_ref().map(|_| ()).map_err(|_| "there is no nft to start tracking with".to_owned())
            }
        }
    }

    fn has_namespaces(&self) -> bool {
        self.own_namespace.is_ok() || self.user_namespace.is_ok()
    }

    fn privilege(&self) -> Finding {
        let finding = Finding::about("network namespaces with own privilege");
        match &self.own_namespace {
            Ok(()) => finding.fine(format!("user {} may make them", self.user)),
            Err(why) => finding.absent(
                if self.user_namespace.is_ok() { Severity::Degraded } else { Severity::Blocking },
                why.clone(),
                "the live kernel runs in a user namespace, where drop reasons cannot be observed and reading counters \
                 is slow",
                "run as root; in a container, add the capabilities SYS_ADMIN and NET_ADMIN".to_owned(),
            ),
        }
    }

    fn user_namespaces(&self) -> Finding {
        let finding = Finding::about("user namespaces");
        let why = match &self.user_namespace {
            Ok(()) => return finding.fine("can be made".to_owned()),
            Err(why) => why.clone(),
        };
        let severity = if self.own_namespace.is_ok() { Severity::Degraded } else { Severity::Blocking };
        let forbidding = SWITCHES.iter().find(|(path, forbids, _)| {
            self.switches.iter().any(|(known, value)| known == path && value == forbids)
        });
        let remedy = match forbidding {
            Some((path, _, allows)) => format!("as root: sysctl -w {}={allows}", path.replace('/', ".")),
            None => "in a container, its seccomp profile forbids them: run it with --security-opt \
                     seccomp=unconfined, or as root with the capabilities SYS_ADMIN and NET_ADMIN"
                .to_owned(),
        };
        let effect = "without root there is no live kernel; recorded behavior can still be compared with";
        finding.absent(severity, why, effect, remedy)
    }

    fn tun_device(&self) -> Finding {
        let finding = Finding::about("TUN and TAP devices");
        let effect =
            "virtual Ethernet pairs take their place: slower, and frames longer than the MTU are refused";
        let severity = if self.pairs.is_ok() { Severity::Degraded } else { Severity::Blocking };
        match &self.tun {
            Ok(()) => finding.fine(format!("{TUN} may be opened")),
            Err(_) if !self.tun_exists => finding.absent(
                severity,
                format!("there is no {TUN}"),
                effect,
                format!("as root: modprobe tun; in a container: --device {TUN}"),
            ),
            Err(why) => finding.absent(severity, why.clone(), effect, format!("as root: chmod a+rw {TUN}")),
        }
    }

    fn packet_sockets(&self) -> Finding {
        let finding = Finding::about("virtual Ethernet pairs and packet sockets");
        match &self.pairs {
            Ok(()) => finding.fine("can be made".to_owned()),
            Err(why) => finding.absent(
                if self.tun.is_ok() { Severity::Degraded } else { Severity::Blocking },
                why.clone(),
                "only TUN and TAP devices can carry frames",
                if self.has_namespaces() {
                    "as root: modprobe veth af_packet".to_owned()
                } else {
                    "make namespaces possible first, see above".to_owned()
                },
            ),
        }
    }

    fn bpf_programs(&self) -> Finding {
        let finding = Finding::about("BPF tracing programs");
        match &self.bpf {
            Ok(()) => finding.fine("can be loaded and attached".to_owned()),
            Err(why) => finding.absent(
                Severity::Degraded,
                why.clone(),
                "counters are read from /proc, 50 times slower; drop reasons come from the trace file system if there \
                 is one, otherwise they are not compared",
                if self.btf {
                    "run as root, or with the capabilities BPF and PERFMON".to_owned()
                } else {
                    "use a kernel with its type information, see below".to_owned()
                },
            ),
        }
    }

    fn types(&self) -> Finding {
        let finding = Finding::about("kernel type information (BTF)");
        if self.btf {
            return finding.fine(format!("{BTF} is there"));
        }
        finding.absent(
            Severity::Degraded,
            format!("there is no {BTF}"),
            "BPF programs cannot find their way in the kernel",
            "use a kernel built with CONFIG_DEBUG_INFO_BTF, as distributions do".to_owned(),
        )
    }

    fn trace_instance(&self) -> Finding {
        let finding = Finding::about("trace file system");
        match &self.tracefs {
            Ok(()) => finding.fine("instances can be made".to_owned()),
            Err(why) => finding.absent(
                Severity::Degraded,
                why.clone(),
                if self.bpf.is_ok() { "nothing: BPF does its work" } else { "drop reasons are not compared" },
                "as root: mount -t tracefs tracefs /sys/kernel/tracing".to_owned(),
            ),
        }
    }

    fn nft_program(&self) -> Finding {
        let finding = Finding::about("nft program");
        match &self.nft {
            Ok(version) => finding.fine(version.clone()),
            Err(why) => finding.absent(
                Severity::Degraded,
                why.clone(),
                "scenarios with packet filter or NAT rules, and those that track connections, are skipped",
                "install the package nftables".to_owned(),
            ),
        }
    }

    fn connection_tracking(&self) -> Finding {
        let finding = Finding::about("connection tracking");
        if self.conntrack {
            return finding.fine("the kernel tracks connections".to_owned());
        }
        finding.absent(
            Severity::Degraded,
            "the kernel does not track connections".to_owned(),
            "scenarios that track connections are skipped",
            "as root: modprobe nf_conntrack_netlink".to_owned(),
        )
    }
}

impl Finding {
    fn about(what: &'static str) -> Self {
        Self { what, severity: Severity::Fine, state: String::new(), effect: "", remedy: String::new() }
    }

    fn fine(self, state: String) -> Self {
        Self { state, ..self }
    }

    fn absent(self, severity: Severity, state: String, effect: &'static str, remedy: String) -> Self {
        Self { severity, state, effect, remedy, ..self }
    }
}

fn in_namespace(
    privilege: Privilege,
    work: impl FnOnce(&Inside) -> Result<(), DutError> + Send,
) -> Result<(), String> {
    in_new_namespace(privilege, work).map_err(|error| error.to_string())
}

fn nft_version() -> Result<String, String> {
    for program in rules::PROGRAMS {
        let output =
            Command::new(program).arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
        match output {
            Ok(output) if output.status.success() => {
                return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
            }
            Ok(output) => return Err(format!("{program} --version ended with {}", output.status)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{program}: {error}")),
        }
    }
    Err("the program was not found".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn no(why: &str) -> Fact {
        Err(why.to_owned())
    }

    /// A machine where everything is allowed.
    fn everything() -> Machine {
        Machine {
            kernel: "6.18.44".to_owned(),
            user: 0,
            own_namespace: Ok(()),
            user_namespace: Ok(()),
            switches: vec![("user/max_user_namespaces", "96000".to_owned())],
            tun_exists: true,
            tun: Ok(()),
            pairs: Ok(()),
            bpf: Ok(()),
            btf: true,
            tracefs: Ok(()),
            nft: Ok("nftables v1.0.6".to_owned()),
            conntrack: true,
        }
    }

    fn without_root() -> Machine {
        Machine {
            user: 1000,
            own_namespace: no("not permitted"),
            bpf: no("not permitted"),
            tracefs: no("permission denied"),
            ..everything()
        }
    }

    fn without_tun() -> Machine {
        Machine { tun_exists: false, tun: no("no such file"), ..everything() }
    }

    fn with_closed_tun() -> Machine {
        Machine { tun: no("permission denied"), ..without_root() }
    }

    fn without_user_namespaces() -> Machine {
        Machine {
            user_namespace: no("no space left on device"),
            switches: vec![("user/max_user_namespaces", "0".to_owned())],
            tun: no("no namespace"),
            pairs: no("no namespace"),
            ..without_root()
        }
    }

    fn in_a_strict_container() -> Machine {
        Machine { switches: Vec::new(), ..without_user_namespaces() }
    }

    fn with_apparmor() -> Machine {
        let switches = vec![("kernel/apparmor_restrict_unprivileged_userns", "1".to_owned())];
        Machine { switches, ..without_user_namespaces() }
    }

    fn without_tracefs() -> Machine {
        Machine { tracefs: no("there is no trace file system"), ..everything() }
    }

    fn without_types() -> Machine {
        Machine { bpf: no("no BTF"), btf: false, ..everything() }
    }

    fn without_nft() -> Machine {
        Machine { nft: Err("the program was not found".to_owned()), ..everything() }
    }

    fn without_conntrack() -> Machine {
        Machine { conntrack: false, ..everything() }
    }

    #[rstest]
    #[case::everything(everything(), true, &[])]
    #[case::root(without_root(), true, &["run as root; ", "BPF and PERFMON", "mount -t tracefs"])]
    #[case::tun(without_tun(), true, &["modprobe tun; in a container: --device /dev/net/tun"])]
    #[case::closed_tun(
        with_closed_tun(),
        true,
        &["run as root; ", "chmod a+rw /dev/net/tun", "BPF and PERFMON", "mount -t tracefs"]
    )]
    #[case::user_namespaces(
        without_user_namespaces(),
        false,
        &["run as root; ", "sysctl -w user.max_user_namespaces=16384", "chmod a+rw", "make namespaces possible",
          "BPF and PERFMON", "mount -t tracefs"]
    )]
    #[case::container(
        in_a_strict_container(),
        false,
        &["run as root; ", "--security-opt seccomp=unconfined", "chmod a+rw", "make namespaces possible",
          "BPF and PERFMON", "mount -t tracefs"]
    )]
    #[case::apparmor(
        with_apparmor(),
        false,
        &["run as root; ", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0", "chmod a+rw",
          "make namespaces possible", "BPF and PERFMON", "mount -t tracefs"]
    )]
    #[case::tracefs(without_tracefs(), true, &["mount -t tracefs"])]
    #[case::types(without_types(), true, &["its type information, see below", "CONFIG_DEBUG_INFO_BTF"])]
    #[case::nft(without_nft(), true, &["install the package nftables"])]
    #[case::conntrack(without_conntrack(), true, &["modprobe nf_conntrack_netlink"])]
    fn remedies(#[case] machine: Machine, #[case] usable: bool, #[case] expected: &[&str]) {
        let findings = machine.findings();
        let remedies: Vec<_> = findings.iter().filter(|finding| finding.severity > Severity::Fine).collect();
        assert_eq!(remedies.len(), expected.len(), "{remedies:#?}");
        for (finding, expected) in remedies.iter().zip(expected) {
            assert!(finding.remedy.contains(expected), "{finding:#?} has not {expected}");
            assert!(!finding.state.is_empty() && !finding.effect.is_empty(), "{finding:#?}");
        }
        assert_eq!(machine.is_usable(), usable);
    }

    #[rstest]
    #[case::everything(everything(), &[])]
    #[case::root(without_root(), &["drops: watching the kernel needs privilege"])]
    #[case::tracefs(without_tracefs(), &[])]
    #[case::types(without_types(), &[])]
    #[case::both(Machine { tracefs: no("no"), ..without_types() }, &["drops: neither BPF"])]
    #[case::nft(without_nft(), &["conntrack: there is no nft"])]
    #[case::conntrack(without_conntrack(), &["conntrack: the kernel does not track"])]
    fn lost_dimensions(#[case] machine: Machine, #[case] expected: &[&str]) {
        let lost =
            machine.dimensions().into_iter().filter_map(|(dimension, fact)| Some((dimension, fact.err()?)));
        let lost: Vec<_> = lost.map(|(dimension, why)| format!("{dimension}: {why}")).collect();
        assert_eq!(lost.len(), expected.len(), "{lost:?}");
        assert!(lost.iter().zip(expected).all(|(lost, expected)| lost.starts_with(expected)), "{lost:?}");
    }

    #[test]
    fn nothing_can_be_observed_of_what_cannot_be_used() {
        assert!(without_user_namespaces().dimensions().iter().all(|(_, fact)| fact.is_err()));
    }

    #[test]
    fn inspecting_this_machine_leaves_nothing_and_agrees_with_itself() {
        let machine = Machine::inspect();
        assert_eq!(machine.findings().len(), 9);
        assert_eq!(machine.is_usable(), machine.own_namespace.is_ok() || machine.user_namespace.is_ok());
    }
}
