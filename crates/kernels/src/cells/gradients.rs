//! What ends the backward pass: products over all rows, from the planes of gate gradients.

use std::sync::atomic::{AtomicBool, Ordering};

use super::layout::Layout;
use super::weight_gradients::{Destination, Source, WeightGradient};
use crate::CellKind;
use crate::gemm::{Block, Left, Out, ROWS, Right};
use crate::pool;
use crate::simd::{Kernel, Level, Simd, dispatch};

/// The operands of the products.
pub(super) struct Gradients<'a> {
    pub(super) layout: Layout,
    pub(super) level: Level,
    pub(super) steps: &'a [usize],
    pub(super) x: &'a [f32],
    pub(super) h0: Option<&'a [f32]>,
    pub(super) y: &'a [f32],
    /// Gate gradients in the planes of the stash.
    pub(super) planes: &'a [f32],
    /// Transposed input panels.
    pub(super) transposed: &'a [f32],
    pub(super) cancel: Option<&'a AtomicBool>,
}

impl Gradients<'_> {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|c| c.load(Ordering::Relaxed))
    }

    pub(super) fn rows(&self) -> usize {
        self.x.len() / self.layout.spec.input
    }

    /// Writes `dx` and adds to the others.
    pub(super) fn run(
        &self,
        dx: Option<&mut [f32]>,
        d_kernel: &mut [f32],
        d_recurrent: &mut [f32],
        d_bias: Option<&mut [f32]>,
        workspace: &mut [f32],
    ) {
        let spec = self.layout.spec;
        if let Some(dx) = dx {
            let input = Input { gradients: self, dx: dx.as_mut_ptr() };
            pool::run_if(self.rows() * spec.input * spec.gates() * spec.hidden >= 1 << 17, |team| {
                let rows = team.split(self.rows(), 4);
                dispatch(self.level, InputShare { input: &input, rows });
            });
        }
        let columns = spec.gates() * spec.hidden;
        let (input_bias, recurrent_bias) = match d_bias {
            Some(bias) => {
                let (input, recurrent) = bias.split_at_mut(columns);
                (Some(input), Some(recurrent).filter(|r| !r.is_empty()))
            }
            None => (None, None),
        };
        let mut run = |source, first_slot, slots, into: &mut [f32], bias: Option<&mut [f32]>| {
            let product = WeightGradient { gradients: self, source, first_slot, slots, bias: bias.is_some() };
            product.run(workspace, Destination { into, bias });
        };
        let x = Source::Rows { values: self.x, columns: spec.input };
        let before = Source::Before { steps: self.steps, h0: self.h0, y: self.y, columns: spec.hidden };
        run(x, 0, spec.gates(), d_kernel, input_bias);
        let (slot, slots) = self.layout.recurrent_slots();
        run(before, slot, slots, d_recurrent, recurrent_bias);
        if spec.kind == (CellKind::Gru { reset_after: false }) {
            let slot = self.layout.blocks * self.layout.plane(self.rows());
            let planes = &self.planes[3 * slot..];
            let plane = self.layout.plane(self.rows());
            let reset = Source::Planes { planes, plane, width: self.layout.width, columns: spec.hidden };
            run(reset, 0, 1, d_recurrent, None);
        }
    }
}

struct Input<'a> {
    gradients: &'a Gradients<'a>,
    dx: *mut f32,
}

// SAFETY: the members of a team write to disjoint rows of dx, which is borrowed exclusively.
unsafe impl Sync for Input<'_> {}

/// dx of some rows.
struct InputShare<'a> {
    input: &'a Input<'a>,
    rows: std::ops::Range<usize>,
}

impl Kernel for InputShare<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Input { gradients, dx } = *self.input;
        let Layout { spec, width, blocks } = gradients.layout;
        let depth = spec.gates() * blocks * width;
        for first in self.rows.clone().step_by(ROWS) {
            if gradients.is_cancelled() {
                return;
            }
            let rows = ROWS.min(self.rows.end - first);
            // SAFETY: the rows are inside the planes and dx, and belong to this member.
            unsafe {
                let planes = gradients.planes.as_ptr().add(first * width);
                s.enter(Block {
                    left: Left::planes(planes, width, gradients.layout.plane(gradients.rows())),
                    right: Right { pointer: gradients.transposed.as_ptr(), panel: depth * width, row: width },
                    out: Out {
                        pointer: dx.add(first * spec.input),
                        panel: width,
                        row: spec.input,
                        columns: spec.input,
                    },
                    rows: 0..rows,
                    panels: 0..spec.input.div_ceil(width),
                    depth,
                    accumulate: false,
                });
            }
        }
    }
}
