//! Takes worlds apart in the background.
//!
//! Closing a TUN device puts the caller to sleep for some 30 ms while the kernel waits for all CPUs; a run of
//! thousands of small cases would spend most of its time there.

use std::any::Any;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// How many are closed at the same time. They sleep nearly all the time, so this costs no CPU.
const THREADS: usize = 16;

/// How many may wait before the next caller has to: each holds file descriptors.
const WAITING: usize = 64;

/// Anything that does its work when it is dropped.
type Remains = Box<dyn Any + Send>;

static REAPER: LazyLock<SyncSender<Remains>> = LazyLock::new(|| {
    let (sender, receiver) = sync_channel(WAITING);
    let receiver = Arc::new(Mutex::new(receiver));
    for _ in 0..THREADS {
        let receiver = Arc::clone(&receiver);
        // Where no thread can be started the sender drops what it is given itself, see `bury`.
        let _ = std::thread::Builder::new().name("netassay-reaper".to_owned()).spawn(move || reap(&receiver));
    }
    sender
});

fn reap(receiver: &Mutex<Receiver<Remains>>) {
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(remains) => drop(remains),
            Err(_) => return,
        }
    }
}

/// Drops `remains` on another thread, or here if there is none.
pub(super) fn bury(remains: impl Any + Send) {
    if let Err(error) = REAPER.send(Box::new(remains)) {
        drop(error);
    }
}
