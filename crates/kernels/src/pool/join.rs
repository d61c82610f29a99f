//! Two pieces of work side by side.

use std::sync::{Mutex, PoisonError};

use super::run_queue;

/// Runs two functions, each on one member of a team, or one after the other where nobody else comes in time. Regions
/// inside them have that member alone.
pub fn join(first: impl FnOnce() + Send, second: impl FnOnce() + Send) {
    let (first, second) = (Mutex::new(Some(first)), Mutex::new(Some(second)));
    run_queue(2, |_| {
        if let Some(first) = take(&first) {
            first();
        }
        if let Some(second) = take(&second) {
            second();
        }
    });
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

#[cfg(test)]
mod tests {
    use super::super::run;
    use super::super::set_threads;
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn both_run_once() {
        let _serial = crate::tests::serial();
        for threads in [1, 2, 5] {
            set_threads(threads).unwrap();
            for _ in 0..100 {
                let (a, mut b) = (AtomicUsize::new(0), 0);
                let count = || run(|team| _ = a.fetch_add(team.size(), Ordering::Relaxed));
                join(count, || b += 1);
                assert!(a.into_inner() >= 1 && b == 1);
            }
            let panicked = catch_unwind(AssertUnwindSafe(|| join(|| resume_unwind(Box::new(7)), || ())));
            assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&7));
        }
    }
}
