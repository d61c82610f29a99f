//! Elementwise work over mutable slices, shared among the threads of the pool.

use seqloom_kernels::pool;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Runs `body` on every part; the parts are distinct, so any member of the team may take any of them.
pub(crate) fn in_parallel<P: Send>(parts: Vec<P>, body: impl Fn(P) + Sync) {
    let parts: Vec<Mutex<Option<P>>> = parts.into_iter().map(|part| Mutex::new(Some(part))).collect();
    pool::run(|team| {
        for part in parts.iter().skip(team.index()).step_by(team.size().max(1)) {
            let taken = part.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(part) = taken {
                body(part);
            }
        }
    });
}

/// Elements from which on sharing work costs less than it saves.
const WORTH_SHARING: usize = 1 << 16;

/// Cuts `items`, rows of `width`, into contiguous parts of whole rows and runs `body(index of the first row, part)` on each: on
/// all threads if `work` elements are many, else on the caller's alone. The rows must not depend on each other.
pub(crate) fn each_rows<V: Send>(
    items: &mut [V],
    width: usize,
    work: usize,
    body: impl Fn(usize, &mut [V]) + Sync,
) {
    let width = width.max(1);
    let rows = (items.len() / width).div_ceil(part_count()).max(1);
    if work < WORTH_SHARING || rows * width >= items.len() {
        return body(0, items);
    }
    let parts =
        items.chunks_mut(rows * width).enumerate().map(|(part, items)| (part * rows, items)).collect();
    in_parallel(parts, |(first, items)| body(first, items));
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
    pool::run(|team| {
        let blocks = team.split(items.len().div_ceil(size), 1);
        let mut own = items.chunks(size).enumerate().skip(blocks.start).take(blocks.len());
        if let Some((index, _)) = own.find(|(_, block)| found(block)) {
            first.fetch_min(index, Ordering::Relaxed);
        }
    });
    Some(first.into_inner()).filter(|&index| index != usize::MAX)
}

/// The number of parts that keep the pool busy.
pub(crate) fn part_count() -> usize {
    pool::threads().unwrap_or(1).max(1)
}

/// Cuts `items` into as many contiguous parts as there are threads and runs `body(index of the first, part)` on each.
pub(crate) fn each_part<V: Send>(items: &mut [V], body: impl Fn(usize, &mut [V]) + Sync) {
    let size = items.len().div_ceil(part_count()).max(1);
    let parts = items.chunks_mut(size).enumerate().map(|(index, part)| (index * size, part)).collect();
    in_parallel(parts, |(start, part)| body(start, part));
}
