//! The end of the backward pass: products over all rows, from the planes of gate gradients.

use std::sync::atomic::{AtomicBool, Ordering};

use super::layout::PanelLayout;
use super::weight_gradients::{Destination, LeftRows, WeightGradient};
use crate::CellKind;
use crate::gemm::{Block, Left, Out, ROWS, Right, multiply};
use crate::pool;
use crate::simd::{Detected, Kernel, Pairs, Simd, dispatch};

/// The operands of the products.
#[derive(Clone, Copy)]
pub(super) struct Gradients<'a> {
    pub(super) layout: PanelLayout,
    pub(super) level: Detected,
    pub(super) steps: &'a [usize],
    pub(super) h0: Option<&'a [f32]>,
    pub(super) y: &'a [f32],
    /// Rows of the planes.
    pub(super) rows: usize,
    /// Gate gradients: the planes of the stash or, for the input side only, their sums by token.
    pub(super) planes: &'a [f32],
    /// Transposed input panels.
    pub(super) transposed: &'a [f32],
    /// Whether these are pairs of bfloat16.
    pub(super) pairs: Option<Pairs>,
    pub(super) cancel: Option<&'a AtomicBool>,
}

impl Gradients<'_> {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|c| c.load(Ordering::Relaxed))
    }

    /// The biases of the input side and of the recurrent side, if they exist.
    pub(super) fn biases<'b>(
        &self,
        bias: Option<&'b mut [f32]>,
    ) -> (Option<&'b mut [f32]>, Option<&'b mut [f32]>) {
        let Some(bias) = bias else { return (None, None) };
        let (input, recurrent) = bias.split_at_mut(self.layout.spec.gates() * self.layout.spec.hidden());
        (Some(input), Some(recurrent).filter(|r| !r.is_empty()))
    }

    /// Writes `dx` and adds to the gradients of the kernel and its bias; `x` is the input of the planes' rows.
    pub(super) fn input(
        &self,
        x: &[f32],
        dx: Option<&mut [f32]>,
        d_kernel: &mut [f32],
        bias: Option<&mut [f32]>,
        workspace: &mut [f32],
    ) {
        let spec = self.layout.spec;
        if let Some(dx) = dx {
            let parallel = self.rows * spec.input() * spec.gates() * spec.hidden() >= 1 << 17;
            // Even blocks, several for each thread.
            let blocks = self.rows.div_ceil(ROWS).next_multiple_of(4);
            let block = self.rows.div_ceil(blocks) * spec.input();
            let dx = &mut dx[..self.rows * spec.input()];
            pool::each_block([dx], block, parallel, |start, [dx]| {
                if !self.is_cancelled() {
                    dispatch(self.level, Input { gradients: self, first: start / spec.input(), dx });
                }
            });
        }
        let x = LeftRows::Rows { values: x, columns: spec.input() };
        self.product(x, 0, spec.gates(), Destination { into: d_kernel, bias }, workspace);
    }

    /// Adds to the gradients of the recurrent kernel and its bias.
    pub(super) fn recurrent(&self, d_recurrent: &mut [f32], bias: Option<&mut [f32]>, workspace: &mut [f32]) {
        let spec = self.layout.spec;
        let before = LeftRows::Before { steps: self.steps, h0: self.h0, y: self.y, columns: spec.hidden() };
        let (slot, slots) = self.layout.recurrent_slots();
        self.product(before, slot, slots, Destination { into: &mut *d_recurrent, bias }, workspace);
        if spec.kind() == (CellKind::Gru { reset_after: false }) {
            let plane = self.layout.plane(self.rows);
            let planes = &self.planes[3 * self.layout.blocks * plane..];
            let reset = LeftRows::Planes { planes, plane, width: self.layout.width, columns: spec.hidden() };
            self.product(reset, 0, 1, Destination { into: d_recurrent, bias: None }, workspace);
        }
    }

    fn product(
        &self,
        source: LeftRows<'_>,
        first_slot: usize,
        slots: usize,
        into: Destination<'_>,
        workspace: &mut [f32],
    ) {
        let product =
            WeightGradient { gradients: self, source, first_slot, slots, bias: into.bias.is_some() };
        product.run(workspace, into);
    }
}

/// dx of some rows.
struct Input<'a> {
    gradients: &'a Gradients<'a>,
    first: usize,
    dx: &'a mut [f32],
}

impl Kernel for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { gradients, first, dx } = self;
        let PanelLayout { spec, width, blocks } = gradients.layout;
        let depth = spec.gates() * blocks * width;
        // SAFETY: the rows are inside the planes, and dx is theirs.
        unsafe {
            let planes = gradients.planes.as_ptr().add(first * width);
            multiply(
                s,
                gradients.pairs,
                Block {
                    left: Left::planes(planes, width, gradients.layout.plane(gradients.rows)),
                    right: Right { pointer: gradients.transposed.as_ptr(), panel: depth * width, row: width },
                    out: Out {
                        pointer: dx.as_mut_ptr(),
                        panel: width,
                        row: spec.input(),
                        columns: spec.input(),
                    },
                    rows: 0..dx.len() / spec.input(),
                    panels: 0..spec.input().div_ceil(width),
                    depth,
                    accumulate: false,
                },
            );
        }
    }
}
