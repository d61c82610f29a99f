//! The forward pass of the fused cells.

use super::layout::{ForwardLayout, InputPlan, fault};
use super::order::{StepOrder, gather, look_up, look_up_int8};
use super::{Recurrent, WEIGHTS};
use crate::error::{Error, Result};
use crate::mask::SequenceMask;
use crate::memory;
use crate::ops::{Forward, Place};
use crate::params::Parameters;
use crate::shape::Shape;
use seqloom_kernels::{CellForward, CellInput, RowOrder, Scalar};
use std::sync::atomic::AtomicBool;

/// A forward pass that is ready to run: what it reads and writes.
pub(crate) struct Prepared {
    pub(crate) reads: [Place; Prepared::READS],
    pub(crate) writes: [Place; Prepared::WRITES],
    shape: Shape,
    mask: usize,
    input_plan: InputPlan,
    recording: bool,
}

impl Prepared {
    /// The input and the initial states.
    pub(crate) const READS: usize = 3;
    /// The packed input, output and initial states, the stash, the packed last cell state, the kernel's scratch; then
    /// the outputs.
    pub(crate) const WRITES: usize = 10;
}

/// What a forward pass reads besides its operands.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a, T: Scalar> {
    pub(crate) params: &'a Parameters<T>,
    pub(crate) masks: &'a [SequenceMask],
    pub(crate) cancel: Option<&'a AtomicBool>,
}

impl<T: Scalar> Recurrent<T> {
    pub(super) fn run_forward(&mut self, context: &mut Forward<'_, T>) -> Result<()> {
        let prepared = self.prepare(context)?;
        let Forward { frame, masks } = context;
        let surroundings = Surroundings { params: frame.weights.params, masks, cancel: frame.run.cancel };
        let (reads, writes) = frame.buffers.carve(prepared.reads, prepared.writes)?;
        self.compute(&prepared, surroundings, reads, writes)?;
        frame.check_cancelled()
    }

    /// Packs weights and steps, and finds the places of all that [`Self::compute`] reads and writes.
    pub(crate) fn prepare(&mut self, context: &mut Forward<'_, T>) -> Result<Prepared> {
        let Forward { frame, masks } = context;
        let recording = frame.stash != Place::None;
        if self.int8.contains(&true) {
            if recording {
                return Err(Error::unsupported("int8 weights serve inference: they have no gradient"));
            }
            self.pack_int8(&frame.weights)?;
        } else {
            self.pack(frame.weights.params, WEIGHTS.map(|index| frame.weights.get(index)), recording)?;
        }
        let input = frame.inputs[0];
        let index = input.mask.ok_or_else(fault)?;
        let mask = masks.get_mut(index).ok_or_else(fault)?;
        mask.pack()?;
        let packing = mask.packing()?;
        let source = packing.source(self.reversed);
        let (rows, batch) = (source.len(), packing.order().len());
        if let Some(lookup) = self.lookup {
            memory::refill(&mut self.ids, rows, 0, "The tokens of a batch")?;
            let tokens = frame.integers.get(lookup.tokens).ok_or_else(fault)?;
            for (id, &index) in self.ids.iter_mut().zip(source) {
                // The embedding has checked the tokens.
                *id = tokens[index] as u32;
            }
        }
        let input_plan = self.input_plan(&input.shape)?;
        let extent = [rows, batch, packing.steps().len() - 1];
        let sizes = self.cell_sizes(extent, recording).ok_or_else(fault)?;
        let states = frame.inputs.len() - 1;
        let layout = ForwardLayout::new(&self.cell, rows, batch, states, recording, input_plan, &sizes)
            .ok_or_else(fault)?;
        let (kept, scratch) = if recording {
            (frame.stash, frame.workspace)
        } else {
            (
                frame.workspace.part(0, layout.kept_total)?,
                frame.workspace.part(layout.kept_total, layout.scratch_total)?,
            )
        };
        let [h0, c0] = [1, 2].map(|index| frame.inputs.get(index).map_or(Place::None, |state| state.place));
        let [sequence, last_h, last_c] =
            [0, 1, 2].map(|index| frame.outputs.get(index).map_or(Place::None, |output| output.place));
        let wants_last_c = self.is_lstm() && last_c != Place::None;
        Ok(Prepared {
            reads: [input.place, h0, c0],
            writes: [
                layout.x.of(kept)?,
                layout.y.of(kept)?,
                layout.h0.of(kept)?,
                layout.c0.of(kept)?,
                layout.stash.of(kept)?,
                layout.c_last.when(wants_last_c).of(scratch)?,
                layout.workspace.of(scratch)?,
                sequence,
                last_h,
                last_c,
            ],
            shape: input.shape,
            mask: index,
            input_plan,
            recording,
        })
    }

