//! The product of a step's states with the recurrent weights.

use std::ops::Range;

use super::few_rows::{FewRows, TOGETHER};
use super::layout::PanelLayout;
use super::share::{BUFFER_ROWS, Share, buffer_len, pieces};
use crate::gemm::{Block, FEW_ROWS, Left, Out, Right, multiply};
use crate::int8::{self, rows_of_piece};
use crate::simd::{Pairs, Simd};

/// A recurrent product: the state, and the panels of `gates` gates per block.
pub(super) struct RecurrentProduct<'a> {
    pub(super) layout: PanelLayout,
    pub(super) pairs: Option<Pairs>,
    pub(super) left: *const f32,
    pub(super) panels: &'a [f32],
    /// The panels instead, if they are int8.
    pub(super) int8: Option<(int8::Unit, &'a int8::Panels)>,
    pub(super) gates: usize,
    /// Whether the last blocks come first.
    pub(super) descending: bool,
}

impl RecurrentProduct<'_> {
    /// Computes the product block by block into the buffer, and calls `gates` with each block's rows, its product and
    /// the elements from gate to gate.
    ///
    /// # Safety
    /// The rows are the share's, which is the calling member's, the product is of the cell's weights and states, and
    /// the buffer has [`buffer_len`], and room for the quantized rows after it.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd>(
        &self,
        s: S,
        share: &Share<'_>,
        rows: Range<usize>,
        buffer: &mut [f32],
        expect: impl Fn(usize),
        gates: impl Fn(Range<usize>, usize, *const f32, usize),
    ) {
        if let Some((unit, panels)) = self.int8 {
            // SAFETY: by the caller's promise.
            unsafe { self.run_int8(share, rows, (unit, panels), buffer, expect, gates) };
            return;
        }
        let PanelLayout { spec, width, .. } = self.layout;
        let state_row = self.layout.state_row();
        // SAFETY: a share's rows are inside the state.
        let left = |row: usize| Left::plain(unsafe { self.left.add(row * state_row) }, state_row, 1);
        if (1..=FEW_ROWS).contains(&rows.len()) && self.pairs.is_none() {
            let few = FewRows {
                left: left(rows.start),
                panels: self.panels,
                gates: self.gates,
                depth: spec.hidden(),
                width,
                rows: rows.len(),
                present: rows.len(),
                descending: self.descending,
            };
            // SAFETY: the rows are inside the state, the panels are the cell's, and the buffer is long enough.
            unsafe {
                few.run(s, share.blocks.clone(), buffer, expect, |block, product| {
                    gates(rows.clone(), block, product, rows.len() * width);
                });
            }
            return;
        }
        let panel = spec.hidden() * width;
        for block in share.blocks.clone() {
            for rows in pieces(rows.clone(), BUFFER_ROWS) {
                let gate = rows.len() * width;
                // SAFETY: the rows are inside the state, the panels are the block's, and the buffer holds four gates
                // of the most rows.
                unsafe {
                    multiply(
                        s,
                        self.pairs,
                        Block {
                            left: left(rows.start),
                            right: Right {
                                pointer: self.panels.as_ptr().add(block * self.gates * panel),
                                panel,
                                row: width,
                            },
                            out: Out {
                                pointer: buffer.as_mut_ptr(),
                                panel: gate,
                                row: width,
                                columns: usize::MAX,
                            },
                            rows: 0..rows.len(),
                            panels: 0..self.gates,
                            depth: spec.hidden(),
                            accumulate: false,
                        },
                    );
                }
                gates(rows, block, buffer.as_ptr(), gate);
            }
        }
    }

    /// The same with int8 weights. Every member quantizes the rows of the state by itself, which takes little time
    /// beside the product.
    ///
    /// # Safety
    /// As [`Self::run`].
    #[inline(always)]
    unsafe fn run_int8(
        &self,
        share: &Share<'_>,
        rows: Range<usize>,
        (unit, panels): (int8::Unit, &int8::Panels),
        buffer: &mut [f32],
        expect: impl Fn(usize),
        gates: impl Fn(Range<usize>, usize, *const f32, usize),
    ) {
        let PanelLayout { spec, width, .. } = self.layout;
        let (row, depth) = (self.layout.state_row(), spec.hidden());
        let (sums, state) = buffer.split_at_mut(buffer_len(width));
        let most = rows_of_piece(depth, BUFFER_ROWS);
        for rows in pieces(rows, most) {
            let into = int8::Quantized::within(state.as_mut_ptr(), most, depth);
            // SAFETY: a share's rows are inside the state, and the buffer has room for as many rows.
            unsafe {
                let from = self.left.add(rows.start * row);
                int8::dispatch(unit, int8::QuantizeRows { from, row, rows: rows.len(), depth, into });
            }
            let gate = rows.len() * width;
            let together = if rows.len() <= FEW_ROWS { TOGETHER } else { 1 };
            let groups = share.blocks.len().div_ceil(together);
            for i in 0..groups {
                let first = share.blocks.start + together * if self.descending { groups - 1 - i } else { i };
                let group = first..share.blocks.end.min(first + together);
                if together > 1 {
                    group.clone().for_each(&expect);
                }
                let whole = int8::Product {
                    left: into,
                    right: panels,
                    out: Out { pointer: sums.as_mut_ptr(), panel: gate, row: width, columns: usize::MAX },
                    rows: rows.len(),
                    panels: group.start * self.gates..group.end * self.gates,
                    accumulate: false,
                    descending: self.descending,
                };
                // SAFETY: the panels are the blocks', and the buffer holds four gates of a block of the most rows, or
                // of four blocks of few rows.
                unsafe { int8::dispatch(unit, whole) };
                for block in group.clone() {
                    // SAFETY: the block's product is in the buffer.
                    let product = unsafe { sums.as_ptr().add((block - group.start) * self.gates * gate) };
                    gates(rows.clone(), block, product, gate);
                }
            }
        }
    }
}
