//! The product of the input with its weights, which becomes the gates.

use std::ops::Range;

use super::layout::PanelLayout;
use super::pack::PackedCell;
use super::tokens::Tokens;
use crate::gemm::{Block, Left, Out, Right, multiply};
use crate::int8;
use crate::simd::Simd;

/// The input, and the planes that its projection goes to.
pub(super) struct InputProjection<'a> {
    pub(super) layout: PanelLayout,
    pub(super) packed: &'a PackedCell,
    /// The packed rows of the input, or the table.
    pub(super) x: &'a [f32],
    pub(super) tokens: Option<Tokens<'a>>,
    /// The packed rows as int8 weights take them.
    pub(super) quantized: Option<int8::Quantized>,
    pub(super) planes: *mut f32,
    pub(super) plane: usize,
}

impl InputProjection<'_> {
    /// Projects packed rows for a block, into the planes from row `into` on.
    ///
    /// # Safety
    /// The rows are the input's, the planes have room for them, and nobody else uses the block's there.
    #[inline(always)]
    pub(super) unsafe fn run<S: Simd>(&self, s: S, block: usize, rows: Range<usize>, into: usize) {
        let PanelLayout { spec, width, blocks: all } = self.layout;
        // SAFETY: the block and the row are inside the planes.
        let planes = unsafe { self.planes.add(block * self.plane + into * width) };
        if let Some(tokens) = &self.tokens {
            // SAFETY: by the caller's promise.
            unsafe { tokens.copy(s, &self.layout, block, rows, planes, all * self.plane) };
            return;
        }
        let out = Out { pointer: planes, panel: all * self.plane, row: width, columns: usize::MAX };
        let int8 = self.packed.int8.as_ref().and_then(|int8| Some((int8.unit, int8.input.as_ref()?)));
        if let (Some((unit, panels)), Some(x)) = (int8, self.quantized) {
            let product = int8::Product {
                left: x.from(rows.start),
                right: panels,
                out,
                rows: rows.len(),
                panels: block * spec.gates()..(block + 1) * spec.gates(),
                accumulate: false,
                descending: false,
            };
            // SAFETY: by the caller's promise.
            unsafe { int8::dispatch(unit, product) };
            return;
        }
        let panel = spec.input() * width;
        // SAFETY: by the caller's promise; the panels are the block's.
        unsafe {
            multiply(
                s,
                self.packed.pairs,
                Block {
                    left: Left::plain(self.x.as_ptr().add(rows.start * spec.input()), spec.input(), 1),
                    right: Right {
                        pointer: self.packed.input.as_ptr().add(block * spec.gates() * panel),
                        panel,
                        row: width,
                    },
                    out,
                    rows: 0..rows.len(),
                    panels: 0..spec.gates(),
                    depth: spec.input(),
                    accumulate: false,
                },
            );
        }
    }
}
