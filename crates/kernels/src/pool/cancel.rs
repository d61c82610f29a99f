//! Ending work early: a flag that is polled between the pieces of whatever the thread computes.

use std::cell::Cell;
use std::ptr::null;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    /// The flag of the innermost [`watch`] around what this thread computes; null if there is none.
    static FLAG: Cell<*const AtomicBool> = const { Cell::new(null()) };
}

/// Restores the flag that was watched before, even if the work panics.
struct Restore(*const AtomicBool);

impl Drop for Restore {
    fn drop(&mut self) {
        FLAG.set(self.0);
    }
}

/// Runs `body`; once `flag` is set, its regions leave out the rest of their work.
///
/// What `body` has computed is then undefined, so the caller drops it if the flag is set afterwards. Flags are never
/// cleared: if it is clear afterwards, the result is complete.
pub fn watch<V>(flag: &AtomicBool, body: impl FnOnce() -> V) -> V {
    watch_pointer(flag, body)
}

fn watch_pointer<V>(flag: *const AtomicBool, body: impl FnOnce() -> V) -> V {
    let _restore = Restore(FLAG.replace(flag));
    body()
}

/// Whether the current work of this thread, or of its team, need not be finished.
#[inline]
pub fn cancelled() -> bool {
    let flag = FLAG.get();
    // SAFETY: a flag is borrowed for as long as it is stored here, by `watch`, or by `Watched::on_member` for a region
    // that runs within it.
    !flag.is_null() && unsafe { (*flag).load(Ordering::Relaxed) }
}

/// The flag that the caller of a region watches, for the region's members.
pub(super) struct Watched(*const AtomicBool);

// SAFETY: the flag is borrowed by the caller of the region, which waits for all members.
unsafe impl Sync for Watched {}

impl Watched {
    /// The flag that this thread watches.
    pub(super) fn here() -> Self {
        Self(FLAG.get())
    }

    /// Runs `body` on a member of the region.
    pub(super) fn on_member<V>(&self, body: impl FnOnce() -> V) -> V {
        watch_pointer(self.0, body)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{run, set_threads};
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    #[test]
    fn members_watch_what_their_caller_watches() {
        let _serial = crate::tests::serial();
        set_threads(3).unwrap();
        let flag = AtomicBool::new(true);
        run(|_| assert!(!cancelled()));
        watch(&flag, || {
            run(|_| {
                assert!(cancelled());
                watch(&AtomicBool::new(false), || assert!(!cancelled()));
                assert!(cancelled());
            });
        });
        let panicked = catch_unwind(AssertUnwindSafe(|| watch(&flag, || resume_unwind(Box::new(())))));
        assert!(panicked.is_err() && !cancelled());
        run(|_| assert!(!cancelled()));
    }
}
