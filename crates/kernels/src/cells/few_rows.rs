//! A step's recurrent product for few rows, where most of the time goes into reading the weights.

use std::ops::Range;

use crate::gemm::{Left, Out, Right, Stream};
use crate::simd::{Promised, Simd};

/// Blocks that are worked on together, so that a tile can use several panels.
pub(super) const TOGETHER: usize = 4;

/// A recurrent product of up to [`crate::gemm::FEW_ROWS`] rows.
pub(super) struct FewRows<'a> {
    pub(super) left: Left,
    /// Panels of all blocks, `gates` per block, and their depth and width.
    pub(super) panels: &'a [f32],
    pub(super) gates: usize,
    pub(super) depth: usize,
    pub(super) width: usize,
    /// Rows of a block's product, and how many of them the left operand has; the others are zero.
    pub(super) rows: usize,
    pub(super) present: usize,
    /// Whether the last blocks come first. Alternating from step to step keeps what a step read last in the cache for
    /// the next one; in a fixed order, weights larger than the cache would never be found there.
    pub(super) descending: bool,
}

impl FewRows<'_> {
    /// Computes the product of some blocks into the buffer, a few at a time, and passes each to `done`. Well before
    /// that, it calls `expect`, which prefetches what `done` will read and write (2–5% at hidden 128).
    ///
    /// # Safety
    /// The left operand has the present rows and the depth; the panels are the blocks'; the buffer holds four blocks.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd>(
        &self,
        s: S,
        blocks: Range<usize>,
        buffer: &mut [f32],
        expect: impl Fn(usize),
        done: impl Fn(usize, *const f32),
    ) {
        let (panel, out) = (self.depth * self.width, self.rows * self.width);
        let groups = blocks.len().div_ceil(TOGETHER);
        self.left.prefetch(s, self.present, self.depth);
        for i in 0..groups {
            let first = blocks.start + TOGETHER * if self.descending { groups - 1 - i } else { i };
            let group = first..blocks.end.min(first + TOGETHER);
            group.clone().for_each(&expect);
            if self.present < self.rows {
                buffer[..group.len() * self.gates * out].fill(0.0);
            }
            if self.present > 0 {
                // SAFETY: by the caller's promise.
                unsafe {
                    s.enter(Promised::new(Stream {
                        left: self.left,
                        right: Right {
                            pointer: self.panels.as_ptr().add(first * self.gates * panel),
                            panel,
                            row: self.width,
                        },
                        out: Out {
                            pointer: buffer.as_mut_ptr(),
                            panel: out,
                            row: self.width,
                            columns: usize::MAX,
                        },
                        rows: self.present,
                        panels: self.gates * group.len(),
                        depth: self.depth,
                        descending: self.descending,
                    }));
                }
            }
            for block in group {
                // SAFETY: by the caller's promise.
                done(block, unsafe { buffer.as_ptr().add((block - first) * self.gates * out) });
            }
        }
    }
}
