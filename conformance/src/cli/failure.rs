//! Why a command could not do its work, with the exit status that tells which kind of reason it is.

use crate::dut::DutError;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// What was asked for makes no sense, or an input is not what it should be. Exit status 2.
    #[error("{0}")]
    Input(String),
    /// The machine lacks something. Exit status 3.
    #[error("{0}")]
    Environment(String),
    /// A DUT failed at what it was asked. Exit status 1.
    #[error("{0}")]
    Dut(String),
}

impl Failure {
    /// The exit status.
    pub(super) const fn exit_code(&self) -> u8 {
        match self {
            Self::Dut(_) => 1,
            Self::Input(_) => 2,
            Self::Environment(_) => 3,
        }
    }

    /// Of the DUT called `name`.
    pub(super) fn of_dut(name: &str, error: &DutError) -> Self {
        let text = format!("{name}: {error}");
        match error {
            DutError::Environment { .. } => {
                Self::Environment(format!("{text} (`netassay doctor` says more)"))
            }
            DutError::Io { .. } => Self::Environment(text),
            DutError::Unsupported(_) | DutError::Record(_) => Self::Input(text),
            DutError::Gone(_) => Self::Dut(text),
        }
    }

    /// Of writing to `path`.
    pub(super) fn writing(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Environment(format!("{}: cannot be written: {error}", path.display()))
    }
}