    /// Runs a pass that was prepared, on what its places hold.
    pub(crate) fn compute(
        &self,
        prepared: &Prepared,
        surroundings: Surroundings<'_, T>,
        [x, h0, c0]: [&[T]; Prepared::READS],
        writes: [&mut [T]; Prepared::WRITES],
    ) -> Result<()> {
        let &Prepared { shape, mask, input_plan, recording, .. } = prepared;
        let Surroundings { params, masks, cancel } = surroundings;
        let [packed_x, packed_y, packed_h0, packed_c0, stash, packed_c, workspace, sequence, last_h, last_c] =
            writes;
        let mask = masks.get(mask).ok_or_else(fault)?;
        let packing = mask.packing()?;
        let time = shape.time();
        let order =
            StepOrder { packing, time, reversed: self.reversed, output_reversed: self.output_reversed };
        let (rows, batch) = (order.source().len(), packing.order().len());
        let (width, hidden) = (self.cell.input(), self.cell.hidden());
        let table = self.lookup.and_then(|lookup| params.get(lookup.weight));
        let int8_table = self.lookup.and_then(|lookup| params.int8_matrix(lookup.weight));
        let wants_last_c = !packed_c.is_empty();
        // Without padding, the kernel need not have its rows copied.
        let whole = mask.is_full();
        let sequences = |backwards| RowOrder::Sequences { backwards };
        let in_order = !self.reversed && (batch == 1 || time == 1);
        let (x, x_order) = match (table, int8_table, input_plan.vocabulary) {
            (Some(table), _, Some(_)) => (CellInput::Tokens { table, ids: &self.ids }, RowOrder::Packed),
            (None, None, _) if whole && !recording && in_order => (CellInput::Rows(x), RowOrder::Packed),
            (None, None, _) if whole && self.int8[0] => (CellInput::Rows(x), sequences(self.reversed)),
            (table, int8_table, _) => {
                match (table, int8_table) {
                    (Some(table), _) => look_up(table, &self.ids, width, packed_x),
                    (None, Some(table)) => look_up_int8(table, &self.ids, width, packed_x),
                    (None, None) => gather(x, order.source(), width, packed_x),
                }
                (CellInput::Rows(&*packed_x), RowOrder::Packed)
            }
        };
        let y_order = if whole && !recording && !sequence.is_empty() {
            sequences(order.writes_backwards())
        } else {
            RowOrder::Packed
        };
        let is_packed = y_order == RowOrder::Packed;
        let y = if is_packed { &mut *packed_y } else { &mut *sequence };
        gather(h0, packing.order(), hidden, packed_h0);
        gather(c0, packing.order(), hidden, packed_c0);
        if rows > 0 {
            T::cell_forward(
                &self.cell,
                self.packed.as_ref().ok_or_else(fault)?,
                CellForward {
                    steps: packing.steps(),
                    x,
                    x_order,
                    h0: (!h0.is_empty()).then_some(&*packed_h0),
                    c0: (!c0.is_empty()).then_some(&*packed_c0),
                    y: &mut *y,
                    y_order,
                    c_last: wants_last_c.then_some(&mut *packed_c),
                    stash: recording.then_some(stash),
                    segment: self.segment,
                    workspace,
                    cancel,
                },
            );
        }
        if is_packed && !sequence.is_empty() {
            order.scatter(packed_y, hidden, sequence);
            if !self.zero_output_for_mask && !mask.is_full() {
                order.repeat(|index| mask.is_valid(index / time, index % time), hidden, sequence);
            }
        }
        // Rows without a valid step keep their initial state.
        for (last, initial) in [(&mut *last_h, h0), (&mut *last_c, c0)] {
            if last.len() == initial.len() { last.copy_from_slice(initial) } else { last.fill(T::ZERO) }
        }
        for (j, &row) in packing.order().iter().enumerate() {
            let target = row * hidden..(row + 1) * hidden;
            if let Some(last_h) = last_h.get_mut(target.clone()) {
                let last = if is_packed {
                    let position = packing.last(j);
                    &packed_y[position * hidden..(position + 1) * hidden]
                } else {
                    let position = row * time + if order.writes_backwards() { 0 } else { time - 1 };
                    &sequence[position * hidden..(position + 1) * hidden]
                };
                last_h.copy_from_slice(last);
            }
            if let Some(last_c) = last_c.get_mut(target) {
                last_c.copy_from_slice(&packed_c[j * hidden..(j + 1) * hidden]);
            }
        }
        Ok(())
    }
}
