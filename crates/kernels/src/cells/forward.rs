//! The forward pass.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::activations::Activations;
use super::forward_gates::{Gates, GruAfter, GruBeforeBlend, GruBeforeReset, Lstm, Rnn};
use super::input_projection::InputProjection;
use super::int8::{int8_workspace, quantize_input};
use super::layout::{PanelLayout, cell_sizes, chunk_end, segment_sizes};
use super::pack::PackedCell;
use super::pass::{self, Pass, Step, Stop};
use super::recurrent_product::RecurrentProduct;
use super::row_groups::RowGroups;
use super::share::{BUFFER_ROWS, Share};
use super::tokens::{Tokens, token_workspace};
use crate::cell::check_steps;
use crate::int8::{quantized_words, rows_of_piece};
use crate::pool::{Team, Turn};
use crate::simd::{Promised, Simd};
use crate::{CellForward, CellKind, CellSpec, RowOrder};

/// Runs a whole sequence.
pub(crate) fn cell_forward(spec: &CellSpec, packed: &PackedCell, io: CellForward<'_, f32>) {
    assert_eq!(*spec, packed.spec, "the cell that the weights were packed for");
    let layout = PanelLayout::new(&packed.spec, packed.level);
    let vocabulary = io.x.vocabulary(spec.input());
    let (rows, batch) = check_steps(io.steps);
    let tokens =
        token_workspace(packed.level, spec, vocabulary).expect("the size of a projected table overflows");
    let int8_input = packed.int8.as_ref().and_then(|int8| Some((int8.unit, int8.input.as_ref()?)));
    let quantized = int8_input.map_or(Some(0), |_| int8_workspace(spec, rows));
    let quantized = quantized.expect("the size of the quantized input overflows");
    assert!(
        packed.int8.is_none() || (io.stash.is_none() && vocabulary == 0),
        "int8 weights serve inference on rows"
    );
    assert!(io.x_order == RowOrder::Packed || int8_input.is_some(), "float32 kernels read packed rows");
    let time = io.steps.len() - 1;
    let segment = io.segment.filter(|_| io.stash.is_some());
    io.check(&packed.spec, tokens + quantized, |rows, batch| match segment {
        Some(segment) => segment_sizes(packed.level, &packed.spec, [rows, batch, time], segment),
        None => cell_sizes(packed.level, &packed.spec, rows, batch),
    });
    if rows == 0 {
        return;
    }
    let (projected, workspace) = io.workspace.split_at_mut(tokens);
    let (quantized, workspace) = workspace.split_at_mut(quantized);
    let quantized = int8_input
        .map(|(unit, _)| quantize_input(unit, spec, (io.x.matrix(), io.x_order), io.steps, quantized));
    let (running, chunk) = workspace.split_at_mut(layout.running(batch));
    let capacity = layout.chunk_capacity(rows, batch);
    let keep = io.stash.is_some() && segment.is_none();
    let (planes, plane, checkpoints) = match io.stash {
        Some(stash) if keep => (stash, layout.plane(rows), None),
        checkpoints => (chunk, layout.plane(capacity), checkpoints),
    };
    let forward = Forward {
        groups: RowGroups::new(&layout, batch, time, capacity, keep),
        layout,
        packed,
        input: InputProjection {
            layout,
            packed,
            x: io.x.matrix(),
            tokens: Tokens::new(&layout, packed, io.x, projected),
            quantized,
            planes: planes.as_mut_ptr(),
            plane,
        },
        steps: io.steps,
        range: 0..time,
        before: packed.steps.fetch_add(time, Ordering::Relaxed),
        batch,
        h0: io.h0,
        c0: io.c0.filter(|_| spec.kind() == CellKind::Lstm),
        y: io.y.as_mut_ptr(),
        y_order: io.y_order,
        c_last: io.c_last.map(<[f32]>::as_mut_ptr),
        checkpoints: checkpoints.map(<[f32]>::as_mut_ptr).zip(segment),
        running: running.as_mut_ptr(),
        planes: planes.as_mut_ptr(),
        plane,
        keep,
        stop: Stop::new(io.cancel),
    };
    pass::run(&forward, spec, packed.level);
}

