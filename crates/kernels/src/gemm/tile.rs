//! The microkernel.

use crate::simd::{RawKernel, Simd};

/// `ROWS × (PANELS · two vectors)` of the output, over one block of K.
///
/// Depth is `segments × segment`; the left operand's element (r, s·segment + k) is at
/// `left + r·left_row + s·left_segment + k·left_column`, and panel p of the right one has row k at
/// `right + p·right_panel + k·right_row`. With `PAIRS`, elements of both are words of two numbers (see [`super::pairs`]).
pub(super) struct Tile<const ROWS: usize, const PANELS: usize, const PAIRS: bool> {
    pub(super) left: *const f32,
    pub(super) left_row: usize,
    pub(super) left_column: usize,
    pub(super) left_segment: usize,
    pub(super) segments: usize,
    pub(super) segment: usize,
    pub(super) right: *const f32,
    pub(super) right_panel: usize,
    pub(super) right_row: usize,
    pub(super) out: *mut f32,
    pub(super) out_panel: usize,
    pub(super) out_row: usize,
    /// Columns of the output from `out` on; the last panel may be cut short.
    pub(super) columns: usize,
    pub(super) accumulate: bool,
}

type Sums<S, const ROWS: usize, const PANELS: usize> = [[[<S as Simd>::Vector; 2]; PANELS]; ROWS];

impl<const ROWS: usize, const PANELS: usize, const PAIRS: bool> RawKernel for Tile<ROWS, PANELS, PAIRS> {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        // SAFETY: promised: the operands are readable, and the output is writable.
        unsafe {
            for row in 0..ROWS {
                s.prefetch(self.out.add(row * self.out_row));
            }
            let mut sums: Sums<S, ROWS, PANELS> = [[[s.splat(0.0); 2]; PANELS]; ROWS];
            let mut right = self.right;
            for segment in 0..self.segments {
                let mut left = self.left.add(segment * self.left_segment);
                // Unrolled by four: otherwise a single row's loop overhead shows. The last step leads beyond the right operand.
                for _ in 0..self.segment / 4 {
                    for _ in 0..4 {
                        self.step(s, left, right, &mut sums);
                        left = left.add(self.left_column);
                        right = right.wrapping_add(self.right_row);
                    }
                }
                for _ in 0..self.segment % 4 {
                    self.step(s, left, right, &mut sums);
                    left = left.add(self.left_column);
                    right = right.wrapping_add(self.right_row);
                }
            }
            self.store(s, &sums);
        }
    }
}

impl<const ROWS: usize, const PANELS: usize, const PAIRS: bool> Tile<ROWS, PANELS, PAIRS> {
    #[inline(always)]
    fn mul_add<S: Simd>(s: S, a: S::Vector, b: S::Vector, c: S::Vector) -> S::Vector {
        if PAIRS { s.mul_add_pairs(a, b, c) } else { s.mul_add(a, b, c) }
    }

    /// One k: sums += left column × right row.
    ///
    /// # Safety
    /// As for running the tile, in which the column and the row lie.
    #[inline(always)]
    unsafe fn step<S: Simd>(
        &self,
        s: S,
        left: *const f32,
        right: *const f32,
        sums: &mut Sums<S, ROWS, PANELS>,
    ) {
        for panel in 0..PANELS {
            // SAFETY: inside the operands, by the caller's promise.
            unsafe {
                let right = right.add(panel * self.right_panel);
                let (first, second) = (s.load(right), s.load(right.add(S::LANES)));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = s.splat(*left.add(row * self.left_row));
                    sums[panel][0] = Self::mul_add(s, x, first, sums[panel][0]);
                    sums[panel][1] = Self::mul_add(s, x, second, sums[panel][1]);
                }
            }
        }
    }

    /// # Safety
    /// As for running the tile.
    #[inline(always)]
    unsafe fn store<S: Simd>(&self, s: S, sums: &Sums<S, ROWS, PANELS>) {
        for (row, sums) in sums.iter().enumerate() {
            for (panel, sums) in sums.iter().enumerate() {
                // SAFETY: inside the output, by the caller's promise.
                unsafe {
                    let out = self.out.add(row * self.out_row + panel * self.out_panel);
                    let columns = self.columns.saturating_sub(panel * 2 * S::LANES);
                    if columns >= 2 * S::LANES {
                        for (half, &sum) in sums.iter().enumerate() {
                            let out = out.add(half * S::LANES);
                            s.store(out, if self.accumulate { s.add(s.load(out), sum) } else { sum });
                        }
                    } else {
                        for (half, &sum) in sums.iter().enumerate() {
                            let left = columns.saturating_sub(half * S::LANES);
                            if left > 0 {
                                let out = out.add(half * S::LANES);
                                let sum =
                                    if self.accumulate { s.add(s.load_up_to(out, left), sum) } else { sum };
                                s.store_up_to(out, sum, left);
                            }
                        }
                    }
                }
            }
        }
    }
}
