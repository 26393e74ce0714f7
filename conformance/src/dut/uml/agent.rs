//! The first process inside: makes the kernel ready, then serves it as a DUT on each serial line until that is hung up.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::LINES;
use crate::dut::exec::serve::serve;
use crate::dut::exec::stream::{Pace, Stream};
use crate::dut::exec::transport::Transport;

use crate::dut::linux::{LinuxDut, boot};

/// The lines to the harness, without their numbers.
const LINE: &str = "/dev/ttyS";

/// The first message, when the line can be used.
pub(super) const READY: &[u8] = b"ready";

/// Where Debian has the modules, by release.
const MODULES: &str = "/usr/lib/uml/modules";

/// The modules that scenarios need, those they depend on included. What a kernel has built in, or has not, is left out.
const WANTED: &[&str] = &[
    "tun",
    "veth",
    "nf_conntrack",
    "nf_conntrack_netlink",
    "nf_nat",
    "ip_tables",
    "iptable_raw",
    "iptable_mangle",
    "iptable_filter",
    "iptable_nat",
    "xt_conntrack",
    "xt_tcpudp",
    "xt_CT",
    "xt_nat",
    "xt_MASQUERADE",
    "xt_REDIRECT",
    "ipt_REJECT",
];

/// Makes the machine ready, serves its kernel, and switches it off.
///
/// # Errors
/// If this is not the first process of a machine, or the machine will not be switched off.
pub fn run() -> io::Result<()> {
    if std::process::id() != 1 {
        return Err(io::Error::other("this is for the first process of a User-mode Linux only"));
    }
    let outcome = prepare().and_then(|()| talk());
    if let Err(error) = outcome {
        // The console is what the harness quotes.
        eprintln!("netassay inside: {error}");
    }
    Err(boot::power_off())
}

fn prepare() -> io::Result<()> {
    boot::mount("proc", "/proc")?;
    boot::mount("sysfs", "/sys")?;
    boot::mount("tmpfs", "/tmp")?;
    boot::mount("tmpfs", "/run")?;
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let folder = Path::new(MODULES).join(release.trim_end());
    let list = std::fs::read_to_string(folder.join("modules.dep"))?;
    for path in WANTED.iter().flat_map(|name| with_dependencies(name, &list)) {
        match boot::load_module(&File::open(folder.join(&path))?) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(io::Error::other(format!("loading {}: {error}", path.display())));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The files of the module `name` by the list `modules.dep`, in the order in which they load.
fn with_dependencies(name: &str, list: &str) -> Vec<PathBuf> {
    let is_it = |path: &str| Path::new(path).file_stem().is_some_and(|stem| stem == name);
    let lines = list.lines().filter_map(|line| line.split_once(':'));
    let found = lines.into_iter().find(|(path, _)| is_it(path));
    let Some((path, dependencies)) = found else { return Vec::new() };
    // What a module depends on stands behind it, the deepest last.
    dependencies.split_whitespace().rev().chain([path]).map(PathBuf::from).collect()
}

/// Serves a DUT on each line but the first until the first is hung up, whatever becomes of the others.
fn talk() -> io::Result<()> {
    let open = |number| OpenOptions::new().read(true).write(true).open(format!("{LINE}{number}"));
    let mut life = open(0)?;
    boot::make_raw(&life)?;
    for line in (1..=LINES).map(open).collect::<io::Result<Vec<_>>>()? {
        std::thread::spawn(|| {
            if let Err(error) = talk_on(line) {
                eprintln!("netassay inside: {error}");
            }
        });
    }
    io::copy(&mut life, &mut io::sink()).map(|_| ())
}

fn talk_on(line: File) -> io::Result<()> {
    boot::make_raw(&line)?;
    let mut stream = Stream::new(line.try_clone()?, line, Pace::Tells);
    // What was sent before the line was raw is lost, so the harness waits for this.
    stream.send(READY)?;
    stream.flush()?;
    serve(&mut LinuxDut::new(), &mut stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_load_before_what_needs_them() {
        let list = "kernel/net/a.ko:\nkernel/net/c.ko: kernel/net/b.ko kernel/net/a.ko\nkernel/net/b.ko: kernel/net/a.ko\n";
        let paths = with_dependencies("c", list);
        assert_eq!(paths, ["kernel/net/a.ko", "kernel/net/b.ko", "kernel/net/c.ko"].map(PathBuf::from));
        assert!(with_dependencies("d", list).is_empty());
    }
}
