//! Work on many texts by a few threads that live only as long as the call.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::thread;

use crate::error::{Code, Error};

thread_local! {
    /// Whether this thread is inside [`guarded`], where panics are caught and reported as errors.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps panics that are caught here from being printed; those of other threads are reported as before.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                before(panic);
            }
        }));
    });
}

/// Runs `work`, turning a panic of the underlying library into `ERR_NATIVE`.
pub(crate) fn guarded<R>(what: &str, work: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    silence();
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.unwrap_or_else(|_| Err(Error::new(Code::Native, format!("{what}: the tokenizer library failed"))))
}

/// How many threads to use for `wanted` (0: as many as the process may run at once).
pub(crate) fn thread_count(wanted: usize) -> usize {
    const MOST: usize = 256;
    let wanted = if wanted == 0 { thread::available_parallelism().map_or(1, usize::from) } else { wanted };
    wanted.clamp(1, MOST)
}

/// Calls `work(first item's index, block)` for every block of `block` items, on up to `threads` threads, and returns
/// the results in the order of the blocks. The first block that fails, in that order, is the error returned.
pub(crate) fn map_blocks<T: Sync, R: Send>(
    items: &[T],
    block: usize,
    threads: usize,
    work: impl Fn(usize, &[T]) -> Result<R, Error> + Sync,
) -> Result<Vec<R>, Error> {
    let block = block.max(1);
    let count = items.len().div_ceil(block);
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(count));
    let take = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            let start = index * block;
            let end = (start + block).min(items.len());
            let result = guarded("encoding", || work(start, &items[start..end]));
            results.lock().unwrap_or_else(|broken| broken.into_inner()).push((index, result));
        }
    };
    thread::scope(|scope| {
        for _ in 1..thread_count(threads).min(count) {
            // If the system refuses another thread, there is still this one: the work is only slower.
            if thread::Builder::new().name("seqloom-text".into()).spawn_scoped(scope, take).is_err() {
                break;
            }
        }
        take();
    });
    let mut results = results.into_inner().unwrap_or_else(|broken| broken.into_inner());
    results.sort_unstable_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
