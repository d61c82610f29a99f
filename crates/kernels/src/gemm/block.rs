//! A block of the output on one thread: blocks of K, panels, and rows in even tiles.

use std::ops::Range;

use super::strips::Tiles;
use super::tile::Tile;
use super::{DEPTH, ROWS};
use crate::pool;
use crate::simd::{Promised, RawKernel, Simd};

/// The left operand: element (m, k) is at `pointer + m·row + (k / segment)·segment_stride + (k % segment)·column`.
#[derive(Clone, Copy)]
pub(crate) struct Left {
    pub(crate) pointer: *const f32,
    pub(crate) row: usize,
    pub(crate) column: usize,
    /// A panel's width, which divides the depth; or `usize::MAX` for a matrix in one piece.
    pub(crate) segment: usize,
    pub(crate) segment_stride: usize,
    /// Whether these are [`super::Strips`] of the rows and the depth of a [`Block`], and `row` is that depth.
    pub(crate) strips: bool,
}

impl Left {
    /// A strided matrix in one piece.
    pub(crate) const fn plain(pointer: *const f32, row: usize, column: usize) -> Self {
        Self { pointer, row, column, segment: usize::MAX, segment_stride: 0, strips: false }
    }

    /// Strips of a depth.
    pub(crate) const fn strips(pointer: *const f32, depth: usize) -> Self {
        Self { strips: true, ..Self::plain(pointer, depth, 0) }
    }

    /// A matrix stored as planes of `width` columns, each plane dense and `stride` after the one before.
    pub(crate) const fn planes(pointer: *const f32, width: usize, stride: usize) -> Self {
        Self { pointer, row: width, column: 1, segment: width, segment_stride: stride, strips: false }
    }
}

/// The right operand: panel p has row k at `pointer + p·panel + k·row`.
#[derive(Clone, Copy)]
pub(crate) struct Right {
    pub(crate) pointer: *const f32,
    pub(crate) panel: usize,
    pub(crate) row: usize,
}

/// The output: panel p has row m at `pointer + p·panel + m·row`; only `columns` columns exist, over all panels.
#[derive(Clone, Copy)]
pub(crate) struct Out {
    pub(crate) pointer: *mut f32,
    pub(crate) panel: usize,
    pub(crate) row: usize,
    pub(crate) columns: usize,
}

/// out[rows, panels] = left·right, or += if `accumulate`, over a depth K.
///
/// Its promise is about the rows, panels and depth: both operands are readable there, the output is writable, and
/// nothing else touches that output meanwhile. Once the work is cancelled, the rest is left out.
pub(crate) struct Block {
    pub(crate) left: Left,
    pub(crate) right: Right,
    pub(crate) out: Out,
    pub(crate) rows: Range<usize>,
    pub(crate) panels: Range<usize>,
    pub(crate) depth: usize,
    pub(crate) accumulate: bool,
}

/// Panels between two checks for cancellation; a multiple of the panels that are worked on together.
const POLL: usize = 64;

impl RawKernel for Block {
    #[inline(always)]
    unsafe fn run<S: Simd>(self, s: S) {
        let mut first = self.rows.start;
        while first < self.rows.end {
            let rows = first..self.rows.end.min(first + ROWS);
            first = rows.end;
            let mut k = 0;
            // Once even if the depth is zero, which clears the output.
            loop {
                let depth = (self.depth - k).min(DEPTH);
                // SAFETY: by the block's promise.
                unsafe { self.slab::<S, false>(s, rows.clone(), k, depth) };
                k += DEPTH;
                if k >= self.depth {
                    break;
                }
            }
        }
    }
}

