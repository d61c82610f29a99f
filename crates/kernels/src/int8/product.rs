//! The microkernel, and a block of the output on one thread.

use std::ops::Range;

use super::GROUP;
use super::dot::{Dot, DotKernel};
use super::panels::Panels;
use super::rows::Quantized;
use crate::gemm::Out;
use crate::pool;
use crate::simd::Simd;

/// out[rows, panels] = left·right, or += if `accumulate`.
///
/// Panel p of the output is panel `panels.start + p` of the right operand. Its promise is that the left operand has the rows and the
/// right one's depth, and that the output is writable and nobody else's. Once the work is cancelled, the rest is left out.
pub(crate) struct Product<'a> {
    pub(crate) left: Quantized,
    pub(crate) right: &'a Panels,
    pub(crate) out: Out,
    pub(crate) rows: usize,
    pub(crate) panels: Range<usize>,
    pub(crate) accumulate: bool,
    /// Whether the last panels come first.
    pub(crate) descending: bool,
}

/// Panels of one row that are worked on together: eight sums, enough to hide the latency of an addition.
const TOGETHER: usize = 4;

/// Panels between two checks for cancellation.
const POLL: usize = 64;

impl DotKernel for Product<'_> {
    #[inline(always)]
    unsafe fn run<D: Dot>(self, dot: D) {
        assert!(self.panels.end <= self.right.count() && self.right.width() == 2 * D::Float::LANES);
        let together = match self.rows {
            0 => return,
            1 => TOGETHER,
            2 | 3 => TOGETHER / 2,
            _ => 1,
        };
        let steps = self.panels.len().div_ceil(together);
        for i in 0..steps {
            if (i * together) % POLL == 0 && i > 0 && pool::cancelled() {
                return;
            }
            let step = if self.descending { steps - 1 - i } else { i };
            let panels = pool::split(self.panels.len(), 1, step, steps);
            // SAFETY: promised.
            unsafe {
                match (self.rows, panels.len()) {
                    (1, 1) => self.tile::<D, 1, 1>(dot, 0, panels.start),
                    (1, 2) => self.tile::<D, 1, 2>(dot, 0, panels.start),
                    (1, 3) => self.tile::<D, 1, 3>(dot, 0, panels.start),
                    (1, _) => self.tile::<D, 1, 4>(dot, 0, panels.start),
                    (2, 2) => self.tile::<D, 2, 2>(dot, 0, panels.start),
                    (3, 2) => self.tile::<D, 3, 2>(dot, 0, panels.start),
                    _ => self.column(dot, panels.start),
                }
            }
        }
    }
}

impl Product<'_> {
    /// All rows of a panel, in even tiles.
    ///
    /// # Safety
    /// As for running it; the panel is among its own.
    #[inline(always)]
    unsafe fn column<D: Dot>(&self, dot: D, panel: usize) {
        let tiles = self.rows.div_ceil(D::MAX_ROWS);
        for tile in 0..tiles {
            let rows = pool::split(self.rows, 1, tile, tiles);
            // SAFETY: by the caller's promise. The guards compare constants.
            unsafe {
                match rows.len() {
                    1 => self.tile::<D, 1, 1>(dot, rows.start, panel),
                    2 => self.tile::<D, 2, 1>(dot, rows.start, panel),
                    3 if D::MAX_ROWS >= 3 => self.tile::<D, 3, 1>(dot, rows.start, panel),
                    4 if D::MAX_ROWS >= 4 => self.tile::<D, 4, 1>(dot, rows.start, panel),
                    5 if D::MAX_ROWS >= 5 => self.tile::<D, 5, 1>(dot, rows.start, panel),
                    6 if D::MAX_ROWS >= 6 => self.tile::<D, 6, 1>(dot, rows.start, panel),
                    7 if D::MAX_ROWS >= 7 => self.tile::<D, 7, 1>(dot, rows.start, panel),
                    8 if D::MAX_ROWS >= 8 => self.tile::<D, 8, 1>(dot, rows.start, panel),
                    rows => unreachable!("no tile of {rows} rows"),
                }
            }
        }
    }

    /// Some rows by some panels.
    ///
    /// # Safety
    /// As for running it, of which these are rows and panels.
    #[inline(always)]
    unsafe fn tile<D: Dot, const ROWS: usize, const PANELS: usize>(&self, dot: D, row: usize, panel: usize) {
        let (lanes, width, groups) = (D::Float::LANES, 2 * D::Float::LANES, self.right.groups());
        let first = self.panels.start + panel;
        let size = groups * GROUP * width;
        let mut sums = [[[dot.zero(); 2]; PANELS]; ROWS];
        // SAFETY: the rows and the panels are inside the operands.
        unsafe {
            let mut left = self.left.numbers.add(row * self.left.stride).cast_const();
            let mut right = self.right.data().as_ptr().add(first * size);
            for _ in 0..groups {
                for panel in 0..PANELS {
                    let right = right.add(panel * size);
                    let weights = [dot.weights(right), dot.weights(right.add(GROUP * lanes))];
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let group = dot.group(left.add(row * self.left.stride));
                        for (sum, weights) in sums[panel].iter_mut().zip(weights) {
                            *sum = dot.dot(*sum, group, weights);
                        }
                    }
                }
                left = left.add(GROUP);
                right = right.wrapping_add(GROUP * width);
            }
        }
        let s = dot.float();
        for (m, sums) in sums.iter().enumerate() {
            for (p, sums) in sums.iter().enumerate() {
                let columns = self.out.columns.saturating_sub((panel + p) * width);
                for (half, &sum) in sums.iter().enumerate() {
                    let (at, left) =
                        ((first + p) * width + half * lanes, columns.saturating_sub(half * lanes));
                    if left == 0 {
                        continue;
                    }
                    // SAFETY: scales and excess are of the panels' columns; the output has the rows and `left` more
                    // columns.
                    unsafe {
                        let sum = match D::OFFSET {
                            0 => sum,
                            _ => dot.subtract(sum, dot.load(self.right.excess().as_ptr().add(at))),
                        };
                        let row = row + m;
                        let out = (self.out.pointer)
                            .add((panel + p) * self.out.panel + row * self.out.row + half * lanes);
                        let scaled = s.mul(dot.to_float(sum), s.splat(*self.left.scales.add(row)));
                        let scaled = s.mul(scaled, s.load(self.right.scales().as_ptr().add(at)));
                        let before = if self.accumulate { s.load_up_to(out, left) } else { s.splat(0.0) };
                        s.store_up_to(
                            out,
                            if self.accumulate { s.add(before, scaled) } else { scaled },
                            left,
                        );
                    }
                }
            }
        }
    }
}
