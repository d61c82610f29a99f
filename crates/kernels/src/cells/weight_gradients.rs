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
    /// A matrix in planes, which begin with row `first`.
    Planes { planes: &'a [f32], plane: usize, first: usize, width: usize, columns: usize },
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
            Self::Planes { planes, plane, first: begin, width, .. } => {
                let mut column = columns.start;
                while column < columns.end {
                    let end = columns.end.min((column / width + 1) * width);
                    let first = column / width * plane + (rows.start - begin) * width + column % width;
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

/// sourceᵀ · (slots of the gate gradients) by panel, and with `bias` the sums of the gradients' rows. Blocks of [`DEPTH`]
/// rows, counted from row 0, are added from the last one to the first.
pub(super) struct PanelSums<'a> {
    layout: PanelLayout,
    first_slot: usize,
    slots: usize,
    /// Columns of the source.
    columns: usize,
    bias: bool,
    /// By panel [height, width]: the source's columns, then with `bias` one of ones.
    sums: &'a mut [f32],
    /// Whether anything was added.
    begun: bool,
}

/// A part of the height has no fewer columns than this.
const FEWEST_COLUMNS: usize = 16;

impl<'a> PanelSums<'a> {
    /// Elements of the sums for a source of so many columns and these slots: the first one, and how many.
    pub(super) fn len(layout: &PanelLayout, (_, slots): (usize, usize), columns: usize, bias: bool) -> usize {
        slots * layout.blocks * layout.width * (columns + usize::from(bias))
    }

    /// The same sums, of nothing.
    pub(super) fn new(
        layout: &PanelLayout,
        (first_slot, slots): (usize, usize),
        columns: usize,
        bias: bool,
        sums: &'a mut [f32],
    ) -> Self {
        Self { layout: *layout, first_slot, slots, columns, bias, sums, begun: false }
    }

    /// Columns of the left rows, plus one for the bias: a column of ones gives the sums of the gradients.
    const fn height(&self) -> usize {
        self.columns + self.bias as usize
    }

    const fn panels(&self) -> usize {
        self.slots * self.layout.blocks
    }

    /// Adds rows of the source and the planes; returns early when cancelled. They are not empty, begin with a block and
    /// end with one, or with the last row.
    pub(super) fn add(&mut self, gradients: &Gradients<'_>, source: LeftRows<'_>, rows: Range<usize>) {
        let (height, panels) = (self.height(), self.panels());
        assert!(self.sums.len() >= panels * self.layout.width * height);
        assert!(rows.start.is_multiple_of(DEPTH) && source.columns() == self.columns);
        let end = (rows.end - gradients.first) * self.layout.width;
        let planes = (self.first_slot + self.slots) * self.layout.blocks;
        assert!(gradients.plane >= end && gradients.planes.len() >= planes * gradients.plane);
        let parallel = rows.len().saturating_mul(height).saturating_mul(self.gates()) >= 1 << 17;
        let parts = Parts::new(height, panels, rows.len());
        let shared = TeamWork {
            gradients,
            source,
            rows,
            first_slot: self.first_slot,
            panels,
            height,
            begun: self.begun,
            sums: self.sums.as_mut_ptr(),
        };
        let multiply = Multiply { shared: &shared, parts: &parts };
        let most = if parallel { parts.count } else { 1 };
        pool::run_queue(most, |_| dispatch(gradients.level, multiply));
        self.begun = true;
    }

    /// Elements of a row of the weight.
    const fn gates(&self) -> usize {
        self.layout.spec.gates() * self.layout.spec.hidden()
    }

    /// Adds the sums to gradients in Keras's layout.
    pub(super) fn finish(self, into: &mut [f32], bias: Option<&mut [f32]>) {
        let columns = self.gates();
        assert_eq!(into.len(), self.columns * columns);
        assert!(bias.as_ref().map_or(!self.bias, |bias| bias.len() == columns));
        let destination = Destination {
            into: into.as_mut_ptr(),
            bias: bias.map_or(std::ptr::null_mut(), <[f32]>::as_mut_ptr),
        };
        pool::in_parts(self.height() * columns >= 1 << 15, |part| {
            // SAFETY: the sizes were checked, and the rows are this part's.
            unsafe { self.scatter(&destination, part.split(self.height(), 1)) };
        });
    }

    /// Adds some rows of the panels to the destination.
    ///
    /// # Safety
    /// [`Self::finish`] made the destination, and the rows are the calling member's.
    unsafe fn scatter(&self, destination: &Destination, rows: Range<usize>) {
        let PanelLayout { spec, width, blocks } = self.layout;
        let (columns, height) = (self.gates(), self.height());
        for row in rows {
            for panel in 0..self.panels() {
                let (slot, block) = (self.first_slot + panel / blocks, panel % blocks);
                let first = self.layout.gate(slot) * spec.hidden() + block * width;
                let from = &self.sums[(panel * height + row) * width..];
                // SAFETY: inside the destination, whose sizes were checked; the row is this member's alone.
                unsafe {
                    let into = if row < self.columns {
                        destination.into.add(row * columns + first)
                    } else {
                        destination.bias.add(first)
                    };
                    for (unit, &sum) in from[..self.layout.units(block)].iter().enumerate() {
                        *into.add(unit) += sum;
                    }
                }
            }
        }
    }
}

/// Gradients that are added to.
struct Destination {
    into: *mut f32,
    bias: *mut f32,
}

// SAFETY: members write to disjoint rows, which are borrowed exclusively for the region.
unsafe impl Sync for Destination {}

/// What the members of a team share.
struct TeamWork<'a> {
    gradients: &'a Gradients<'a>,
    source: LeftRows<'a>,
    rows: Range<usize>,
    first_slot: usize,
    panels: usize,
    height: usize,
    begun: bool,
    sums: *mut f32,
}

// SAFETY: members write to disjoint panels or rows of the sums, which are borrowed exclusively for the region.
unsafe impl Sync for TeamWork<'_> {}

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
        let rows = &shared.rows;
        let blocks = rows.len().div_ceil(DEPTH);
        with_buffer(ROWS * DEPTH, |buffer| {
            let take = |turn: Turn| {
                let part = |whole| pool::split(whole, 1, turn.chain, parts.count);
                let (height, panels) = if parts.by_height {
                    (part(shared.height), 0..shared.panels)
                } else {
                    (0..shared.height, part(shared.panels))
                };
                let first = rows.start + (blocks - 1 - turn.link) * DEPTH;
                let block = first..rows.end.min(first + DEPTH);
                let pieces = height.len().div_ceil(ROWS);
                for piece in 0..pieces {
                    let piece = pool::split(height.len(), 1, piece, pieces);
                    let piece = height.start + piece.start..height.start + piece.end;
                    let accumulate = shared.begun || turn.link > 0;
                    // SAFETY: the pieces and the panels are this member's during the turn.
                    unsafe { shared.multiply(s, block.clone(), piece, panels.clone(), accumulate, buffer) };
                }
            };
            parts.chains.work(|| shared.gradients.is_cancelled(), take);
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
        accumulate: bool,
        buffer: &mut [f32],
    ) {
        let Self { gradients, source, height, .. } = self;
        let PanelLayout { width, blocks, .. } = gradients.layout;
        let (count, depth, plane) = (columns.len(), rows.len(), gradients.plane);
        let real = columns.start..columns.end.min(source.columns());
        let mut strips = Strips::new(buffer, count, depth, S::MAX_ROWS);
        strips.fill(real.len()..count, 0..depth, 1.0);
        source.pack(rows.clone(), real, &mut strips);
        // SAFETY: the rows are in the planes, and the panels and columns are this member's, inside the sums.
        unsafe {
            let first = (rows.start - gradients.first) * width;
            let planes = gradients.planes.as_ptr().add(self.first_slot * blocks * plane + first);
            let block = Block {
                left: Left::strips(strips.as_ptr(), depth),
                right: Right { pointer: planes, panel: plane, row: width },
                out: Out {
                    pointer: self.sums.add(columns.start * width),
                    panel: height * width,
                    row: width,
                    columns: usize::MAX,
                },
                rows: 0..count,
                panels,
                depth,
                accumulate,
            };
            match gradients.pairs {
                None => s.enter(Promised::new(block)),
                Some(pairs) => multiply_strips(pairs, &mut strips, block),
            }
        }
    }
}
