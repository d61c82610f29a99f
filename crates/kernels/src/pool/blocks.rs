//! Work over mutable slices, cut into blocks that the team shares.

use super::{Queue, cancelled, run_queue};

/// Slices that several threads write to in disjoint blocks.
struct DisjointBlocks<T, const N: usize>([(*mut T, usize); N]);

impl<T, const N: usize> DisjointBlocks<T, N> {
    fn new(slices: [&mut [T]; N]) -> Self {
        Self(slices.map(|slice| (slice.as_mut_ptr(), slice.len())))
    }

    /// The elements from `start` on, at most `block` of each slice.
    ///
    /// # Safety
    /// The slices are still borrowed exclusively, and nobody else has any of these elements.
    unsafe fn block<'a>(&self, start: usize, block: usize) -> [&'a mut [T]; N] {
        self.0.map(|(pointer, length)| {
            let here = block.min(length.saturating_sub(start));
            // SAFETY: the block is inside the slice (or empty, at its end), and the caller's alone.
            unsafe { std::slice::from_raw_parts_mut(pointer.add(start.min(length)), here) }
        })
    }
}

// SAFETY: every block is handed out once, see `each_block_of_both`.
unsafe impl<T: Send, const N: usize> Sync for DisjointBlocks<T, N> {}

/// Cuts slices of the same length (or empty ones, which stay empty) into blocks of `block` elements and calls
/// `body(first element, blocks)` for each, on the whole team if `parallel`, else on the caller alone.
///
/// Members take blocks from a queue, so that a member whose core is slower or busy does fewer of them. Once the work is [`cancelled`],
/// the rest is left out.
///
/// # Panics
/// If slices that are not empty differ in length.
pub fn each_block<T: Send, const N: usize>(
    slices: [&mut [T]; N],
    block: usize,
    parallel: bool,
    body: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    let none: [&mut [T]; 0] = [];
    each_block_of_both(slices, none, block, parallel, |start, parts, []| body(start, parts));
}

/// [`each_block`] of slices of two types.
///
/// # Panics
/// If slices that are not empty differ in length.
pub fn each_block_of_both<T: Send, U: Send, const N: usize, const M: usize>(
    slices: [&mut [T]; N],
    others: [&mut [U]; M],
    block: usize,
    parallel: bool,
    body: impl Fn(usize, [&mut [T]; N], [&mut [U]; M]) + Sync,
) {
    let lengths = || slices.iter().map(|slice| slice.len()).chain(others.iter().map(|slice| slice.len()));
    let length = lengths().max().unwrap_or(0);
    assert!(lengths().all(|len| len == 0 || len == length), "lengths of the slices");
    let block = block.max(1);
    let (shared, others) = (DisjointBlocks::new(slices), DisjointBlocks::new(others));
    let queue = Queue::new(length, block);
    run_queue(if parallel { length.div_ceil(block) } else { 1 }, |_| {
        let (shared, others) = (&shared, &others);
        while let Some(start) = queue.take().filter(|_| !cancelled()) {
            // SAFETY: no other member takes this block, and the slices are borrowed exclusively for the whole region.
            let (part, other) = unsafe { (shared.block(start, block), others.block(start, block)) };
            body(start, part, other);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::set_threads;
    use super::*;

    #[test]
    fn every_element_is_in_one_block() {
        let _serial = crate::tests::serial();
        for threads in [1, 2, 3] {
            set_threads(threads).unwrap();
            let (mut a, mut b) = (vec![0; 103], vec![0; 103]);
            each_block([&mut a, &mut [], &mut b], 10, true, |start, [a, none, b]| {
                assert!(none.is_empty() && a.len() == b.len() && a.len() == 10.min(103 - start));
                for (i, (a, b)) in a.iter_mut().zip(b).enumerate() {
                    *a += start + i;
                    *b += 1;
                }
            });
            assert!(a.iter().copied().eq(0..103) && b.iter().all(|&b| b == 1));
        }
        each_block([&mut [0_u8; 0]], 4, true, |_, _| panic!("there is no block"));
    }
}
