//! Elementwise work over mutable slices, shared among the threads of the pool; and work that may end early.

use crate::error::{Error, Result};
use seqloom_kernels::pool::{self, each_block};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Elements from which on sharing work costs less than it saves.
const WORTH_SHARING: usize = 1 << 15;

/// Work, in elements, after which a thread looks whether it shall go on.
const PIECE: usize = 1 << 22;

/// Runs `body`, which may leave things out once `cancel` is set: what it gives is dropped then.
///
/// # Errors
/// `ABORTED` if `cancel` is set at the end, whatever `body` gives.
pub fn unless_cancelled<V>(cancel: &AtomicBool, body: impl FnOnce() -> Result<V>) -> Result<V> {
    let result = pool::watch(cancel, body);
    if cancel.load(Ordering::Relaxed) { Err(Error::aborted()) } else { result }
}

/// The items, up to the moment at which the work is cancelled.
pub(crate) fn while_wanted<I: Iterator>(items: I) -> impl Iterator<Item = I::Item> {
    items.take_while(|_| !pool::cancelled())
}

/// Cuts `items`, rows of `width`, into contiguous parts of whole rows and runs `body(index of the first row, part)`
/// on each: on all threads if `work` elements are many, else on the caller's alone. The rows must not depend on
/// each other.
pub(crate) fn each_rows<V: Send>(
    items: &mut [V],
    width: usize,
    work: usize,
    body: impl Fn(usize, &mut [V]) + Sync,
) {
    let width = width.max(1);
    let threads = pool::threads().unwrap_or(1).max(1);
    let parts = threads.max(work / PIECE);
    let rows = (items.len() / width).div_ceil(parts).max(1);
    each_block([items], rows * width, work >= WORTH_SHARING, |start, [part]| body(start / width, part));
}

/// The index of the first block of `size` items for which `found` holds; searched on all threads if the items are many.
pub(crate) fn find_block<V: Sync>(
    items: &[V],
    size: usize,
    found: impl Fn(&[V]) -> bool + Sync,
) -> Option<usize> {
    if items.len() < WORTH_SHARING {
        return items.chunks(size).position(found);
    }
    let first = AtomicUsize::new(usize::MAX);
    pool::in_parts(true, |part| {
        let blocks = part.split(items.len().div_ceil(size), 1);
        let mut own = items.chunks(size).enumerate().skip(blocks.start).take(blocks.len());
        if let Some((index, _)) = own.find(|(_, block)| found(block)) {
            first.fetch_min(index, Ordering::Relaxed);
        }
    });
    Some(first.into_inner()).filter(|&index| index != usize::MAX)
}
