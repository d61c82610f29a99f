//! Freed blocks of memory, kept for the next request: touching fresh pages for the first time costs more than copying
//! data into them (a step with 8 MB of results took 15% longer without this).

use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smaller blocks (in bytes) are left to the allocator, which handles them as fast.
pub(crate) const LEAST: usize = 64 << 10;
/// Capacities are multiples of this, so that blocks of nearly the same size can replace each other.
pub(crate) const GRANULE: usize = 64 << 10;
/// Larger blocks are rare, and too much to keep.
const MOST: usize = 64 << 20;
/// The most bytes kept in total: a few steps' results, since the garbage collector gives many back at once.
const MOST_IN_ALL: usize = 128 << 20;
/// The most blocks kept: enough for a step's results, but not for many small models that are collected at once.
const MOST_BLOCKS: usize = 32;

/// A block of memory that nobody uses.
struct Block {
    pointer: NonNull<u8>,
    capacity: usize,
}

// SAFETY: a block is memory that nobody else refers to.
unsafe impl Send for Block {}

/// The kept blocks, the oldest first.
struct Kept {
    blocks: VecDeque<Block>,
    bytes: usize,
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { blocks: VecDeque::new(), bytes: 0 });

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A kept block for `bytes` bytes, with its capacity: the newest one that fits, whose pages are most likely cached. All
/// of it has been written to. It now belongs to the caller.
pub(crate) fn take(bytes: usize) -> Option<(NonNull<u8>, usize)> {
    let mut kept = kept();
    let fits = |block: &Block| block.capacity >= bytes && block.capacity - bytes <= GRANULE.max(bytes / 4);
    let index = kept.blocks.iter().rposition(fits)?;
    let block = kept.blocks.remove(index)?;
    kept.bytes -= block.capacity;
    Some((block.pointer, block.capacity))
}

/// Keeps a block of `capacity` bytes, all of them initialised, that nobody uses any more. Passes the blocks that have
/// to make room for it, perhaps the block itself, to `free`.
pub(crate) fn give(pointer: NonNull<u8>, capacity: usize, mut free: impl FnMut(NonNull<u8>, usize)) {
    if capacity > MOST {
        return free(pointer, capacity);
    }
    let mut kept = kept();
    kept.blocks.push_back(Block { pointer, capacity });
    kept.bytes += capacity;
    while kept.bytes > MOST_IN_ALL || kept.blocks.len() > MOST_BLOCKS {
        let Some(oldest) = kept.blocks.pop_front() else { break };
        kept.bytes -= oldest.capacity;
        free(oldest.pointer, oldest.capacity);
    }
}
