//! The backward pass of the fused cells.

use super::layout::{BackwardLayout, ForwardLayout, fault};
use super::order::{StepOrder, gather, look_up, scatter_add};
use super::states::{Known, state_gradients};
use super::{Recurrent, WEIGHTS};
use crate::error::Result;
use crate::memory;
use crate::mode::Record;
use crate::ops::{Backward, Place};
use crate::tensor::StateGradient;
use seqloom_kernels::{CellBackward, CellInput, Scalar};

impl<T: Scalar> Recurrent<T> {
    pub(super) fn run_backward(&mut self, context: &mut Backward<'_, T>) -> Result<()> {
        let Backward { frame, masks, gradients } = context;
        let packed_cell = self.packed.as_ref().ok_or_else(fault)?;
        let input = frame.inputs[0];
        let mask = input.mask.and_then(|mask| masks.get(mask)).ok_or_else(fault)?;
        let packing = mask.packing()?;
        let time = input.shape.time();
        let order =
            StepOrder { packing, time, reversed: self.reversed, output_reversed: self.output_reversed };
        let (rows, batch) = (order.source().len(), packing.order().len());
        let (width, hidden) = (self.cell.input(), self.cell.hidden());

        let extent = [rows, batch, packing.steps().len() - 1];
        let sizes = self.cell_sizes(extent, true).ok_or_else(fault)?;
        let states = frame.inputs.len() - 1;
        let input_plan = self.input_plan(&input.shape)?;
        let kept = ForwardLayout::new(&self.cell, rows, batch, states, true, input_plan, &sizes)
            .ok_or_else(fault)?;
        let layout = BackwardLayout::new(&self.cell, rows, batch, input_plan, &sizes).ok_or_else(fault)?;
        let [d_sequence, d_last_h, d_last_c] =
            [0, 1, 2].map(|index| frame.outputs.get(index).map_or(Place::None, |output| output.gradient));
        let [d_x, d_h0, d_c0] =
            [0, 1, 2].map(|index| frame.inputs.get(index).map_or(Place::None, |value| value.gradient));
        let (kept_place, scratch) = (frame.stash, frame.workspace);
        let table = self.lookup.and_then(|lookup| frame.weights.params.get(lookup.weight));
        let learned = self.lookup.filter(|lookup| gradients.get(lookup.weight).is_some());
        let wants_dx = d_x.is_some() || learned.is_some();
        let wants_dc = self.is_lstm() && d_last_c.is_some();

        // Gradients of the outputs, into packed order.
        let ([d_sequence, d_last_h, d_last_c], [dy, carried, dc_last]) = frame.buffers.carve(
            [d_sequence, d_last_h, d_last_c],
            [layout.dy.of(scratch)?, layout.carried.of(scratch)?, layout.dc_last.when(wants_dc).of(scratch)?],
        )?;
        if d_sequence.is_empty() {
            dy.fill(T::ZERO);
        } else {
            let repeated = (!self.zero_output_for_mask && !mask.is_full())
                .then_some((|index: usize| mask.is_valid(index / time, index % time), carried));
            order.gather_gradient(d_sequence, hidden, dy, repeated);
        }
        for (j, &row) in packing.order().iter().enumerate() {
            let Some(d_last) = d_last_h.get(row * hidden..(row + 1) * hidden) else { continue };
            let position = packing.last(j);
            for (dy, &d_last) in dy[position * hidden..(position + 1) * hidden].iter_mut().zip(d_last) {
                *dy += d_last;
            }
        }
        gather(d_last_c, packing.order(), hidden, dc_last);

        let [d_kernel, d_recurrent, d_bias] = gradients.dense(frame.weights.indices(WEIGHTS))?;
        let ([x, y, h0, c0, dy, dc_last], [stash, dx, dh0, dc0, frozen, workspace]) = frame.buffers.carve(
            [
                kept.x.of(kept_place)?,
                kept.y.of(kept_place)?,
                kept.h0.of(kept_place)?,
                kept.c0.of(kept_place)?,
                layout.dy.of(scratch)?,
                layout.dc_last.when(wants_dc).of(scratch)?,
            ],
            [
                kept.stash.of(kept_place)?,
                layout.dx.when(wants_dx).of(scratch)?,
                layout.dh0.when(d_h0.is_some()).of(scratch)?,
                layout.dc0.when(d_c0.is_some()).of(scratch)?,
                layout.frozen.of(scratch)?,
                layout.workspace.of(scratch)?,
            ],
        )?;
        let (frozen_kernel, frozen) = frozen.split_at_mut(self.cell.kernel_len());
        let (frozen_recurrent, frozen_bias) = frozen.split_at_mut(self.cell.recurrent_len());
        let [d_kernel, d_recurrent, d_bias] =
            [(d_kernel, frozen_kernel), (d_recurrent, frozen_recurrent), (d_bias, frozen_bias)].map(
                |(gradient, scratch)| {
                    if !gradient.is_empty() {
                        return gradient;
                    }
                    // Only so that leftovers cannot be NaN, which is slow to add to.
                    scratch.fill(T::ZERO);
                    scratch
                },
            );
        self.states = None;
        if frame.run.record == Record::States {
            let looked_up = match (table, input_plan.vocabulary) {
                (Some(table), Some(_)) => {
                    let mut looked_up = memory::aligned(rows * width, "The gradients of the states")?;
                    look_up(table, &self.ids, width, &mut looked_up);
                    Some(looked_up)
                }
                _ => None,
            };
            let known = Known {
                steps: packing.steps(),
                x: looked_up.as_deref().unwrap_or(x),
                y,
                initial: [h0, c0],
                dy,
                dc_last: if wants_dc { dc_last } else { &[] },
                cancel: frame.run.cancel,
            };
            let dh = state_gradients(&self.cell, packed_cell, &known)?;
            self.states = Some(StateGradient::unpacked("h", &dh, &order, mask, &[hidden])?);
        }
        if rows > 0 {
            T::cell_backward(
                &self.cell,
                packed_cell,
                CellBackward {
                    steps: packing.steps(),
                    x: match (table, input_plan.vocabulary) {
                        (Some(table), Some(_)) => CellInput::Tokens { table, ids: &self.ids },
                        _ => CellInput::Rows(x),
                    },
                    h0: (states > 0).then_some(h0),
                    c0: (states > 1).then_some(c0),
                    y,
                    stash,
                    segment: self.segment,
                    dy,
                    dc_last: wants_dc.then_some(dc_last),
                    dx: wants_dx.then_some(dx),
                    dh0: d_h0.is_some().then_some(dh0),
                    dc0: (d_c0.is_some()).then_some(dc0),
                    d_kernel,
                    d_recurrent,
                    d_bias: self.has_bias.then_some(d_bias),
                    workspace,
                    cancel: frame.run.cancel,
                },
            );
        }
        frame.check_cancelled()?;

        // Into the gradients of the inputs, one at a time: two of them may be the same value.
        if d_x.is_some() {
            let ([packed], [gradient]) = frame.buffers.carve([layout.dx.of(scratch)?], [d_x])?;
            order.scatter_add(packed, width, frame.inputs[0].fresh, gradient);
        }
        if let Some(lookup) = learned.filter(|_| rows > 0) {
            let ([packed], []) = frame.buffers.carve([layout.dx.of(scratch)?], [])?;
            let ids = |position: usize| self.ids.get(position).map(|&id| id as usize);
            match input_plan.vocabulary {
                Some(vocabulary) => gradients.add_rows(lookup.weight, vocabulary, Some, packed)?,
                None => gradients.add_rows(lookup.weight, rows, ids, packed)?,
            }
        }
        for (piece, target) in [(layout.dh0, d_h0), (layout.dc0, d_c0)] {
            if target.is_some() {
                let ([packed], [gradient]) = frame.buffers.carve([piece.of(scratch)?], [target])?;
                scatter_add(packed, packing.order(), hidden, gradient);
            }
        }
        // Rows without a valid step pass their initial state on.
        let last = [1, 2].map(|index| frame.outputs.get(index).map_or(Place::None, |output| output.gradient));
        for (last, target) in last.into_iter().zip([d_h0, d_c0]) {
            let ([last], [gradient]) = frame.buffers.carve([last], [target])?;
            let rows = gradient.chunks_exact_mut(hidden).zip(last.chunks_exact(hidden)).zip(packing.counts());
            for ((gradient, last), _) in rows.filter(|&(_, &count)| count == 0) {
                for (gradient, &last) in gradient.iter_mut().zip(last) {
                    *gradient += last;
                }
            }
        }
        Ok(())
    }
}