impl Block {
    /// One block of K over some rows and all panels.
    ///
    /// # Safety
    /// As for running the block, of which these are rows and depth.
    #[inline(always)]
    pub(super) unsafe fn slab<S: Simd, const PAIRS: bool>(
        &self,
        s: S,
        rows: Range<usize>,
        k: usize,
        depth: usize,
    ) {
        let Tiles { count: tiles, height, taller } = Tiles::new(rows.len(), S::MAX_ROWS);
        let together = match height {
            _ if tiles > 1 => 1,
            1 if S::MAX_ROWS >= 4 => 4,
            1 => 2,
            2 if S::MAX_ROWS >= 4 => 2,
            3 if S::MAX_ROWS >= 6 => 2,
            _ => 1,
        };
        let mut panel = self.panels.start;
        while panel < self.panels.end {
            if (panel - self.panels.start).is_multiple_of(POLL) && pool::cancelled() {
                return;
            }
            let panels = if panel + together <= self.panels.end { together } else { 1 };
            let mut row = rows.start;
            for tile in 0..tiles {
                let height = height + usize::from(tile < taller);
                // SAFETY: by the caller's promise.
                unsafe { self.tile::<S, PAIRS>(s, row, height, panel, panels, k, depth) };
                row += height;
            }
            panel += panels;
        }
    }

    /// # Safety
    /// As for running the block, in which the tile lies.
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "a tile's place has this many coordinates")]
    unsafe fn tile<S: Simd, const PAIRS: bool>(
        &self,
        s: S,
        row: usize,
        height: usize,
        panel: usize,
        panels: usize,
        k: usize,
        depth: usize,
    ) {
        let (left, right, out) = (self.left, self.right, self.out);
        let segmented = left.segment != usize::MAX;
        let (segments, segment) = if segmented { (depth / left.segment, left.segment) } else { (1, depth) };
        let (left_row, left_column) = if left.strips { (1, height) } else { (left.row, left.column) };
        let to_k = if segmented { k / left.segment * left.segment_stride } else { k * left_column };
        macro_rules! tile {
            ($rows:literal, $panels:literal) => {
                // SAFETY: the tile is a part of the block, and its offsets are inside the operands.
                s.enter(unsafe {
                    Promised::new(Tile::<$rows, $panels, PAIRS> {
                        left: left.pointer.add(row * left.row + to_k),
                        left_row,
                        left_column,
                        left_segment: left.segment_stride,
                        segments,
                        segment,
                        right: right.pointer.add(panel * right.panel + k * right.row),
                        right_panel: right.panel,
                        right_row: right.row,
                        out: out.pointer.add(panel * out.panel + row * out.row),
                        out_panel: out.panel,
                        out_row: out.row,
                        columns: out.columns.saturating_sub(panel * 2 * S::LANES),
                        accumulate: self.accumulate || k > 0,
                    })
                })
            };
        }
        // The guards compare constants, so a level is compiled for its own heights only.
        match (height, panels) {
            (1, 1) => tile!(1, 1),
            (1, 2) => tile!(1, 2),
            (1, _) if S::MAX_ROWS >= 4 => tile!(1, 4),
            (2, 1) => tile!(2, 1),
            (2, _) if S::MAX_ROWS >= 4 => tile!(2, 2),
            (3, 1) => tile!(3, 1),
            (3, _) if S::MAX_ROWS >= 6 => tile!(3, 2),
            (4, _) if S::MAX_ROWS >= 4 => tile!(4, 1),
            (5, _) if S::MAX_ROWS >= 5 => tile!(5, 1),
            (6, _) if S::MAX_ROWS >= 6 => tile!(6, 1),
            (7, _) if S::MAX_ROWS >= 7 => tile!(7, 1),
            (8, _) if S::MAX_ROWS >= 8 => tile!(8, 1),
            (9, _) if S::MAX_ROWS >= 9 => tile!(9, 1),
            (10, _) if S::MAX_ROWS >= 10 => tile!(10, 1),
            (11, _) if S::MAX_ROWS >= 11 => tile!(11, 1),
            (12, _) if S::MAX_ROWS >= 12 => tile!(12, 1),
            _ => unreachable!("no tile of {height} rows and {panels} panels"),
        }
    }
}
