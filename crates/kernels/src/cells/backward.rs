//! The backward pass through the steps, from the last to the first.

use std::ops::Range;

use super::activations::Activations;
use super::backward_gates::{Gates, GruAfter, GruBeforeBlend, GruBeforeReset, Lstm, Rnn};
use super::few_rows::FewRows;
use super::layout::{PanelLayout, chunk_end};
use super::pack::Transposed;
use super::pass::{Pass, Step, Stop};
use super::row_groups::RowGroups;
use super::share::{BUFFER_ROWS, Share, pieces};
use crate::CellKind;
use crate::gemm::{Block, FEW_ROWS, Left, Out, Right, multiply};
use crate::pool::{Team, Turn};
use crate::simd::{Pairs, Promised, Simd};

/// Everything the members of the team share.
pub(super) struct Backward<'a> {
    pub(super) layout: PanelLayout,
    pub(super) transposed: &'a Transposed,
    pub(super) pairs: Option<Pairs>,
    pub(super) steps: &'a [usize],
    /// The steps that are run; the planes begin with the rows of the first one.
    pub(super) range: Range<usize>,
    /// Whether no steps follow these.
    pub(super) last: bool,
    pub(super) batch: usize,
    pub(super) h0: Option<&'a [f32]>,
    /// The cell state before the first step that is run.
    pub(super) c0: Option<&'a [f32]>,
    pub(super) y: &'a [f32],
    pub(super) dy: &'a [f32],
    pub(super) dc_last: Option<&'a [f32]>,
    pub(super) dh0: Option<*mut f32>,
    pub(super) dc0: Option<*mut f32>,
    /// The carried gradient, by block [batch, width].
    pub(super) carry: *mut f32,
    pub(super) planes: *mut f32,
    pub(super) plane: usize,
    pub(super) groups: Option<RowGroups>,
    pub(super) stop: Stop<'a>,
}

// SAFETY: the pointers come from exclusively borrowed slices that outlive the region. Members write only to the
// rows and blocks of their share, and read what other members wrote only after a barrier.
unsafe impl Sync for Backward<'_> {}

impl Pass for Backward<'_> {
    /// The step.
    type Place = usize;

    fn layout(&self) -> &PanelLayout {
        &self.layout
    }

    fn batch(&self) -> usize {
        self.batch
    }

    fn groups(&self) -> Option<&RowGroups> {
        self.groups.as_ref()
    }

    fn stop(&self) -> &Stop<'_> {
        &self.stop
    }

    #[inline(always)]
    unsafe fn take_turn<S: Simd, A: Activations>(
        &self,
        s: S,
        a: A,
        groups: &RowGroups,
        turn: Turn,
        buffer: &mut [f32],
    ) {
        let share = Share::of_rows(&self.layout, groups.rows(turn));
        let end = self.range.end - turn.link * groups.chunk;
        let begin = end.saturating_sub(groups.chunk).max(self.range.start);
        // SAFETY: the share is the calling member's; the steps exist, and its later ones are done.
        unsafe {
            if turn.link == 0 {
                self.start(&share);
            }
            for t in (begin..end).rev() {
                let step = Step { pass: self, activations: a, share: &share, place: t, buffer };
                s.enter(Promised::new(step));
            }
            if groups.chains.is_last(turn) {
                self.end(s, &share, buffer);
            }
        }
    }

    #[inline(always)]
    unsafe fn run_units<S: Simd, A: Activations>(
        &self,
        s: S,
        a: A,
        share: &Share<'_>,
        team: &Team<'_>,
        buffer: &mut [f32],
    ) {
        // SAFETY: the share is the calling member's, here and below.
        unsafe { self.start(share) };
        let mut end = self.range.end;
        // Chunks are counted from the last step on; only how often `cancel` is polled depends on them.
        let length = chunk_end(&self.layout, self.steps, 0);
        while end > self.range.start {
            if team.index() == 0 {
                self.stop.poll();
            }
            share.meet();
            if self.stop.is_set() {
                return;
            }
            let first = end.saturating_sub(length).max(self.range.start);
            for t in (first..end).rev() {
                let step = Step { pass: self, activations: a, share, place: t, buffer };
                // SAFETY: the step exists, and the later ones are done.
                s.enter(unsafe { Promised::new(step) });
                share.meet();
            }
            end = first;
        }
        // SAFETY: see above.
        unsafe { self.end(s, share, buffer) };
    }

    #[inline(always)]
    unsafe fn step<S: Simd, A: Activations>(
        &self,
        s: S,
        a: A,
        share: &Share<'_>,
        t: usize,
        buffer: &mut [f32],
    ) {
        let rows = share.rows(self.count(t));
        macro_rules! with {
            ($product:expr, $gates:ident) => {{
                let expect = |block| self.prefetch(s, t, rows.clone(), block);
                let gates = |rows: Range<usize>, block: usize, product: *const f32| {
                    // SAFETY: the rows and the block are of this share, and its product is in the buffer.
                    s.enter(unsafe { Promised::new($gates(a, self.gates(t, rows, block, product))) });
                };
                // SAFETY: by the caller's promise; the rows are the share's.
                unsafe { self.products(s, share, rows.clone(), $product, buffer, expect, gates) }
            }};
        }
        match self.layout.spec.kind() {
            CellKind::Rnn => with!(self.state_product(t + 1), Rnn),
            CellKind::Lstm => with!(self.state_product(t + 1), Lstm),
            CellKind::Gru { reset_after: true } => with!(self.state_product(t + 1), GruAfter),
            CellKind::Gru { reset_after: false } => {
                with!(self.state_product(t + 1), GruBeforeBlend);
                share.meet();
                let panels = &self.transposed.candidate;
                with!(GateProduct { step: t, slot: 0, slots: 1, panels }, GruBeforeReset);
            }
        }
    }
}

