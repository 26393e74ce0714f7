//! An allocator that counts for each thread, so that tests do not disturb each other.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<i64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Adds to what this thread has counted; a thread that is about to end counts no more.
fn count(calls: u64, octets: i64) {
    let _ = CALLS.try_with(|counted| counted.set(counted.get() + calls));
    let _ = HELD.try_with(|counted| counted.set(counted.get() + octets));
}

// SAFETY: every call is handed to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as i64);
        // SAFETY: what holds for our caller's layout holds here.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, -(layout.size() as i64));
        // SAFETY: the block came from `alloc` above with this layout.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as i64 - layout.size() as i64);
        // SAFETY: the block came from `alloc` above with this layout.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// How often `work` asked for memory, and how many octets more are held after it than before.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> (u64, i64, T) {
    let (calls, held) = (CALLS.get(), HELD.get());
    let result = work();
    (CALLS.get() - calls, HELD.get() - held, result)
}

#[test]
fn what_is_given_back_is_no_longer_held() {
    let (calls, held, kept) = counted(|| {
        drop(vec![0u8; 100]);
        vec![0u8; 1000]
    });
    assert_eq!((calls, held, kept.len()), (2, 1000, 1000));
}
