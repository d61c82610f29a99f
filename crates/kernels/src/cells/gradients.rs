//! The end of the backward pass: products over all rows, from the planes of gate gradients.

use std::sync::atomic::{AtomicBool, Ordering};

use super::layout::PanelLayout;
use super::weight_gradients::{LeftRows, PanelSums};
use crate::CellKind;
use crate::gemm::{Block, DEPTH, Left, Out, ROWS, Right, multiply};
use crate::pool;
use crate::simd::{Detected, Kernel, Pairs, Simd, dispatch};

/// The operands of the products.
#[derive(Clone, Copy)]
pub(super) struct Gradients<'a> {
    pub(super) layout: PanelLayout,
    pub(super) level: Detected,
    /// The row that the planes begin with.
    pub(super) first: usize,
    /// Gate gradients: those of packed rows or, for the input side only, their sums by token.
    pub(super) planes: &'a [f32],
    /// Elements of a plane.
    pub(super) plane: usize,
    /// Whether packed weights are pairs of bfloat16.
    pub(super) pairs: Option<Pairs>,
    pub(super) cancel: Option<&'a AtomicBool>,
}

impl Gradients<'_> {
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancel.is_some_and(|c| c.load(Ordering::Relaxed))
    }

    /// Writes `dx` of the planes' first rows, `transposed` being the panels of the input.
    pub(super) fn input(&self, transposed: &[f32], dx: &mut [f32]) {
        let spec = self.layout.spec;
        let rows = dx.len() / spec.input();
        let parallel = rows * spec.input() * spec.gates() * spec.hidden() >= 1 << 17;
        // Even blocks, several for each thread.
        let blocks = rows.div_ceil(ROWS).next_multiple_of(4);
        let block = rows.div_ceil(blocks) * spec.input();
        pool::each_block([dx], block, parallel, |start, [dx]| {
            if !self.is_cancelled() {
                let first = start / spec.input();
                dispatch(self.level, Input { gradients: self, transposed, first, dx });
            }
        });
    }
}

/// Gradients of the weights, which grow from the last rows to the first: the order of their sums does not depend on how
/// many rows come at a time.
pub(super) struct WeightSums<'a> {
    layout: PanelLayout,
    /// From this row on they are summed.
    from: usize,
    input: PanelSums<'a>,
    recurrent: PanelSums<'a>,
    /// Of r·h', where the candidate takes that.
    reset: Option<PanelSums<'a>>,
}

impl<'a> WeightSums<'a> {
    /// Elements of the sums.
    pub(super) const fn len(layout: &PanelLayout) -> usize {
        let spec = layout.spec;
        spec.gates() * layout.blocks * layout.width * (spec.input() + 1 + spec.hidden() + 1)
    }

    /// The sums over so many rows, in a workspace of [`Self::len`] elements.
    pub(super) fn new(layout: &PanelLayout, rows: usize, bias: bool, workspace: &'a mut [f32]) -> Self {
        let spec = layout.spec;
        let two_biases = spec.kind() == (CellKind::Gru { reset_after: true });
        let mut rest = workspace;
        let mut sums = |slots: (usize, usize), columns: usize, bias: bool| {
            let (own, others) =
                std::mem::take(&mut rest).split_at_mut(PanelSums::len(layout, slots, columns, bias));
            rest = others;
            PanelSums::new(layout, slots, columns, bias, own)
        };
        Self {
            layout: *layout,
            from: rows,
            input: sums((0, spec.gates()), spec.input(), bias),
            recurrent: sums(layout.recurrent_slots(), spec.hidden(), bias && two_biases),
            reset: layout.resets_before().then(|| sums((0, 1), spec.hidden(), false)),
        }
    }

    /// The end of the rows that are not summed.
    pub(super) const fn end(&self) -> usize {
        self.from
    }

    /// Adds what the planes' rows contribute, so far as they fill blocks of [`DEPTH`] rows. `x` is the input of all
    /// rows, if it is not added by token, and `before` the state before each.
    pub(super) fn add(&mut self, gradients: &Gradients<'_>, x: Option<&[f32]>, before: LeftRows<'_>) {
        let spec = self.layout.spec;
        let rows = gradients.first.next_multiple_of(DEPTH)..self.from;
        if rows.is_empty() {
            return;
        }
        if let Some(values) = x {
            self.input.add(gradients, LeftRows::Rows { values, columns: spec.input() }, rows.clone());
        }
        self.recurrent.add(gradients, before, rows.clone());
        if let Some(reset) = &mut self.reset {
            let &Gradients { first, planes, plane, .. } = gradients;
            let planes = &planes[3 * self.layout.blocks * plane..];
            let (width, columns) = (self.layout.width, spec.hidden());
            reset.add(gradients, LeftRows::Planes { planes, plane, first, width, columns }, rows.clone());
        }
        self.from = rows.start;
    }

    /// Adds what the rows of a table contribute to the input side.
    pub(super) fn add_tokens(&mut self, by_token: &Gradients<'_>, table: &[f32]) {
        let columns = self.layout.spec.input();
        let rows = 0..table.len() / columns;
        self.input.add(by_token, LeftRows::Rows { values: table, columns }, rows);
    }

    /// Adds the sums to gradients in Keras's layout.
    pub(super) fn finish(self, d_kernel: &mut [f32], d_recurrent: &mut [f32], d_bias: Option<&mut [f32]>) {
        let one = self.layout.spec.gates() * self.layout.spec.hidden();
        let (input, recurrent) = d_bias.map_or((None, None), |bias| {
            let (input, recurrent) = bias.split_at_mut(one);
            (Some(input), Some(recurrent).filter(|bias| !bias.is_empty()))
        });
        self.input.finish(d_kernel, input);
        self.recurrent.finish(&mut *d_recurrent, recurrent);
        if let Some(reset) = self.reset {
            reset.finish(d_recurrent, None);
        }
    }
}

/// dx of some rows.
struct Input<'a> {
    gradients: &'a Gradients<'a>,
    transposed: &'a [f32],
    first: usize,
    dx: &'a mut [f32],
}

impl Kernel for Input<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { gradients, transposed, first, dx } = self;
        let PanelLayout { spec, width, blocks } = gradients.layout;
        let depth = spec.gates() * blocks * width;
        // SAFETY: the rows are inside the planes, and dx is theirs.
        unsafe {
            let planes = gradients.planes.as_ptr().add(first * width);
            multiply(
                s,
                gradients.pairs,
                Block {
                    left: Left::planes(planes, width, gradients.plane),
                    right: Right { pointer: transposed.as_ptr(), panel: depth * width, row: width },
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
