//! The product of a few rows with panels that stream through the caches: there is so little work per byte that reading
//! the panels takes most of the time.

use super::DEPTH;
use super::block::{Left, Out, Right};
use crate::simd::{RawKernel, Simd};

/// Rows of the left matrix at most.
pub(crate) const FEW_ROWS: usize = 3;
/// Panels of one row that are worked on together: eight sums, enough to hide the latency of a multiply-add.
const TOGETHER: usize = 4;

/// Numbers in a cache line.
const LINE: usize = 16;

impl Left {
    /// Prefetches some contiguous rows.
    #[inline(always)]
    pub(crate) fn prefetch<S: Simd>(&self, s: S, rows: usize, depth: usize) {
        let segment = self.segment.min(depth);
        for row in 0..rows {
            for (i, first) in (0..depth).step_by(segment.max(1)).enumerate() {
                let start = row * self.row + i * self.segment_stride;
                for k in (0..segment.min(depth - first)).step_by(LINE) {
                    s.prefetch(self.pointer.wrapping_add(start + k));
                }
            }
        }
    }
}

/// out[rows, panels] = left·right over a depth K, for up to [`FEW_ROWS`] rows, with the same bits as
/// [`super::Block`].
///
/// Panels are read from end to end, all K of some before the next. The output's columns are all written. Its promise is
/// that of a [`super::Block`].
pub(crate) struct Stream {
    pub(crate) left: Left,
    pub(crate) right: Right,
    pub(crate) out: Out,
    pub(crate) rows: usize,
    pub(crate) panels: usize,
    pub(crate) depth: usize,
    /// Whether the last panels come first.
    pub(crate) descending: bool,
}

impl RawKernel for Stream {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        // More rows have more sums for each panel, all of which stay in the registers of every level.
        let together = if self.rows == 1 { TOGETHER } else { TOGETHER / 2 };
        let tiles = self.panels.div_ceil(together);
        for i in 0..tiles {
            let tile = if self.descending { tiles - 1 - i } else { i };
            let panels = crate::pool::split(self.panels, 1, tile, tiles);
            // SAFETY: by the promise of whoever runs this: these are its panels.
            unsafe {
                match (self.rows, panels.len()) {
                    (1, 1) => self.tile::<S, 1, 1>(s, panels.start),
                    (1, 2) => self.tile::<S, 1, 2>(s, panels.start),
                    (1, 3) => self.tile::<S, 1, 3>(s, panels.start),
                    (1, 4) => self.tile::<S, 1, 4>(s, panels.start),
                    (2, 1) => self.tile::<S, 2, 1>(s, panels.start),
                    (2, 2) => self.tile::<S, 2, 2>(s, panels.start),
                    (3, 1) => self.tile::<S, 3, 1>(s, panels.start),
                    (3, 2) => self.tile::<S, 3, 2>(s, panels.start),
                    (rows, panels) => unreachable!("no tile of {rows} rows and {panels} panels"),
                }
            }
        }
    }
}

type Sums<S, const ROWS: usize, const PANELS: usize> = [[[<S as Simd>::Vector; 2]; PANELS]; ROWS];

impl Stream {
    /// Some panels over all K, a block of [`DEPTH`] at a time.
    ///
    /// # Safety
    /// As for running it; the panels are among its own.
    #[inline(always)]
    unsafe fn tile<S: Simd, const ROWS: usize, const PANELS: usize>(&self, s: S, panel: usize) {
        // SAFETY: inside the operands, by the caller's promise.
        let (mut right, out) = unsafe {
            (self.right.pointer.add(panel * self.right.panel), self.out.pointer.add(panel * self.out.panel))
        };
        let mut k = 0;
        loop {
            let depth = (self.depth - k).min(DEPTH);
            let mut sums: Sums<S, ROWS, PANELS> = [[[s.splat(0.0); 2]; PANELS]; ROWS];
            // SAFETY: as above.
            right = unsafe { self.sum(s, k, depth, right, &mut sums) };
            for (row, sums) in sums.iter().enumerate() {
                for (panel, sums) in sums.iter().enumerate() {
                    for (half, &sum) in sums.iter().enumerate() {
                        // SAFETY: as above.
                        unsafe {
                            let out = out.add(panel * self.out.panel + row * self.out.row + half * S::LANES);
                            s.store(out, if k > 0 { s.add(s.load(out), sum) } else { sum });
                        }
                    }
                }
            }
            k += depth;
            if k >= self.depth {
                return;
            }
        }
    }

    /// sums += left·right over a block of K; returns where the next one starts in the first panel.
    ///
    /// # Safety
    /// The block is inside the operands.
    #[inline(always)]
    unsafe fn sum<S: Simd, const ROWS: usize, const PANELS: usize>(
        &self,
        s: S,
        k: usize,
        depth: usize,
        mut right: *const f32,
        sums: &mut Sums<S, ROWS, PANELS>,
    ) -> *const f32 {
        let left = self.left;
        // SAFETY: by the caller's promise; a segment divides the blocks of K.
        unsafe {
            if left.segment == usize::MAX {
                let pointer = left.pointer.add(k * left.column);
                return self.segment(s, pointer, depth, right, sums);
            }
            for segment in k / left.segment..(k + depth) / left.segment {
                let pointer = left.pointer.add(segment * left.segment_stride);
                right = self.segment(s, pointer, left.segment, right, sums);
            }
        }
        right
    }

    /// sums += left·right over a run of K that is evenly strided in both.
    ///
    /// # Safety
    /// The run is inside the operands.
    #[inline(always)]
    unsafe fn segment<S: Simd, const ROWS: usize, const PANELS: usize>(
        &self,
        s: S,
        mut left: *const f32,
        depth: usize,
        mut right: *const f32,
        sums: &mut Sums<S, ROWS, PANELS>,
    ) -> *const f32 {
        // SAFETY: by the caller's promise.
        unsafe {
            // Unrolled by four: otherwise the loop's overhead shows. The last step leads beyond the right operand.
            for _ in 0..depth / 4 {
                for _ in 0..4 {
                    self.step(s, left, right, sums);
                    left = left.add(self.left.column);
                    right = right.wrapping_add(self.right.row);
                }
            }
            for _ in 0..depth % 4 {
                self.step(s, left, right, sums);
                left = left.add(self.left.column);
                right = right.wrapping_add(self.right.row);
            }
        }
        right
    }

    /// One k: sums += left column × right row.
    ///
    /// # Safety
    /// The row and the column are inside the operands.
    #[inline(always)]
    unsafe fn step<S: Simd, const ROWS: usize, const PANELS: usize>(
        &self,
        s: S,
        left: *const f32,
        right: *const f32,
        sums: &mut Sums<S, ROWS, PANELS>,
    ) {
        for panel in 0..PANELS {
            // SAFETY: by the caller's promise.
            unsafe {
                let right = right.add(panel * self.right.panel);
                let (first, second) = (s.load(right), s.load(right.add(S::LANES)));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let x = s.splat(*left.add(row * self.left.row));
                    sums[panel][0] = s.mul_add(x, first, sums[panel][0]);
                    sums[panel][1] = s.mul_add(x, second, sums[panel][1]);
                }
            }
        }
    }
}
