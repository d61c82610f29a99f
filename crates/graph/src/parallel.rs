//! Elementwise work over mutable slices, shared among the threads of the pool.

use seqloom_kernels::pool;
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