/// A segment of time whose gates are computed again.
pub(super) struct Again<'a> {
    pub(super) packed: &'a PackedCell,
    pub(super) steps: &'a [usize],
    pub(super) range: Range<usize>,
    /// The input of its rows.
    pub(super) x: &'a [f32],
    /// The states before it, or none for zeros.
    pub(super) h0: Option<&'a [f32]>,
    pub(super) c0: Option<&'a [f32]>,
    /// The outputs of its rows, once more.
    pub(super) y: &'a mut [f32],
    pub(super) running: &'a mut [f32],
    pub(super) planes: &'a mut [f32],
    pub(super) plane: usize,
    pub(super) cancel: Option<&'a AtomicBool>,
}

impl Again<'_> {
    /// Fills the planes, from the segment's first row on, as the forward pass had them.
    pub(super) fn run(self) {
        let Self { packed, steps, range, .. } = self;
        let layout = PanelLayout::new(&packed.spec, packed.level);
        let (first, batch) = (steps[range.start], steps[1]);
        let rows = steps[range.end] - first;
        assert!(self.x.len() >= rows * layout.spec.input() && self.y.len() >= rows * layout.spec.hidden());
        assert!(self.running.len() >= layout.running(batch) && self.plane >= layout.plane(rows));
        assert!(self.planes.len() >= layout.slots() * layout.blocks * self.plane);
        let state = (steps[range.start + 1] - first) * layout.spec.hidden();
        assert!([self.h0, self.c0].iter().all(|given| given.is_none_or(|given| given.len() >= state)));
        let forward = Forward {
            groups: RowGroups::new(&layout, batch, range.len(), layout.chunk_capacity(rows, batch), true),
            layout,
            packed,
            input: InputProjection {
                layout,
                packed,
                x: self.x,
                tokens: None,
                quantized: None,
                planes: self.planes.as_mut_ptr(),
                plane: self.plane,
            },
            steps,
            before: packed.steps.fetch_add(range.len(), Ordering::Relaxed),
            range,
            batch,
            h0: self.h0,
            c0: self.c0,
            y: self.y.as_mut_ptr(),
            y_order: RowOrder::Packed,
            c_last: None,
            checkpoints: None,
            running: self.running.as_mut_ptr(),
            planes: self.planes.as_mut_ptr(),
            plane: self.plane,
            keep: true,
            stop: Stop::new(self.cancel),
        };
        pass::run(&forward, &packed.spec, packed.level);
    }
}

/// Everything the members of the team share.
struct Forward<'a> {
    layout: PanelLayout,
    packed: &'a PackedCell,
    input: InputProjection<'a>,
    steps: &'a [usize],
    /// The steps that are run. The input, the output and the gates begin with the rows of the first one.
    range: Range<usize>,
    /// Steps of earlier calls with these weights.
    before: usize,
    batch: usize,
    h0: Option<&'a [f32]>,
    c0: Option<&'a [f32]>,
    y: *mut f32,
    y_order: RowOrder,
    c_last: Option<*mut f32>,
    /// Where the cell state [batch, hidden] goes after every so many steps, unless they are the last ones.
    checkpoints: Option<(*mut f32, usize)>,
    /// [`PanelLayout::running`]: the cell state, by block [batch, width]; two padded states [batch, state_row] that
    /// alternate, and a third for r·h'.
    running: *mut f32,
    planes: *mut f32,
    plane: usize,
    keep: bool,
    groups: Option<RowGroups>,
    stop: Stop<'a>,
}

// SAFETY: the pointers come from exclusively borrowed slices that outlive the region. Members write only to the
// rows and blocks of their share, and read what other members wrote only after a barrier.
unsafe impl Sync for Forward<'_> {}

