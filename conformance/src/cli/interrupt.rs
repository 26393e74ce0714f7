//! Ctrl-C: the first one asks for an orderly end, the second one ends at once.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGINT, SIGTERM};

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// A flag that becomes true when the process is asked to end.
///
/// What was found is written then, and namespaces go with the process. A second request ends it without that.
pub(super) fn flag() -> Arc<AtomicBool> {
    Arc::clone(FLAG.get_or_init(register))
}

/// The flag, if the command has asked for it: otherwise the process just ends.
pub(super) fn flag_in_use() -> Option<Arc<AtomicBool>> {
    FLAG.get().cloned()
}

fn register() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first request finds the flag still false. A failure leaves the signal as it was.
        let _ = signal_hook::flag::register_conditional_shutdown(
            signal,
            i32::from(super::INTERRUPTED),
            Arc::clone(&flag),
        );
        let _ = signal_hook::flag::register(signal, Arc::clone(&flag));
    }
    flag
}
