//! Gradients of weights: the product of a transposed matrix of rows with planes of gate gradients.

use std::ops::Range;

use super::gradients::Gradients;
use super::layout::PanelLayout;
use crate::gemm::{Block, DEPTH, Left, Out, ROWS, Right, Strips, multiply_strips, with_buffer};
use crate::pool::{self, Chains, Turn};
use crate::simd::{Kernel, Promised, Simd, dispatch};

/// The rows whose transpose is multiplied.
#[derive(Clone, Copy)]
pub(super) enum LeftRows<'a> {
    /// A dense matrix.
    Rows { values: &'a [f32], columns: usize },
    /// For each packed row the state before it: a row of y of the step before, or of h0, or zero.
    Before { steps: &'a [usize], h0: Option<&'a [f32]>, y: &'a [f32], columns: usize },
    /// A matrix in planes.
    Planes { planes: &'a [f32], plane: usize, width: usize, columns: usize },
}

impl LeftRows<'_> {
    const fn columns(&self) -> usize {
        match *self {
            Self::Rows { columns, .. } | Self::Before { columns, .. } | Self::Planes { columns, .. } => {
                columns
            }
        }
    }

    /// Packs `columns` of `rows`, the columns as the rows of the strips.
    fn pack(&self, rows: Range<usize>, columns: Range<usize>, strips: &mut Strips<'_>) {
        let (all, depth) = (0..columns.len(), rows.len());
        match *self {
            Self::Rows { values, columns: row } => {
                let source = &values[rows.start * row + columns.start..][..(depth - 1) * row + columns.len()];
                // SAFETY: the source was cut to these rows and columns.
                unsafe { strips.copy(all, 0..depth, source.as_ptr(), (1, row)) };
            }
            Self::Before { steps, h0, y, columns: row } => {
                // The last step that starts at or before the first row and is not empty.
                let mut t = steps.partition_point(|&start| start <= rows.start) - 1;
                let mut at = rows.start;
                while at < rows.end {
                    let end = rows.end.min(steps[t + 1]);
                    let k = at - rows.start..end - rows.start;
                    let state = match t.checked_sub(1) {
                        Some(before) => Some((y, steps[before] + at - steps[t])),
                        None => h0.map(|h0| (h0, at)),
                    };
                    match state {
                        _ if k.is_empty() => {}
                        Some((states, first)) => {
                            let source = &states[first * row + columns.start..];
                            let source = &source[..(k.len() - 1) * row + columns.len()];
                            // SAFETY: the source was cut to these rows and columns.
                            unsafe { strips.copy(all.clone(), k, source.as_ptr(), (1, row)) };
                        }
                        None => strips.fill(all.clone(), k, 0.0),
                    }
                    at = end;
                    t += 1;
                }
            }
            Self::Planes { planes, plane, width, .. } => {
                let mut column = columns.start;
                while column < columns.end {
                    let end = columns.end.min((column / width + 1) * width);
                    let first = column / width * plane + rows.start * width + column % width;
                    let source = &planes[first..][..(depth - 1) * width + end - column];
                    let some = column - columns.start..end - columns.start;
                    // SAFETY: the source was cut to these rows and columns.
                    unsafe { strips.copy(some, 0..depth, source.as_ptr(), (1, width)) };
                    column = end;
                }
            }
        }
    }
}

/// sourceᵀ · (slots of the gate gradients), and with `bias` the sums of the gradients' rows.
pub(super) struct WeightGradient<'a> {
    pub(super) gradients: &'a Gradients<'a>,
    pub(super) source: LeftRows<'a>,
    pub(super) first_slot: usize,
    pub(super) slots: usize,
    pub(super) bias: bool,
}

/// Keras-layout gradients that are added to.
pub(super) struct Destination<'a> {
    pub(super) into: &'a mut [f32],
    pub(super) bias: Option<&'a mut [f32]>,
}

/// A part of the height has no fewer columns than this.
const FEWEST_COLUMNS: usize = 16;

/// What the members of the team share.
struct TeamWork<'a> {
    product: &'a WeightGradient<'a>,
    /// By panel [height, width]: the source's columns, then with `bias` one of ones.
    workspace: *mut f32,
    into: *mut f32,
    bias: *mut f32,
}

// SAFETY: members write to disjoint panels or rows of the workspace, and after a barrier to disjoint rows of the
// destination; all are borrowed exclusively for the region.
unsafe impl Sync for TeamWork<'_> {}