/// A step, and the row of the planes at which its gates' ones begin.
struct Place {
    t: usize,
    plane_row: usize,
}

impl Pass for Forward<'_> {
    type Place = Place;

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

    fn more_buffer(&self) -> usize {
        let depth = self.layout.spec.hidden();
        let rows = rows_of_piece(depth, BUFFER_ROWS);
        self.packed.int8.as_ref().and_then(|_| quantized_words(rows, depth)).unwrap_or(0)
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
        let own = groups.rows(turn);
        let share = Share::of_rows(&self.layout, own.clone());
        let first = self.range.start + turn.link * groups.chunk;
        let steps = first..self.range.end.min(first + groups.chunk);
        let rows = |t: usize| share.rows(self.steps[t + 1] - self.steps[t]);
        // Without a stash, each group has a part of the planes, and its rows of a step follow those of the one before.
        let plane_row = |t: usize| match self.keep {
            true => self.steps[t] - self.first(),
            false => own.start * (groups.chunk - 1) + (t - first) * own.len(),
        };
        // SAFETY: the share is the calling member's, and its rows of the steps have these places in the planes.
        unsafe {
            if turn.link == 0 {
                self.start(&share);
            }
            // A block's weights stay in the near cache from step to step.
            for block in share.blocks.clone() {
                for t in steps.clone().filter(|&t| !rows(t).is_empty()) {
                    let rows = rows(t);
                    let into = plane_row(t) + rows.start;
                    let before = self.steps[t] - self.first();
                    self.input.run(s, block, before + rows.start..before + rows.end, into);
                }
            }
            for t in steps.filter(|&t| !rows(t).is_empty()) {
                let place = Place { t, plane_row: plane_row(t) };
                let step = Step { pass: self, activations: a, share: &share, place, buffer };
                s.enter(Promised::new(step));
                self.checkpoint(&share, t);
            }
            if groups.chains.is_last(turn) {
                self.end(&share);
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
        let mut t = self.range.start;
        while t < self.range.end {
            if team.index() == 0 {
                self.stop.poll();
            }
            let end = chunk_end(&self.layout, self.steps, t).min(self.range.end);
            let first = self.steps[t];
            let rows = first - self.first()..self.steps[end] - self.first();
            let planes = if self.keep { rows.start } else { 0 };
            for i in 0..share.blocks.len() {
                let block = if self.descends(t) { share.blocks.end - 1 - i } else { share.blocks.start + i };
                // SAFETY: the planes have room for all rows, or for those of a chunk from their first one on.
                unsafe { self.input.run(s, block, rows.clone(), planes) };
            }
            share.meet();
            if self.stop.is_set() {
                return;
            }
            for t in t..end {
                let place = Place { t, plane_row: planes + self.steps[t] - first };
                let step = Step { pass: self, activations: a, share, place, buffer };
                // SAFETY: the step's rows were projected to these planes.
                s.enter(unsafe { Promised::new(step) });
                // SAFETY: see above.
                unsafe { self.checkpoint(share, t) };
                share.meet();
            }
            t = end;
        }
        // SAFETY: see above.
        unsafe { self.end(share) };
    }

    #[inline(always)]
    unsafe fn step<S: Simd, A: Activations>(
        &self,
        s: S,
        a: A,
        share: &Share<'_>,
        Place { t, plane_row }: Place,
        buffer: &mut [f32],
    ) {
        let rows = share.rows(self.steps[t + 1] - self.steps[t]);
        let (_, gates) = self.layout.recurrent_slots();
        let descending = self.descends(t);
        let int8 = self.packed.int8.as_ref();
        let product = RecurrentProduct {
            layout: self.layout,
            pairs: self.packed.pairs,
            left: self.state(t),
            panels: &self.packed.recurrent,
            int8: int8.and_then(|int8| Some((int8.unit, int8.recurrent.as_ref()?))),
            gates,
            descending,
        };
        macro_rules! with {
            ($product:expr, $gates:ident) => {{
                let expect = |block| self.prefetch(s, t, plane_row, rows.clone(), block);
                let gates = |rows: Range<usize>, block: usize, product: *const f32, gate: usize| {
                    // SAFETY: the rows and the block are of this share, and its product is in the buffer.
                    s.enter(unsafe {
                        let gates = self.gates(t, plane_row, rows, block, product, gate);
                        Promised::new($gates(a, gates))
                    });
                };
                // SAFETY: by the caller's promise; the rows are the share's.
                unsafe { $product.run(s, share, rows.clone(), buffer, expect, gates) }
            }};
        }
        match self.layout.spec.kind() {
            CellKind::Rnn => with!(product, Rnn),
            CellKind::Lstm => with!(product, Lstm),
            CellKind::Gru { reset_after: true } => with!(product, GruAfter),
            CellKind::Gru { reset_after: false } => {
                with!(product, GruBeforeReset);
                share.meet();
                let left = self.reset();
                let panels = &self.packed.candidate;
                let int8 = int8.and_then(|int8| Some((int8.unit, int8.candidate.as_ref()?)));
                let descending = !descending;
                let product = RecurrentProduct { left, panels, int8, gates: 1, descending, ..product };
                with!(product, GruBeforeBlend);
            }
        }
    }
}

impl Forward<'_> {
    /// Whether step `t` sweeps over the weights from the last block to the first.
    fn descends(&self, t: usize) -> bool {
        self.before.wrapping_add(t) % 2 == 1
    }

    /// The first row that there is of the input and of the output.
    fn first(&self) -> usize {
        self.steps[self.range.start]
    }

    /// The row of y at which step `t` begins, and how many rows on that of the next sequence is.
    fn output_rows(&self, t: usize) -> (usize, usize) {
        let (first, apart) = self.y_order.step(self.steps, t);
        (first - self.first(), apart)
    }

    /// The running cell state of a row of a block.
    fn c(&self, block: usize, row: usize) -> *mut f32 {
        // SAFETY: the running states begin with this one.
        unsafe { self.running.add((block * self.batch + row) * self.layout.width) }
    }

    /// The padded state before step t (and after step t − 1).
    fn state(&self, t: usize) -> *mut f32 {
        // SAFETY: there are two states.
        unsafe { self.c(self.layout.blocks, 0).add(t % 2 * self.batch * self.layout.state_row()) }
    }

    /// Fills this share of the initial states.
    ///
    /// # Safety
    /// The share is the calling member's.
    unsafe fn start(&self, share: &Share<'_>) {
        let PanelLayout { width, .. } = self.layout;
        for block in share.blocks.clone() {
            let units = self.layout.units(block);
            for row in share.rows(self.steps[self.range.start + 1] - self.first()) {
                let from = row * self.layout.spec.hidden() + block * width;
                // SAFETY: the row and the block are of this share, inside the states.
                let (h, c) = unsafe {
                    let h = self.state(self.range.start);
                    let (h, c) = (h.add(row * self.layout.state_row() + block * width), self.c(block, row));
                    (std::slice::from_raw_parts_mut(h, width), std::slice::from_raw_parts_mut(c, width))
                };
                for (into, state) in [(h, self.h0), (c, self.c0)] {
                    into.fill(0.0);
                    if let Some(state) = state {
                        into[..units].copy_from_slice(&state[from..from + units]);
                    }
                }
            }
        }
    }

    /// Copies this share of the last cell state.
    ///
    /// # Safety
    /// The share is the calling member's.
    unsafe fn end(&self, share: &Share<'_>) {
        let Some(c_last) = self.c_last else { return };
        // SAFETY: by the caller's promise.
        unsafe { self.copy_cell_state(share, self.batch, c_last) };
    }

    /// Copies this share of the cell state where it is to be kept after step `t`.
    ///
    /// # Safety
    /// The share is the calling member's.
    #[inline(always)]
    unsafe fn checkpoint(&self, share: &Share<'_>, t: usize) {
        let Some((checkpoints, every)) = self.checkpoints else { return };
        let Some(&after) = self.steps.get(t + 2).filter(|_| (t + 1).is_multiple_of(every)) else { return };
        let size = if self.layout.spec.kind() == CellKind::Lstm {
            self.batch * self.layout.spec.hidden()
        } else {
            0
        };
        // SAFETY: by the caller's promise; there is a checkpoint before each further segment.
        unsafe {
            let into = checkpoints.add(((t + 1) / every - 1) * size);
            self.copy_cell_state(share, after - self.steps[t + 1], into);
        }
    }

    /// Copies this share of the first `rows` rows of an LSTM's cell state.
    ///
    /// # Safety
    /// The share is the calling member's, and `into` is a state [batch, hidden].
    unsafe fn copy_cell_state(&self, share: &Share<'_>, rows: usize, into: *mut f32) {
        if self.layout.spec.kind() != CellKind::Lstm {
            return;
        }
        for block in share.blocks.clone() {
            for row in share.rows(rows) {
                // SAFETY: the row and the block are of this share, inside both states.
                unsafe {
                    let into = into.add(row * self.layout.spec.hidden() + block * self.layout.width);
                    into.copy_from_nonoverlapping(self.c(block, row), self.layout.units(block));
                }
            }
        }
    }

    /// The state that holds r·h'; the first one if there is none.
    fn reset(&self) -> *mut f32 {
        let third = if self.layout.resets_before() { 2 * self.batch * self.layout.state_row() } else { 0 };
        // SAFETY: a reset-before cell has three states.
        unsafe { self.state(0).add(third) }
    }

    /// Prefetches the cache lines that the gates of few rows of a block will read and write: they were last used a step
    /// or a chunk ago, and the weights streaming by have pushed them out of the near caches.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, s: S, t: usize, plane_row: usize, rows: Range<usize>, block: usize) {
        let PanelLayout { spec, width, blocks } = self.layout;
        let slots = if self.keep { self.layout.slots() } else { spec.gates() };
        let (first, apart) = self.output_rows(t);
        for row in rows {
            for slot in 0..slots {
                let plane = (slot * blocks + block) * self.plane;
                s.prefetch(self.planes.wrapping_add(plane + (plane_row + row) * width));
            }
            s.prefetch(self.y.wrapping_add((first + row * apart) * spec.hidden() + block * width));
        }
    }

    /// # Safety
    /// `rows` and `block` are of the calling member's share.
    #[inline(always)]
    unsafe fn gates(
        &self,
        t: usize,
        plane_row: usize,
        rows: Range<usize>,
        block: usize,
        recurrent: *const f32,
        gate: usize,
    ) -> Gates {
        let PanelLayout { spec, width, blocks } = self.layout;
        let state = rows.start * self.layout.state_row() + block * width;
        let (first, apart) = self.output_rows(t);
        // SAFETY: all offsets are of existing rows and blocks.
        unsafe {
            Gates {
                rows: rows.len(),
                gates: self.planes.add(block * self.plane + (plane_row + rows.start) * width),
                slot: blocks * self.plane,
                recurrent,
                gate,
                bias: self.packed.bias.as_ptr().add(block * width),
                bias_slot: blocks * width,
                before: self.state(t).add(state),
                after: self.state(t + 1).add(state),
                reset: self.reset().add(state),
                state_row: self.layout.state_row(),
                c: self.c(block, rows.start),
                y: self.y.add((first + rows.start * apart) * spec.hidden() + block * width),
                y_row: apart * spec.hidden(),
                units: self.layout.units(block),
                keep: self.keep,
            }
        }
    }
}