impl Backward<'_> {
    /// The row of the planes at which step t begins.
    fn plane_row(&self, t: usize) -> usize {
        self.steps[t] - self.steps[self.range.start]
    }

    /// Rows of step t; none after the last one.
    fn count(&self, t: usize) -> usize {
        if t + 1 < self.steps.len() { self.steps[t + 1] - self.steps[t] } else { 0 }
    }

    /// Visits this share's rows of the carried gradient, each with its range in an unpadded state.
    ///
    /// # Safety
    /// The share is the calling member's.
    unsafe fn carried(&self, share: &Share<'_>, mut visit: impl FnMut(&mut [f32], Range<usize>)) {
        let PanelLayout { spec, width, .. } = self.layout;
        for block in share.blocks.clone() {
            for row in share.rows(self.batch) {
                // SAFETY: the row and the block are of this share.
                let carry = unsafe {
                    std::slice::from_raw_parts_mut(self.carry.add((block * self.batch + row) * width), width)
                };
                let first = row * spec.hidden() + block * width;
                visit(carry, first..first + self.layout.units(block));
            }
        }
    }

    /// # Safety
    /// The share is the calling member's.
    unsafe fn start(&self, share: &Share<'_>) {
        if !self.last {
            return;
        }
        let dc_last = self.dc_last.filter(|_| self.layout.spec.kind() == CellKind::Lstm);
        let start = |carry: &mut [f32], place: Range<usize>| {
            carry.fill(0.0);
            if let Some(dc_last) = dc_last {
                carry[..place.len()].copy_from_slice(&dc_last[place]);
            }
        };
        // SAFETY: by the caller's promise.
        unsafe { self.carried(share, start) };
    }

    /// The gradients of the initial states.
    ///
    /// # Safety
    /// The share is the calling member's, and the buffer has [`super::share::buffer_len`].
    #[inline(always)]
    unsafe fn end<S: Simd>(&self, s: S, share: &Share<'_>, buffer: &mut [f32]) {
        let PanelLayout { spec, width, .. } = self.layout;
        if self.range.start > 0 {
            return;
        }
        if let Some(dc0) = self.dc0.filter(|_| spec.kind() == CellKind::Lstm) {
            let end = |carry: &mut [f32], place: Range<usize>| {
                // SAFETY: the place is of this share and inside the state.
                let into = unsafe { std::slice::from_raw_parts_mut(dc0.add(place.start), place.len()) };
                into.copy_from_slice(&carry[..place.len()]);
            };
            // SAFETY: by the caller's promise.
            unsafe { self.carried(share, end) };
        }
        let Some(dh0) = self.dh0 else { return };
        let carries = matches!(spec.kind(), CellKind::Gru { .. });
        let (rows, product) = (share.rows(self.batch), self.state_product(0));
        let write = |rows: Range<usize>, block: usize, product: *const f32| {
            for (i, row) in rows.enumerate() {
                for unit in 0..self.layout.units(block) {
                    // SAFETY: inside the product, the carried gradient and dh0, in rows and blocks of this share.
                    unsafe {
                        let carry = *self.carry.add((block * self.batch + row) * width + unit);
                        let d = *product.add(i * width + unit) + if carries { carry } else { 0.0 };
                        *dh0.add(row * spec.hidden() + block * width + unit) = d;
                    }
                }
            }
        };
        // SAFETY: by the caller's promise; the rows are the share's.
        unsafe { self.products(s, share, rows, product, buffer, |_| (), write) };
    }

    /// The product that gives step t − 1 its gradient of h from the gate gradients of step t.
    fn state_product(&self, t: usize) -> GateProduct<'_> {
        let (slot, slots) = self.layout.recurrent_slots();
        GateProduct { step: t, slot, slots, panels: &self.transposed.recurrent }
    }

    /// Computes a product block by block into the buffer, and calls `gates` with each block's rows and its product.
    /// Rows that the product's step does not have are zero.
    ///
    /// # Safety
    /// The rows are the share's, which is the calling member's, the product is of the cell's weights and a step or the
    /// end, and the buffer has [`super::share::buffer_len`].
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "a product, and what is done before and after it")]
    unsafe fn products<S: Simd>(
        &self,
        s: S,
        share: &Share<'_>,
        rows: Range<usize>,
        product: GateProduct<'_>,
        buffer: &mut [f32],
        expect: impl Fn(usize),
        gates: impl Fn(Range<usize>, usize, *const f32),
    ) {
        let PanelLayout { width, blocks, .. } = self.layout;
        let depth = product.slots * blocks * width;
        let count = self.count(product.step);
        // If the product's step lacks the share's rows, this pointer may lie beyond the planes.
        let left = |row: usize| {
            let first = self.plane_row(product.step) + row;
            let planes = self.planes.wrapping_add(product.slot * blocks * self.plane + first * width);
            Left::planes(planes, width, self.plane)
        };
        let present = |rows: &Range<usize>| rows.len().min(count.saturating_sub(rows.start));
        if (1..=FEW_ROWS).contains(&rows.len()) && self.pairs.is_none() {
            let few = FewRows {
                left: left(rows.start),
                panels: product.panels,
                gates: 1,
                depth,
                width,
                rows: rows.len(),
                present: present(&rows),
                descending: product.step % 2 == 1,
            };
            // SAFETY: the present rows are in the planes, the panels are the cell's, and the buffer is long enough.
            unsafe {
                few.run(s, share.blocks.clone(), buffer, expect, |block, product| {
                    gates(rows.clone(), block, product);
                });
            }
            return;
        }
        for block in share.blocks.clone() {
            for rows in pieces(rows.clone(), BUFFER_ROWS) {
                let panel = rows.len() * width;
                let present = present(&rows);
                if present < rows.len() {
                    buffer[..panel].fill(0.0);
                }
                if present > 0 {
                    // SAFETY: the rows are in the planes of the product's step, the panel is the block's, and the
                    // buffer holds one block's most rows.
                    unsafe {
                        multiply(
                            s,
                            self.pairs,
                            Block {
                                left: left(rows.start),
                                right: Right {
                                    pointer: product.panels.as_ptr().add(block * depth * width),
                                    panel: depth * width,
                                    row: width,
                                },
                                out: Out {
                                    pointer: buffer.as_mut_ptr(),
                                    panel,
                                    row: width,
                                    columns: usize::MAX,
                                },
                                rows: 0..present,
                                panels: 0..1,
                                depth,
                                accumulate: false,
                            },
                        );
                    }
                }
                gates(rows, block, buffer.as_ptr());
            }
        }
    }

    /// Prefetches the cache lines that the gates of few rows of a block will read and write.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, s: S, t: usize, rows: Range<usize>, block: usize) {
        let PanelLayout { spec, width, blocks } = self.layout;
        for row in rows {
            let plane = (self.plane_row(t) + row) * width;
            for slot in 0..self.layout.slots() {
                s.prefetch(self.planes.wrapping_add((slot * blocks + block) * self.plane + plane));
            }
            let place = (self.steps[t] + row) * spec.hidden() + block * width;
            s.prefetch(self.dy.as_ptr().wrapping_add(place));
            s.prefetch(self.y.as_ptr().wrapping_add(place));
        }
    }

    /// # Safety
    /// `rows` and `block` are of the calling member's share.
    #[inline(always)]
    unsafe fn gates(&self, t: usize, rows: Range<usize>, block: usize, product: *const f32) -> Gates {
        let PanelLayout { spec, width, blocks } = self.layout;
        let row = self.steps[t] + rows.start;
        let place = |row: usize| row * spec.hidden() + block * width;
        let initial =
            |state: Option<&[f32]>| state.map_or(std::ptr::null(), |s| s[place(rows.start)..].as_ptr());
        let before = t.checked_sub(1).map(|t| self.steps[t] + rows.start);
        // SAFETY: all offsets are of existing rows, blocks and slots.
        unsafe {
            let gates = self.planes.add(block * self.plane + (self.plane_row(t) + rows.start) * width);
            let slot = blocks * self.plane;
            let unit = self.layout.units(block);
            let (c_before, c_row, c_units) = match (spec.kind(), t.checked_sub(1)) {
                (CellKind::Lstm, Some(before)) if before >= self.range.start => {
                    let before = self.plane_row(before) + rows.start;
                    let c = self.planes.add(4 * slot + block * self.plane + before * width);
                    (c.cast_const(), width, width)
                }
                _ => (initial(self.c0), spec.hidden(), unit),
            };
            Gates {
                rows: rows.len(),
                gates,
                slot,
                product,
                dy: self.dy.as_ptr().add(place(row)),
                y: self.y.as_ptr().add(place(row)),
                h_before: before.map_or(initial(self.h0), |row| self.y.as_ptr().add(place(row))),
                state_row: spec.hidden(),
                units: unit,
                c_before,
                c_row,
                c_units,
                carry: self.carry.add((block * self.batch + rows.start) * width),
            }
        }
    }
}

/// A product of a step's gate gradients, from one slot on, with transposed recurrent weights.
struct GateProduct<'a> {
    step: usize,
    slot: usize,
    slots: usize,
    panels: &'a [f32],
}
