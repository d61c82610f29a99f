//! The process's one thread pool.
//!
//! A *region* ([`run`]) executes one closure on every member of a team at once, the caller among them; members meet
//! at [`Team::barrier`]. Waiting threads spin for a bounded time and then park, so an idle process uses no CPU.
//! Members run with denormals flushed to zero.

mod barrier;
mod blocks;
mod cancel;
mod chains;
mod crowding;
mod denormals;
mod join;
mod parts;
mod placement;
mod queue;
mod region;
mod threads;

use std::ops::Range;

use barrier::Barrier;
pub use blocks::{each_block, each_block_of_both};
pub use cancel::{cancelled, watch};
pub(crate) use chains::{Chains, Turn};
pub use join::join;
pub use parts::{Part, in_parts};
pub(crate) use queue::Queue;
pub use region::run;
pub(crate) use region::{run_queue, run_up_to};
pub use threads::{MAX_THREADS, ThreadsError, set_threads, threads};

/// A member's view of the team that runs a region.
#[derive(Debug)]
pub struct Team<'a> {
    index: usize,
    size: usize,
    barrier: Option<&'a Barrier>,
}

impl Team<'_> {
    /// This member's number, 0 for the caller.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Number of members.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Waits until every member has arrived here. Writes made before it are visible to all members after it.
    ///
    /// If another member panicked, this unwinds, so that no member waits forever.
    pub fn barrier(&self) {
        if let Some(barrier) = self.barrier {
            barrier.wait(self.index);
        }
    }

    /// This member's share of `0..n` in whole granules (the last one may be cut short), as even as possible.
    pub fn split(&self, n: usize, granule: usize) -> Range<usize> {
        split(n, granule, self.index, self.size)
    }
}

/// The share of member `index` of `size` in `0..n`, in whole granules.
pub(crate) fn split(n: usize, granule: usize, index: usize, size: usize) -> Range<usize> {
    let granule = granule.max(1);
    let granules = n.div_ceil(granule);
    let (each, extra) = (granules / size, granules % size);
    let start = index * each + index.min(extra);
    let end = start + each + usize::from(index < extra);
    (start * granule).min(n)..(end * granule).min(n)
}
