//! Places that the members of a team take from a queue.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The places from 0 up to an end, a step apart, each of which is taken once.
pub(crate) struct Queue {
    taken: AtomicUsize,
    step: usize,
    end: usize,
}

impl Queue {
    pub(crate) const fn new(end: usize, step: usize) -> Self {
        Self { taken: AtomicUsize::new(0), step, end }
    }

    /// The next place, if there is one.
    pub(crate) fn take(&self) -> Option<usize> {
        self.place(self.taken.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether all places have been taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.place(self.taken.load(Ordering::Relaxed)).is_none()
    }

    fn place(&self, index: usize) -> Option<usize> {
        // Only zero-sized elements can be so many that this overflows.
        Some(index.saturating_mul(self.step)).filter(|&place| place < self.end)
    }
}
