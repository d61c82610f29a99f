//! What both passes of a scan do: find the mask, and run one operation.

use super::layout::{Home, Layout, Locator, Region, Scope, node_sizes, with_rows};
use super::{Scan, Scratch};
use crate::error::{Error, Result};
use crate::mask::SequenceMask;
use crate::ops::{Buffers, Frame, Moment, Place, ValueRef, Weights};
use crate::params::Parameters;
use crate::values::Dtype;
use seqloom_kernels::Scalar;

/// What does not change while a pass runs.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a, T: Scalar> {
    pub(super) locator: Locator<'a>,
    pub(super) layout: &'a Layout,
    /// The operands of the scan.
    pub(super) inputs: &'a [ValueRef],
    pub(super) params: &'a Parameters<T>,
    pub(super) integers: &'a [Vec<i32>],
    pub(super) run: &'a crate::mode::Run<'a>,
    /// The number of the scan in its graph.
    pub(super) node: usize,
    pub(super) recording: bool,
}

/// The key of the random numbers of a body's node: unlike that of any node of a graph.
fn key(scan: usize, node: usize) -> usize {
    ((scan + 1) << 24) | node
}

impl<T: Scalar> Pass<'_, T> {
    /// Where a value of the body lies.
    pub(super) fn value(&self, value: usize, scope: Scope) -> Result<Place> {
        match self.layout.values[value] {
            Home::Operand(operand) => Ok(self.inputs[operand].place),
            _ => self.locator.home(&self.layout.values, value, scope),
        }
    }

    /// Where its gradient lies.
    pub(super) fn gradient(&self, value: usize, scope: Scope) -> Result<Place> {
        self.locator.home(&self.layout.gradients, value, scope)
    }
}

/// Fills the lists of a node's operands and calls `body` with what it runs in.
pub(super) fn with_frame<T: Scalar, R>(
    body: &mut super::Body<T>,
    scratch: &mut Scratch,
    pass: &Pass<'_, T>,
    buffers: Buffers<'_, T>,
    (index, scope, backward): (usize, Scope, bool),
    run: impl FnOnce(&mut crate::ir::Call<T>, Frame<'_, T>) -> Result<R>,
) -> Result<R> {
    let rows = pass.locator.rows(scope);
    let Scratch { inputs, outputs, input_metas, output_metas, live } = scratch;
    let sizes = node_sizes(body, index, rows, pass.recording, (input_metas, output_metas))?;
    let super::Body { nodes, metas, shared, outers, .. } = body;
    let node = &mut nodes[index];
    let operand = |value: usize, kept: bool, live: bool| -> Result<ValueRef> {
        Ok(ValueRef {
            shape: with_rows(&metas[value], rows),
            dtype: Dtype::Float32,
            place: if kept { pass.value(value, scope)? } else { Place::None },
            gradient: if backward && live { pass.gradient(value, scope)? } else { Place::None },
            fresh: false,
            mask: None,
            input: None,
        })
    };
    inputs.clear();
    for (position, &value) in node.inputs.iter().enumerate() {
        // A gradient that is shared is there already, and some come behind the loop.
        let later = position == 1 && outers.iter().any(|outer| outer.node == index);
        let wanted = live.get(value).copied().unwrap_or(false) && shared[value].is_none() && !later;
        inputs.push(operand(value, !backward || node.op.keeps_input(position), wanted)?);
    }
    outputs.clear();
    for (position, &value) in node.outputs.iter().enumerate() {
        outputs.push(operand(value, !backward || node.op.keeps_output(position), true)?);
    }
    let stash = match &pass.layout.stashes[index] {
        Some(slot) if pass.recording => {
            let place = pass.locator.slot(slot, scope)?;
            if sizes.stash == 0 { Place::None } else { place.part(0, sizes.stash)? }
        }
        _ => Place::None,
    };
    let workspace = if backward {
        pass.locator.part(Region::Backward, pass.layout.backward_scratch, sizes.backward)?
    } else {
        pass.locator.part(Region::Forward, pass.layout.forward_scratch, sizes.forward)?
    };
    let step = if let Scope::Step(step) = scope { Some(step) } else { None };
    let rows = (scope != Scope::Rows).then(|| pass.locator.packing.order());
    // Lent to the frame, so that the node is free.
    let weights = std::mem::take(&mut node.weights);
    let frame = Frame {
        inputs,
        outputs,
        buffers,
        weights: Weights { params: pass.params, indices: &weights },
        integers: pass.integers,
        stash,
        workspace,
        run: pass.run,
        node: key(pass.node, index),
        moment: Moment { step, rows },
    };
    let result = run(node, frame);
    node.weights = weights;
    result
}

impl<T: Scalar> Scan<T> {
    /// The index of the mask that all sequences have.
    pub(super) fn common_mask(&self, inputs: &[ValueRef]) -> Option<usize> {
        let mut masks = inputs[..self.counts.sequences].iter().map(|input| input.mask);
        let first = masks.next()??;
        masks.all(|mask| mask == Some(first)).then_some(first)
    }

    /// Computes the intersection of the sequences' masks.
    pub(super) fn merge_masks(
        &mut self,
        inputs: &[ValueRef],
        masks: &[SequenceMask],
        (batch, time): (usize, usize),
    ) -> Result<()> {
        self.mask.reset(batch, time);
        for mask in inputs[..self.counts.sequences].iter().filter_map(|input| input.mask) {
            let mask =
                masks.get(mask).ok_or_else(|| Error::native("A sequence has a mask that is missing"))?;
            self.mask.intersect(mask)?;
        }
        self.mask.pack()
    }

    /// Batch and time of the inputs at hand.
    pub(super) fn grid_of(&self, inputs: &[ValueRef]) -> Result<(usize, usize)> {
        let batch = self.body_batch()?;
        let time = match self.steps {
            Some(steps) => steps,
            None => inputs.first().map_or(1, |input| input.shape.time()),
        };
        Ok((batch, time))
    }

    fn body_batch(&self) -> Result<usize> {
        let output = self.body.outputs.first().ok_or_else(|| Error::native("A scan without outputs"))?;
        Ok(self.body.metas[*output].shape.batch())
    }
}
