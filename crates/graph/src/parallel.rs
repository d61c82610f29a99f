//! Elementwise work over mutable slices, shared among the threads of the pool.

use seqloom_kernels::pool::{self, each_block};

/// Elements from which on sharing work costs less than it saves.
const WORTH_SHARING: usize = 1 << 15;

/// Cuts `items`, rows of `width`, into contiguous parts of whole rows and runs `body(index of the first row, part)` on each: on
/// all threads if `work` elements are many, else on the caller's alone. The rows must not depend on each other.
pub(crate) fn each_rows<V: Send>(
    items: &mut [V],
    width: usize,
    work: usize,
    body: impl Fn(usize, &mut [V]) + Sync,
) {
    let width = width.max(1);
    let threads = pool::threads().unwrap_or(1).max(1);
    let rows = (items.len() / width).div_ceil(threads).max(1);
    each_block([items], rows * width, work >= WORTH_SHARING, |start, [part]| body(start / width, part));
}
