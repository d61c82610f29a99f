//! Large memory that is freed on another thread: unmapping pages takes time in proportion to their number, which the
//! thread that drops a model or a result may not have.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;

/// Fewer bytes are freed at once, in a fraction of a millisecond.
const WORTH_A_THREAD: usize = 4 << 20;

/// While more bytes than this are waiting, the caller frees further ones itself, so that memory does not fill with
/// garbage.
const MOST_WAITING: usize = 512 << 20;

/// What waits to be dropped, with its bytes.
struct Waiting {
    values: VecDeque<(Box<dyn Send>, usize)>,
    /// Bytes of these and of what is being dropped.
    bytes: usize,
    /// Whether a thread is dropping them.
    active: bool,
}

static WAITING: Mutex<Waiting> = Mutex::new(Waiting { values: VecDeque::new(), bytes: 0, active: false });
static ENDED: Condvar = Condvar::new();

fn waiting() -> MutexGuard<'static, Waiting> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops a value, if there is one, that holds about `bytes` bytes; on another thread if that takes long.
pub fn discard<T: Send + 'static>(value: Option<T>, bytes: impl FnOnce(&T) -> usize) {
    let Some(value) = value else { return };
    let bytes = bytes(&value);
    if bytes < WORTH_A_THREAD {
        return;
    }
    let mut waiting = waiting();
    if waiting.bytes > MOST_WAITING {
        // The value is dropped after the lock.
        return drop(waiting);
    }
    waiting.values.push_back((Box::new(value), bytes));
    waiting.bytes += bytes;
    if !waiting.active {
        waiting.active = true;
        drop(waiting);
        if Builder::new().name("seqloom-discard".to_owned()).spawn(work_off).is_err() {
            work_off();
        }
    }
}

/// Waits until everything discarded is freed; returns whether there was anything.
pub(crate) fn wait_for_discarded() -> bool {
    let mut waiting = waiting();
    let any = waiting.active;
    while waiting.active {
        waiting = ENDED.wait(waiting).unwrap_or_else(PoisonError::into_inner);
    }
    any
}

fn work_off() {
    loop {
        let mut waiting = waiting();
        let Some((value, bytes)) = waiting.values.pop_front() else {
            waiting.active = false;
            drop(waiting);
            return ENDED.notify_all();
        };
        drop(waiting);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
        self::waiting().bytes -= bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread::{ThreadId, current};

    struct Telling(std::sync::mpsc::Sender<ThreadId>);

    impl Drop for Telling {
        fn drop(&mut self) {
            let _ = self.0.send(current().id());
        }
    }

    #[test]
    fn large_values_are_dropped_elsewhere_and_waited_for() {
        let (sender, dropped) = channel();
        discard(Some(Telling(sender.clone())), |_| WORTH_A_THREAD - 1);
        assert_eq!(dropped.try_recv(), Ok(current().id()));
        discard(Some(Telling(sender.clone())), |_| WORTH_A_THREAD);
        discard(Some(Telling(sender)), |_| 2 * MOST_WAITING);
        wait_for_discarded();
        let threads: Vec<ThreadId> = dropped.try_iter().collect();
        assert_eq!(threads.len(), 2);
        assert_ne!(threads[0], current().id());
    }
}
