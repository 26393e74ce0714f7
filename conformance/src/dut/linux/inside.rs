//! Doing things inside a network namespace while the process stays outside.
//!
//! Only opening a file or a socket depends on the namespace the caller is in; everything done with the descriptor
//! afterwards works from anywhere, because whoever made a user namespace has all rights in it. So the two operations
//! here are all that has to happen inside. With privilege a short-lived thread unshares its network namespace and sets
//! the world up; without, a helper process opens things in a user namespace. The namespaces live on in the descriptors.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::sync::OnceLock;

use super::error::Doing;
use super::netlink::Netlink;
use super::sys::helper::Helper;
use super::sys::{process, socket};
use crate::dut::DutError;

/// A foot inside a network namespace.
#[derive(Debug)]
pub(super) enum Inside {
    /// The calling thread is in it.
    Here,
    /// A helper process is in it.
    There(Helper),
}

/// Whose rights the namespaces are made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Privilege {
    /// Our own if they suffice, or else those of a user namespace.
    #[default]
    Best,
    /// Those of a user namespace, which every user may make unless the system forbids it.
    UserNamespace,
}

/// For what a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Both, without ever blocking: a device.
    Device,
}

impl Inside {
    /// Opens `path` as seen from inside.
    pub(super) fn open(&self, path: &str, access: Access) -> io::Result<File> {
        match self {
            Self::Here => {
                let mut options = OpenOptions::new();
                match access {
                    Access::Read => options.read(true),
                    Access::Write => options.write(true),
                    Access::Device => options.read(true).write(true).custom_flags(libc::O_NONBLOCK),
                };
                options.open(path)
            }
            Self::There(helper) => {
                let flags = match access {
                    Access::Read => libc::O_RDONLY,
                    Access::Write => libc::O_WRONLY,
                    Access::Device => libc::O_RDWR | libc::O_NONBLOCK,
                };
                helper.open(path, flags).map(File::from)
            }
        }
    }

    /// Moves on into another new network namespace. What was opened before stays in the one before.
    pub(super) fn unshare_network(&self) -> io::Result<()> {
        match self {
            Self::Here => process::unshare_network(),
            Self::There(helper) => helper.unshare_network(),
        }
    }

    /// Opens a socket that belongs to the namespace.
    pub(super) fn socket(&self, family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
        match self {
            Self::Here => socket::open(family, kind, protocol),
            Self::There(helper) => helper.socket(family, kind, protocol),
        }
    }

    /// Opens a netlink socket of the namespace.
    pub(super) fn netlink(&self, protocol: i32) -> io::Result<Netlink> {
        self.socket(libc::AF_NETLINK, libc::SOCK_RAW, protocol).map(Netlink::new)
    }

    /// Has `command` run inside when it is started from the thread that calls this.
    pub(super) fn prepare(&self, command: &mut Command) -> io::Result<()> {
        match self {
            // Children start in the namespaces of the thread that starts them.
            Self::Here => Ok(()),
            Self::There(helper) => {
                let namespaces = ["/proc/self/ns/user", "/proc/self/ns/net"];
                let namespaces: io::Result<_> =
                    namespaces.iter().map(|path| helper.open(path, libc::O_RDONLY)).collect();
                process::enter_before_exec(command, namespaces?);
                Ok(())
            }
        }
    }

    /// Writes `value` to the sysctl `name` (full kernel name with dots).
    pub(super) fn set_sysctl(&self, name: &str, value: &str) -> Result<(), DutError> {
        self.write_sysctl(&name.replace('.', "/"), value).map_err(|error| sysctl_error(name, value, error))
    }

    /// Writes `value` to the file below `/proc/sys` with the relative path `path`.
    pub(super) fn write_sysctl(&self, path: &str, value: &str) -> io::Result<()> {
        use std::io::Write;
        self.open(&format!("/proc/sys/{path}"), Access::Write)?.write_all(value.as_bytes())
    }

    /// Reads the file below `/proc/sys` with the relative path `path`, without the line end.
    pub(super) fn read_sysctl(&self, path: &str) -> io::Result<String> {
        let text = io::read_to_string(self.open(&format!("/proc/sys/{path}"), Access::Read)?)?;
        Ok(text.trim_end().to_owned())
    }
}

/// What to say when a sysctl cannot be set.
pub(super) fn sysctl_error(name: &str, value: &str, error: io::Error) -> DutError {
    match error.raw_os_error() {
        Some(libc::ENOENT) => {
            DutError::Unsupported(format!("this kernel has no {name} inside a network namespace"))
        }
        Some(libc::EINVAL) => DutError::Unsupported(format!("the kernel refuses `{value}` for {name}")),
        _ => super::error::failed(format!("setting {name} to `{value}`"), error),
    }
}

/// Whether this process may make network namespaces with the rights it has. Tried out once.
pub(super) fn is_privileged() -> bool {
    static PRIVILEGED: OnceLock<bool> = OnceLock::new();
    *PRIVILEGED.get_or_init(|| {
        let thread =
            std::thread::Builder::new().name("netassay-probe".to_owned()).spawn(process::unshare_network);
        thread.is_ok_and(|thread| matches!(thread.join(), Ok(Ok(()))))
    })
}

impl Privilege {
    /// Whether namespaces are made with our own rights.
    pub(super) fn is_own(self) -> bool {
        self == Self::Best && is_privileged()
    }
}

/// Makes a network namespace and runs `work` in it: on a thread of its own, or here with the help of a process.
///
/// The namespace lives as long as something that `work` returns refers to it.
pub(super) fn in_new_namespace<T: Send>(
    privilege: Privilege,
    work: impl FnOnce(&Inside) -> Result<T, DutError> + Send,
) -> Result<T, DutError> {
    if !privilege.is_own() {
        let helper = Helper::start().map_err(|(stage, error)| DutError::Environment {
            what: "a user namespace".to_owned(),
            why: format!("{stage}: {error}"),
        })?;
        return work(&Inside::There(helper));
    }
    let run = || {
        process::unshare_network().doing(|| "making a network namespace".to_owned())?;
        work(&Inside::Here)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netassay-setup".to_owned()).spawn_scoped(scope, run);
        let thread = thread.doing(|| "starting a thread".to_owned())?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_sysctl_is_named() {
        let error = Inside::Here.set_sysctl("net.ipv4.no_such_knob", "1").unwrap_err();
        assert!(error.to_string().contains("net.ipv4.no_such_knob"), "{error}");
    }
}
