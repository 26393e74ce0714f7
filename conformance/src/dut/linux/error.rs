//! From failed system calls to [`DutError`]s that say what was being done.

use std::io;

use crate::dut::DutError;

/// Adds what was being done to a failed system call.
pub(super) trait Doing<T> {
    /// `what` was being done; made only on failure.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, DutError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, DutError> {
        self.map_err(|source| failed(what(), source))
    }
}

/// The error for `source` while doing `what`. A device, namespace or helper that went away is told apart: the caller
/// can go on with other DUTs then.
pub(super) fn failed(what: String, source: io::Error) -> DutError {
    match source.raw_os_error() {
        Some(libc::EBADFD | libc::ENODEV | libc::ENXIO | libc::EPIPE | libc::ENETDOWN) => {
            DutError::Gone(format!("{what}: {source}"))
        }
        Some(libc::EPERM | libc::EACCES) => DutError::Environment { what, why: source.to_string() },
        _ => DutError::Io { what, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        let kind = |number| match failed("x".to_owned(), io::Error::from_raw_os_error(number)) {
            DutError::Gone(_) => "gone",
            DutError::Environment { .. } => "environment",
            DutError::Io { .. } => "io",
            DutError::Unsupported(_) => "unsupported",
            DutError::Record(_) => "record",
        };
        assert_eq!(kind(libc::EBADFD), "gone");
        assert_eq!(kind(libc::EPERM), "environment");
        assert_eq!(kind(libc::EINVAL), "io");
    }
}
