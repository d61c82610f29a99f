//! Work in as many parts as there are members.

use std::ops::Range;

use super::{Queue, run_queue, split, threads};

/// One of equal parts of some work.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    index: usize,
    count: usize,
}

impl Part {
    /// Number of parts.
    pub(crate) const fn count(self) -> usize {
        self.count
    }

    /// This part of `0..n` in whole granules (the last one may be cut short), as even as possible.
    pub fn split(self, n: usize, granule: usize) -> Range<usize> {
        split(n, granule, self.index, self.count)
    }
}

/// Calls `body` for each part: as many as threads if `parallel`, else one. Members take the parts from a queue, so whoever
/// is free does the part of a member whose core is busy.
pub fn in_parts(parallel: bool, body: impl Fn(Part) + Sync) {
    let count = if parallel { threads().unwrap_or(1) } else { 1 };
    let queue = Queue::new(count, 1);
    run_queue(count, |_| {
        while let Some(index) = queue.take() {
            body(Part { index, count });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::set_threads;
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn every_part_is_done_once() {
        let _serial = crate::tests::serial();
        for threads in [1, 2, 5] {
            set_threads(threads).unwrap();
            for parallel in [false, true] {
                let done = Mutex::new(vec![0; 103]);
                in_parts(parallel, |part| {
                    assert_eq!(part.count(), if parallel { threads } else { 1 });
                    part.split(103, 10).for_each(|at| done.lock().unwrap()[at] += 1);
                });
                assert_eq!(done.into_inner().unwrap(), [1; 103]);
            }
        }
    }
}