impl WeightGradient<'_> {
    /// Columns of the left rows, plus one for the bias: a column of ones gives the sums of the gradients.
    const fn height(&self) -> usize {
        self.source.columns() + self.bias as usize
    }

    /// Adds the product to its destination; returns early when cancelled.
    pub(super) fn run(&self, workspace: &mut [f32], destination: Destination<'_>) {
        let layout = &self.gradients.layout;
        let columns = layout.spec.gates() * layout.spec.hidden();
        let panels = self.slots * layout.blocks;
        let (height, rows) = (self.height(), self.gradients.rows);
        assert!(workspace.len() >= panels * layout.width * height);
        assert_eq!(destination.into.len(), self.source.columns() * columns);
        assert!(destination.bias.as_ref().map_or(!self.bias, |bias| bias.len() == columns));
        let shared = TeamWork {
            product: self,
            workspace: workspace.as_mut_ptr(),
            into: destination.into.as_mut_ptr(),
            bias: destination.bias.map_or(std::ptr::null_mut(), <[f32]>::as_mut_ptr),
        };
        let parallel = rows.saturating_mul(height).saturating_mul(columns) >= 1 << 17;
        let parts = Parts::new(height, panels, rows);
        let multiply = Multiply { shared: &shared, parts: &parts };
        pool::run_if(parallel, |_| dispatch(self.gradients.level, multiply));
        if self.gradients.is_cancelled() {
            return;
        }
        pool::run_if(height * columns >= 1 << 15, |team| {
            // SAFETY: the sizes were checked above, and the rows are this member's.
            unsafe { self.scatter(&shared, team.split(height, 1)) };
        });
    }

    /// Adds some rows of the panels to the destination.
    ///
    /// # Safety
    /// `run` made what is shared, and the rows are the calling member's.
    unsafe fn scatter(&self, shared: &TeamWork<'_>, rows: Range<usize>) {
        let layout = &self.gradients.layout;
        let PanelLayout { spec, width, blocks } = *layout;
        let (columns, height) = (spec.gates() * spec.hidden(), self.height());
        for row in rows {
            for panel in 0..self.slots * blocks {
                let (slot, block) = (self.first_slot + panel / blocks, panel % blocks);
                let first = layout.gate(slot) * spec.hidden() + block * width;
                // SAFETY: inside the workspace and the destination, whose sizes `run` checked; the row is this
                // member's alone.
                unsafe {
                    let from = shared.workspace.add((panel * height + row) * width);
                    let into = if row < self.source.columns() {
                        shared.into.add(row * columns + first)
                    } else {
                        shared.bias.add(first)
                    };
                    for unit in 0..layout.units(block) {
                        *into.add(unit) += *from.add(unit);
                    }
                }
            }
        }
    }
}

/// The parts of a product that the members of a team take from a queue, each over one block of rows after another.
///
/// Parts of the height pack each row once; parts of the panels pack it for every part. They are even, since a short last
/// one would read everything again for little work.
struct Parts {
    by_height: bool,
    count: usize,
    chains: Chains,
}

impl Parts {
    fn new(height: usize, panels: usize, rows: usize) -> Self {
        let team = pool::threads().unwrap_or(1);
        let by_height = height >= FEWEST_COLUMNS * team;
        let most = if by_height { height / FEWEST_COLUMNS } else { panels };
        let count = height.div_ceil(ROWS).next_multiple_of(team).min(most).clamp(1, Chains::MOST);
        Self { by_height, count, chains: Chains::new(count, rows.div_ceil(DEPTH)) }
    }
}

#[derive(Clone, Copy)]
struct Multiply<'a> {
    shared: &'a TeamWork<'a>,
    parts: &'a Parts,
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { shared, parts } = self;
        let product = shared.product;
        let (height, panels) = (product.height(), product.slots * product.gradients.layout.blocks);
        let rows = product.gradients.rows;
        with_buffer(ROWS * DEPTH, |buffer| {
            let take = |turn: Turn| {
                let part = |whole| pool::split(whole, 1, turn.chain, parts.count);
                let (height, panels) =
                    if parts.by_height { (part(height), 0..panels) } else { (0..height, part(panels)) };
                let first = turn.link * DEPTH;
                let pieces = height.len().div_ceil(ROWS);
                for piece in 0..pieces {
                    let piece = pool::split(height.len(), 1, piece, pieces);
                    let piece = height.start + piece.start..height.start + piece.end;
                    // SAFETY: the pieces and the panels are this member's during the turn.
                    unsafe {
                        shared.multiply(s, first..rows.min(first + DEPTH), piece, panels.clone(), buffer)
                    };
                }
            };
            parts.chains.work(|| product.gradients.is_cancelled(), take);
        });
    }
}

impl TeamWork<'_> {
    /// What some rows contribute to the product of some columns of the source and some panels.
    ///
    /// # Safety
    /// The rows exist, and the columns or the panels are the calling member's.
    #[inline(always)]
    unsafe fn multiply<S: Simd>(
        &self,
        s: S,
        rows: Range<usize>,
        columns: Range<usize>,
        panels: Range<usize>,
        buffer: &mut [f32],
    ) {
        let product = self.product;
        let gradients = product.gradients;
        let PanelLayout { width, blocks, .. } = gradients.layout;
        let (height, count, depth) = (product.height(), columns.len(), rows.len());
        let plane = gradients.layout.plane(gradients.rows);
        let real = columns.start..columns.end.min(product.source.columns());
        let mut strips = Strips::new(buffer, count, depth, S::MAX_ROWS);
        strips.fill(real.len()..count, 0..depth, 1.0);
        product.source.pack(rows.clone(), real, &mut strips);
        // SAFETY: the rows are in the planes, and the panels and columns are this member's, inside the workspace.
        unsafe {
            let planes =
                gradients.planes.as_ptr().add(product.first_slot * blocks * plane + rows.start * width);
            let block = Block {
                left: Left::strips(strips.as_ptr(), depth),
                right: Right { pointer: planes, panel: plane, row: width },
                out: Out {
                    pointer: self.workspace.add(columns.start * width),
                    panel: height * width,
                    row: width,
                    columns: usize::MAX,
                },
                rows: 0..count,
                panels,
                depth,
                accumulate: rows.start > 0,
            };
            match gradients.pairs {
                None => s.enter(Promised::new(block)),
                Some(pairs) => multiply_strips(pairs, &mut strips, block),
            }
        }
    }
}
